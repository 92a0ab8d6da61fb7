package ftp

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// TestQuote holds that each command has a session of its own, which is not used
// again, and what comes back.
func TestQuote(t *testing.T) {
	for _, test := range []struct {
		line, script string
		want         []Reply
		kind         sites.Kind // of the error; Other is none
	}{
		{"FEAT", "S: 211-Features\nS:  SIZE\nS: 211 End", []Reply{{211, []string{"Features", " SIZE", "End"}}}, sites.Other},
		{"CWD /d", "S: 250 ok", []Reply{{250, []string{"ok"}}}, sites.Other},
		{"REST 5", "S: 350 go on", []Reply{{350, []string{"go on"}}}, sites.Other},
		{"SITE WAIT", "S: 120 a moment\nS: 200 ok", []Reply{{120, []string{"a moment"}}, {200, []string{"ok"}}}, sites.Other},
		{"DELE x", "S: 550 no such file", []Reply{{550, []string{"no such file"}}}, sites.NotFound},
		{"XYZZY", "S: 500 what", []Reply{{500, []string{"what"}}}, sites.Unsupported},
	} {
		t.Run(test.line, func(t *testing.T) {
			t.Parallel()
			quoted := again + "C: " + test.line + "\n" + test.script + "\n"
			if test.line != "REST 5" { // after it the session is not in step for a QUIT
				quoted += "C: QUIT"
			}
			// max-sessions=1: the idle session ends before the new one begins.
			f := site(t, ftptest.Play(t, loggedIn+"C: NOOP\nS: 200 ok\nC: QUIT", quoted, again+"C: NOOP\nS: 200 ok\nC: QUIT"), "max-sessions=1")
			ctx := within(t, patience)
			if err := f.Ping(ctx); err != nil {
				t.Fatal(err)
			}
			got, err := f.Quote(ctx, test.line)
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
			if test.kind == sites.Other && err != nil {
				t.Error(err)
			} else if test.kind != sites.Other {
				checkKind(t, test.line, err, test.kind)
				if e := err.(*sites.Error); e.Code != test.want[0].Code || e.Site != "TEST" {
					t.Errorf("the error is %+v", e)
				}
			}
			if err := f.Ping(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestQuoteRefused holds that no command goes out that has no place here.
func TestQuoteRefused(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t), "")
	for _, line := range []string{"", " PASS x", "\tPASS x", "PASS\tx", "RETR f", "stor f", "APPE f", "STOU", "LIST", "nlst x", "MLSD"} {
		_, err := f.Quote(t.Context(), line)
		checkKind(t, line, err, sites.Usage)
	}
}

// TestQuotedLine holds that a line cannot hold two commands, and that a password
// is masked where it is shown.
func TestQuotedLine(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+"C: QUIT", again+"C: pass sesame\nS: 230 ok\nC: QUIT"), "")
	var shown strings.Builder
	ctx := sites.WithTrace(within(t, patience), &sites.Trace{Command: func(_ string, _ int, line string) { shown.WriteString(line + "\n") }})
	_, err := f.Quote(ctx, "DELE f\r\nDELE g")
	checkKind(t, "two lines", err, sites.Usage)
	if _, err := f.Quote(ctx, "pass sesame"); err != nil {
		t.Error(err)
	}
	if got := shown.String(); strings.Contains(got, "sesame") || !strings.HasSuffix(got, "PASS xxxxx\nQUIT\n") && !strings.HasSuffix(got, "PASS xxxxx\n") {
		t.Errorf("shown: %q", got)
	}
}
