package rsexec

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rsexec/grammar"
	"rsexec/sites"
)

// TestInTurn holds that pieces of work go on at the same time, that no more than a few do,
// and that each shows what it has after the one before it has ended.
func TestInTurn(t *testing.T) {
	t.Parallel()
	const n = 3 * searches
	var shown []int
	var going, most atomic.Int32
	var all sync.WaitGroup // of the first ones
	all.Add(searches)
	ts := inTurn(t.Context(), n, func(_ context.Context, i int, turn func() bool) error {
		now := going.Add(1)
		defer going.Add(-1)
		for most.Load() < now && !most.CompareAndSwap(most.Load(), now) {
		}
		if i < searches {
			all.Done()
			all.Wait() // it would not end if they went on one by one
		}
		if !turn() {
			t.Error("no turn")
		}
		shown = append(shown, i)
		return fmt.Errorf("%d", i)
	})
	defer ts.end()
	for i := range n {
		if err := ts.next(); err.Error() != fmt.Sprint(i) || len(shown) != i+1 || shown[i] != i {
			t.Errorf("%d: %v, shown %v", i, err, shown)
		}
	}
	if most.Load() != searches {
		t.Errorf("%d at the same time", most.Load())
	}
}

// TestInTurnEnds holds that who waits for a turn that does not come is told so, and that
// nothing is left going.
func TestInTurnEnds(t *testing.T) {
	t.Parallel()
	var ended atomic.Int32
	ts := inTurn(t.Context(), 5, func(_ context.Context, i int, turn func() bool) error {
		if turn() != (i == 0) {
			t.Errorf("%d: turn", i)
		}
		ended.Add(1)
		return nil
	})
	if err := ts.next(); err != nil {
		t.Error(err)
	}
	ts.end()
	if ended.Load() != 5 {
		t.Errorf("%d have ended", ended.Load())
	}
}

// gate forwards connections to a server once open is closed. It tells of the first.
func gate(t *testing.T, url string, open <-chan struct{}) (through string, first <-chan struct{}) {
	t.Helper()
	server := url[strings.LastIndex(url, "@")+1:]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	came := make(chan struct{})
	var once sync.Once
	var group sync.WaitGroup
	t.Cleanup(func() { l.Close(); group.Wait() })
	group.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			once.Do(func() { close(came) })
			group.Go(func() {
				defer near.Close()
				select {
				case <-open:
				case <-t.Context().Done():
					return
				}
				far, err := net.Dial("tcp", server)
				if err != nil {
					t.Error(err)
					return
				}
				defer far.Close()
				group.Go(func() { io.Copy(near, far); near.Close() })
				io.Copy(far, near)
			})
		}
	})
	return strings.Replace(url, server, l.Addr().String(), 1), came
}

// TestFindAtOnce holds that FIND and COUNT ask the sites of all their words at the same
// time, and print in the order of the words: the first site answers only when the second
// was asked.
func TestFindAtOnce(t *testing.T) {
	t.Parallel()
	for statement, want := range map[string]string{
		"FIND SITE1:/, SITE2:/":      "SITE1:/a\nSITE1:/d/\nSITE1:/d/b\nSITE2:/c\n",
		"FIND SITE1:/**, SITE2:/*":   "SITE1:/a\nSITE1:/d/\nSITE1:/d/b\nSITE2:/c\n",
		"FIND SITE1:/no*, SITE2:/":   "SITE2:/c\n",
		"COUNT SITE1:/, SITE2:/":     "2 files 1 directory SITE1:/\n1 file 0 directories SITE2:/\n3 files 1 directory total\n",
		"FIND SITE1:/nosuch SITE2:/": "SITE2:/c\n",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			one, _ := serve(t, map[string]string{"a": "1", "d/b": "2"})
			two, _ := serve(t, map[string]string{"c": "3"})
			ready := make(chan struct{})
			close(ready)
			two, asked := gate(t, two, ready)
			one, _ = gate(t, one, asked)
			x := newShell(t, nil, "SITE1="+one, "SITE2="+two)
			out, err := x.run(t, statement)
			got := ""
			for line := range strings.Lines(out) {
				fields := strings.Fields(line)
				if strings.HasPrefix(statement, "COUNT") {
					got += strings.Join(fields[2:], " ") + "\n"
				} else {
					got += fields[len(fields)-1] + "\n"
				}
			}
			if got != want {
				t.Errorf("%s\nwant\n%s", out, want)
			}
			if fails := strings.Contains(statement, "no"); fails != (Status(err) == StatusSome) || !fails && err != nil {
				t.Errorf("%v, said %s", err, x.err.String())
			}
		})
	}
}

// TestFindOneSession holds that words of one site that allows one session do not wait for
// each other, though what they find is asked about.
func TestFindOneSession(t *testing.T) {
	t.Parallel()
	files := make(map[string]string)
	for i := range 20 {
		files[fmt.Sprintf("d%02d/e/f", i)] = "1"
	}
	url, _ := serve(t, files)
	x := newShell(t, nil, "ONE="+url+"/?max-sessions=1")
	words := make([]string, 20)
	for i := range words {
		words[i] = fmt.Sprintf("ONE:/d%02d", i)
	}
	out, err := x.run(t, "FIND "+strings.Join(words, ", ")+" --type=file")
	want := ""
	for _, w := range words {
		want += w + "/e/f\n"
	}
	got := ""
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		got += fields[len(fields)-1] + "\n"
	}
	if err != nil || got != want {
		t.Errorf("%v: %s", err, out)
	}
}

// TestFindStops ends FIND while words wait for their turn.
func TestFindStops(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	one, _ := serve(t, map[string]string{"a": "1"})
	two, _ := serve(t, map[string]string{"b": "2"})
	one, asked := gate(t, one, never)
	x := newShell(t, nil, "SITE1="+one, "SITE2="+two)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { <-asked; stop() }()
	statements, err := grammar.Parse("", "FIND SITE1:/, SITE2:/")
	if err != nil {
		t.Fatal(err)
	}
	err = x.Run(ctx, statements[0])
	if sites.KindOf(err) != sites.Cancelled {
		t.Error(err)
	}
	if x.out.String() != "" {
		t.Errorf("printed %q", x.out.String())
	}
}
