package transfer

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkAppend appends files of 4 KiB between two of our servers. A command
// is a round trip where nothing goes out beside it.
func BenchmarkAppend(b *testing.B) {
	source, dest := serve(b, nil), serve(b, nil)
	source.write(b, "a", strings.Repeat("x", 4<<10))
	m, _ := newMover()
	var count sent
	ctx := count.under(b.Context())
	j := between(b, Append, source, dest, "")
	if _, err := m.Do(ctx, j); err != nil {
		b.Fatal(err)
	}
	login := len(count.lines)
	b.ReportAllocs()
	began, n := time.Now(), 0
	for b.Loop() {
		n++
		j.Dest.Path = fmt.Sprintf("/b%d", n)
		if _, err := m.Do(ctx, j); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/time.Since(began).Seconds(), "files/s")
	b.ReportMetric(float64(len(count.lines)-login)/float64(n), "commands/file")
}
