package transfer

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	faults "rsexec/sites/ftptest/fault"
)

// TestTold copies a large file between servers that tell how far it is and what its digest
// is: neither is asked for, and the result says what was verified.
func TestTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		verify, verified string
		hashes           int // asked for
	}{
		{"", ByDigest, 0},
		{ByDigest, ByDigest, 0},
		{BySize, BySize, 0},
	} {
		t.Run("verify="+test.verify, func(t *testing.T) {
			t.Parallel()
			source, dest := serve(t, nil), serve(t, nil)
			text := strings.Repeat("0123456789abcdef", 4<<20/16)
			source.write(t, "a", text)
			// The data passes the proxy of the site that listens; it stops in the middle.
			before := func(h *host) string {
				user, addr, _ := strings.Cut(strings.TrimPrefix(h.url, "ftp://"), "@")
				p := faults.Start(t, addr, faults.Options{Faults: faults.Plan{{What: faults.Delay, Where: faults.Up, Byte: 2 << 20, Delay: 2500 * time.Millisecond}}})
				return "ftp://" + user + "@" + net.JoinHostPort(p.Host, fmt.Sprint(p.Port))
			}
			dest.url = before(dest)
			m, _ := newMover()
			m.limits = nil // those of everyday work
			r := between(t, Copy, source, dest, "")
			r.Verify = test.verify
			var mu sync.Mutex
			var progress []int64
			r.Progress = func(n int64) {
				mu.Lock()
				defer mu.Unlock()
				progress = append(progress, n)
			}
			var count sent
			result, err := m.Do(count.under(within(t)), r)
			if err != nil {
				t.Fatal(err)
			}
			dest.check(t, "b", text)
			if result.Verified != test.verified || result.Choreography != "rfc959" {
				t.Errorf("it was verified by %s, %s", result.Verified, result.Choreography)
			}
			if n := count.count("SITE1 HASH") + count.count("SITE2 HASH"); n != test.hashes {
				t.Errorf("%d digests were asked for", n)
			}
			if n := count.count("SITE2 SIZE /.rsexec"); n > 2 { // once it is complete
				t.Errorf("its size was asked for %d times", n)
			}
			if !slices.ContainsFunc(progress, func(n int64) bool { return n >= 1<<20 && n < 4<<20 }) || !slices.IsSorted(progress) {
				t.Errorf("the progress was %v", progress)
			}
		})
	}
}
