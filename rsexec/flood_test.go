package rsexec

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// outputs is where results are written, each time at once.
type outputs struct {
	written chan string
	err     error
}

func (o *outputs) Write(p []byte) (int, error) {
	o.written <- string(p)
	return len(p), o.err
}

// TestFlood holds that what is printed many times is written in its order, several lines
// at a time, and the last though nothing follows it.
func TestFlood(t *testing.T) {
	t.Parallel()
	o := &outputs{written: make(chan string, 1000)}
	f := newFlood(&printer{out: o})
	if err := f.print(textEvent{"text", "alone\n"}); err != nil {
		t.Error(err)
	}
	select {
	case got := <-o.written:
		if got != "alone\n" {
			t.Errorf("%q", got)
		}
	case <-time.After(10 * time.Second):
		t.Error("it waits for more, which does not come")
	}
	const n = 10_000
	want := ""
	for i := range n {
		line := fmt.Sprintln(i)
		want += line
		if err := f.print(textEvent{"text", line}); err != nil {
			t.Error(err)
		}
	}
	if err := f.end(); err != nil {
		t.Error(err)
	}
	close(o.written)
	var got strings.Builder
	times := 0
	for text := range o.written {
		got.WriteString(text)
		times++
	}
	if got.String() != want || times > n/100 {
		t.Errorf("%d bytes of %d, written in %d pieces", got.Len(), len(want), times)
	}
}

// TestFloodFails holds that who prints hears that nothing can be written, and that no more
// is.
func TestFloodFails(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	o := &outputs{written: make(chan string, 1000), err: full}
	f := newFlood(&printer{out: o})
	line, printed := strings.Repeat("x", 1000)+"\n", 0
	for f.print(textEvent{"text", line}) == nil && printed < 1000 {
		printed++
	}
	if printed >= 1000 {
		t.Error("nobody was told")
	}
	if err := f.end(); !errors.Is(err, full) {
		t.Error(err)
	}
	if n := len(o.written); n != 1 {
		t.Errorf("written %d times", n)
	}
}
