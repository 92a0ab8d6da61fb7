package rsexec

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"rsexec/rsexec/plan"
	"rsexec/rsexec/state"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// TestLines draws lines at several widths: what there is room for.
func TestLines(t *testing.T) {
	file := row{name: "SITE1:/directory/with/a/file.bin", figure: "rfc959", bytes: 3 << 20, size: 10 << 20, rate: 1 << 20}
	wide := row{name: "SITE1:/目录/很长的文件名字", figure: "same-site", bytes: 1 << 20, size: 1 << 20, rate: 1 << 20}
	unsized := row{name: "SITE1:/x", figure: "local", bytes: 1500 << 10, size: -1, rate: 999}
	total := row{name: "1234567 of 7654321+", unit: " files", bytes: 5 << 30, size: -1, rate: -1}
	for _, test := range []struct {
		row
		width int
		want  string
	}{
		{file, 99, "…TE1:/directory/with/a/file.bin rfc959    [====>-----------]  30%  3.0/10.0 MiB  1.0 MiB/s     0:07"},
		{file, 79, "…y/with/a/file.bin rfc959    [==>------]  30%  3.0/10.0 MiB  1.0 MiB/s     0:07"},
		{file, 39, "…th/a/file.bin  30%  1.0 MiB/s     0:07"},
		{file, 28, "…th/a/file.bin  30%     0:07"},
		{file, 10, "…/file.bin"},
		{file, 0, ""},
		{wide, 79, "…录/很长的文件名字 same-site [=========] 100%   1.0/1.0 MiB"},
		{wide, 39, "… 长的文件名字 100%"},
		{unsized, 79, "SITE1:/x           local                            1.5 MiB    999 B/s"},
		{unsized, 39, "SITE1:/x               999 B/s  1.5 MiB"},
		{total, 79, "1234567 of 7654321+                                 5.0 GiB"},
		{total, 39, "1234567 of 7654321+ files       5.0 GiB"},
		{total, 20, "1234567 of 7654321+"},
	} {
		got := test.line(test.width)
		if got != test.want {
			t.Errorf("at %d columns:\n%q\nwant\n%q", test.width, got, test.want)
		}
		if n := runewidth.StringWidth(got); n > test.width {
			t.Errorf("%d columns of %d: %q", n, test.width, got)
		}
	}
}

// TestAmounts writes sizes and times in the room that there is for them.
func TestAmounts(t *testing.T) {
	for _, test := range []struct {
		bytes, size int64
		rate        float64
		amount      string
		left        string
	}{
		{0, 0, 5, "0/0 B", ""},
		{5, 1023, 10, "5/1023 B", "1:42"},
		{1 << 10, 1 << 10, 10, "1.0/1.0 KiB", ""},
		{1 << 20, 100 << 20, 1 << 20, "1/100 MiB", "1:39"},
		{1<<20 - 2, 1<<20 - 1, 1, "1.0/1.0 MiB", "0:01"},
		{10 << 30, 50 << 30, 1 << 20, "10.0/50.0 GiB", "11:22:40"},
		{0, 1 << 62, 1, "0.0/4.0 EiB", "days"},
		{3, -1, 1, "3 B", ""},
		{3, 5, 0, "3/5 B", ""},
		{3, 5, -1, "3/5 B", ""},
	} {
		r := row{bytes: test.bytes, size: test.size, rate: test.rate}
		if r.amount() != test.amount || r.left() != test.left || len(r.amount()) >= bytesWidth || len(r.left()) >= leftWidth {
			t.Errorf("%+v: %q, %q; want %q, %q", r, r.amount(), r.left(), test.amount, test.left)
		}
	}
}

// TestPace smooths a rate.
func TestPace(t *testing.T) {
	var p pace
	start := time.Unix(1000, 0)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	want := func(seconds, rate float64) {
		t.Helper()
		if got := p.rate(at(seconds)); got < rate*0.99 || got > rate*1.01 {
			t.Errorf("after %v s: %v, want %v", seconds, got, rate)
		}
	}
	p.note(at(0), 500) // what an earlier run left
	if p.rate(at(0)) >= 0 {
		t.Error("a rate is known too soon")
	}
	for n := range 100 {
		p.note(at(float64(n+1)/10), 500+int64(n+1)*100)
	}
	want(10, 1000)
	want(11, 1000)
	want(20, 500) // nothing has come for as long as something had
	p.note(at(20), 500+10_000)
	p.note(at(30), 500+10_000)
	if rate := p.rate(at(30)); rate != 0 {
		t.Errorf("nothing comes, at %v", rate)
	}
	p.note(at(31), 0) // it begins anew
	p.note(at(32), 50)
	want(32, 50)
}

// page is a screen in memory.
type page struct {
	mu    sync.Mutex
	sent  bytes.Buffer
	drawn chan struct{} // holds one: something came
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.drawn <- struct{}{}:
	default:
	}
	return p.sent.Write(b)
}

func (p *page) Size() (columns, rows int) { return 80, 24 }

// expect waits until what was sent since the last time has a text, and returns it.
func (p *page) expect(t *testing.T, text string) string {
	t.Helper()
	for timeout := time.After(20 * time.Second); ; {
		p.mu.Lock()
		sent := p.sent.String()
		if strings.Contains(sent, text) {
			p.sent.Reset()
			p.mu.Unlock()
			return sent
		}
		p.mu.Unlock()
		select {
		case <-p.drawn:
		case <-timeout:
			t.Fatalf("%q is not drawn, but %q", text, sent)
		}
	}
}

// rest returns what was sent since the last time.
func (p *page) rest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.sent.Reset()
	return p.sent.String()
}

// erased reports whether text leaves the cursor where n lines were, which it erases.
func erased(text string) bool { return strings.HasSuffix(text, "A\x1b[J") }

// TestDisplay draws two jobs and prints in between.
func TestDisplay(t *testing.T) {
	screen := &page{drawn: make(chan struct{}, 1)}
	d := &display{screen: screen}
	out := d.above(screen)
	newProgress := func(several bool, ahead state.Ahead) *progress {
		p := &progress{display: d, several: several, stop: func() {}, stopped: make(chan struct{}),
			ahead: func(context.Context) (state.Ahead, error) { return ahead, nil }}
		close(p.stopped)
		p.count(t.Context())
		return p
	}
	write := func(text string) {
		t.Helper()
		if _, err := io.WriteString(out, text); err != nil {
			t.Fatal(err)
		}
	}
	write("at once ")
	if got := screen.rest(); got != "at once " {
		t.Errorf("%q", got)
	}

	one := newProgress(false, state.Ahead{Files: 1, Bytes: 1000})
	transfer := state.Transfer{N: 1, Source: sites.Pathname{Site: "SITE1", Path: "/f"}, Dest: sites.Pathname{Site: "SITE2", Path: "/f"}, Size: 1000}
	one.began(transfer)
	one.going(transfer, plan.RFC959)
	one.arrived(transfer, 250)
	d.show(one)
	screen.expect(t, "SITE1:/f           rfc959    [=>-------]  25%    250/1000 B")

	// A line is printed when it is whole, and above.
	write("one\ntwo, ")
	if got := screen.expect(t, "one\n"); strings.Contains(got, "two") || !strings.Contains(got, "\x1b[1A\x1b[Jone\nSITE1:/f") {
		t.Errorf("%q", got)
	}
	write("three\nfour")
	if got := screen.expect(t, "two, three\n"); !strings.Contains(got, "\x1b[1A\x1b[Jtwo, three\nSITE1:/f") {
		t.Errorf("%q", got)
	}

	// Another job beside it, and a total of both.
	two := newProgress(true, state.Ahead{Files: 9, Bytes: 9000, Trees: 1})
	d.show(two)
	screen.expect(t, "0 of 10+ files")
	d.mu.Lock()
	two.known.Trees = 0
	d.mu.Unlock()
	screen.expect(t, "\n0 of 10 files                [---------]   2%   0.2/9.8 KiB")

	// While the screen is somebody else's nothing is drawn.
	d.aside(func() {
		if got := screen.rest(); !strings.HasSuffix(got, "A\x1b[Jfour") {
			t.Errorf("%q", got)
		}
		d.aside(func() {})
		write("question? ")
		if got := screen.rest(); got != "question? " {
			t.Errorf("%q", got)
		}
	})
	screen.expect(t, "0 of 10 files")

	one.done(transfer, 1000)
	one.close()
	screen.expect(t, "\r\x1b[1A\x1b[J1 of 10 files                [>--------]  10%   1.0/9.8 KiB")
	two.close()
	if got := screen.rest(); !erased(got) {
		t.Errorf("%q", got)
	}
}

// TestSharedSource tells files from one source by where they go.
func TestSharedSource(t *testing.T) {
	d := &display{screen: &page{}}
	p := &progress{display: d, several: true}
	d.shown = []*progress{p}
	for n, site := range []string{"SITE2", "SITE3"} {
		p.began(state.Transfer{N: int64(n), Source: sites.Pathname{Site: "SITE1", Path: "/f"}, Dest: sites.Pathname{Site: site, Path: "/f"}, Size: -1})
	}
	for n := range 20 {
		p.began(state.Transfer{N: int64(n + 10), Source: sites.Pathname{Site: "SITE1", Path: "/g"}, Dest: sites.Pathname{Site: "SITE2", Path: "/g"}, Size: -1})
	}
	if lines := d.draw(80, 24, time.Now()); len(lines) != 1 {
		t.Errorf("files are drawn at once: %q", lines)
	}
	lines := d.draw(80, 24, time.Now().Add(2*calm))
	if len(lines) != maxBars+1 || !strings.HasPrefix(lines[0], "SITE1:/f to SITE2 ") || !strings.HasPrefix(lines[1], "SITE1:/f to SITE3 ") {
		t.Errorf("%q", lines)
	}
	if lines := d.draw(80, 4, time.Now().Add(2*calm)); len(lines) != 3 {
		t.Errorf("in 4 lines: %q", lines)
	}
}

// TestSumOfJob sums a job up: in one line, or in a table.
func TestSumOfJob(t *testing.T) {
	many := jobEvent{Done: 200, Total: 212, Left: 3, Failed: 1, Ways: map[string]int{"server to server by rfc959": 198, "through this host": 2},
		Verified: map[string]int{"size": 199, "none": 1}}
	few := jobEvent{Done: 2, Total: 2, Ways: map[string]int{"with this host": 2}, Verified: map[string]int{"digest": 2}}
	none := jobEvent{Total: 4}
	for _, test := range []struct {
		e           jobEvent
		line, table string
	}{
		{many, "COPY: x; 198 server to server by rfc959, 2 through this host, 1 not verified, 199 verified by size, 3 left as they were, 1 failed, 8 not begun\n",
			"COPY: x\n  198 server to server by rfc959\n    2 through this host\n    1 not verified\n  199 verified by size\n    3 left as they were\n    1 failed\n    8 not begun\n"},
		{few, "COPY: x; 2 with this host, 2 verified by digest\n", "COPY: x\n  2 with this host\n  2 verified by digest\n"},
		{none, "COPY: x; 4 not begun\n", "COPY: x\n  4 not begun\n"},
	} {
		if got := test.e.line("COPY: x"); got != test.line {
			t.Errorf("%q\nwant\n%q", got, test.line)
		}
		if got := test.e.table("COPY: x"); got != test.table {
			t.Errorf("%q\nwant\n%q", got, test.table)
		}
	}
}

// TestSumOnScreen has a table where bars may be drawn, and a line for each file where
// not.
func TestSumOnScreen(t *testing.T) {
	url, _ := serve(t, map[string]string{"a": "1", "b": "22", "d/c": "333"})
	for _, test := range []struct {
		name      string
		screen    Screen
		json      bool
		trace     bool
		statement string
		want      []string // what the lines begin with
	}{
		{"screen", &page{}, false, false, "COPY SITE1:a,SITE1:b SITE1:d", []string{"COPY: 2 files, 3 B in ", "  2 by the site itself", "  2 verified by digest"}},
		{"one of a tree", &page{}, false, false, "COPY SITE1:d SITE1:new --include=c --recursive",
			[]string{"CREATE SITE1:/new", "COPY SITE1:/d/c to SITE1:/new/c: 3 bytes by the site itself, "}},
		{"traced", &page{}, false, true, "COPY SITE1:a,SITE1:b SITE1:d",
			[]string{"COPY SITE1:/a to SITE1:/d/a: ", "COPY SITE1:/b to SITE1:/d/b: ", "COPY: 2 files, 3 B in "}},
		{"none", nil, false, false, "COPY SITE1:a,SITE1:b SITE1:d",
			[]string{"COPY SITE1:/a to SITE1:/d/a: ", "COPY SITE1:/b to SITE1:/d/b: ", "COPY: 2 files, 3 B in "}},
		{"json", &page{}, true, false, "COPY SITE1:a,SITE1:b SITE1:d", []string{`{"event":"transfer"`, `{"event":"transfer"`, `{"event":"job"`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newShell(t, func(o *Options) { o.Screen, o.JSON, o.Trace, o.Terminal = test.screen, test.json, test.trace, true }, "SITE1="+url)
			out, err := s.run(t, test.statement)
			if err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			slices.Sort(lines[:len(lines)-1]) // files end in any order
			want := slices.Clone(test.want)
			slices.Sort(want[:len(want)-1])
			if !slices.EqualFunc(lines, want, strings.HasPrefix) {
				t.Errorf("%q\nwant\n%q", lines, want)
			}
		})
	}
}

var _ transfer.Report = (*jobReport)(nil)
