package sites

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestErrorLine(t *testing.T) {
	cases := []struct {
		err  error
		want string
	}{
		{&Error{Op: "APPEND", Site: "SITE2", Path: "/x", Kind: Permission, Code: 553, Text: "Could not create file."},
			"APPEND SITE2:/x: the server said 553 Could not create file"},
		{&Error{Op: "connect to", Site: "SITE1", Kind: Unreachable, Msg: "192.0.2.1:21", Err: errors.New("connection refused")},
			"connect to SITE1: 192.0.2.1:21: connection refused"},
		{&Error{Path: "a b", Kind: NotFound, Msg: "no such file", Hint: "look again"}, "a b: no such file; look again"},
		{&Error{Op: "COPY", Kind: Busy}, "COPY: busy"},
		{&Error{Site: "SITE1", Kind: Protocol, Code: 226, Text: "\x1b[31mred\x07"}, `SITE1: the server said 226 \x1b[31mred\x07`},
		{&Error{Op: "COPY", Kind: Cancelled, Msg: "stopped", Err: context.Canceled}, "COPY: stopped"},
		{During("COPY", Pathname{"SITE1", "/x"}, &Error{Site: "SITE1", Kind: Busy, Msg: "later"}), "COPY SITE1:/x: later"},
		{During("COPY", Pathname{"SITE1", "/x"}, &Error{Op: "read", Site: "SITE2", Kind: Busy, Msg: "later"}), "read SITE2: later"},
		{During("COPY", Pathname{"SITE1", "/x"}, io.ErrUnexpectedEOF), "COPY SITE1:/x: unexpected EOF"},
	}
	for _, c := range cases {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	if During("COPY", Pathname{}, nil) != nil {
		t.Error("During made an error of nil")
	}
}

func TestKindOf(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	late, stop := context.WithTimeout(t.Context(), 0)
	defer stop()
	<-late.Done()
	for want, err := range map[Kind]error{
		NotFound:    fmt.Errorf("wrapped: %w", &Error{Kind: NotFound}),
		Cancelled:   Stopped(stopped),
		Unreachable: Stopped(late),
		Other:       io.EOF,
	} {
		if got := KindOf(err); got != want {
			t.Errorf("KindOf(%v) = %v, want %v", err, got, want)
		}
	}
	if KindOf(context.Canceled) != Cancelled || KindOf(context.DeadlineExceeded) != Unreachable {
		t.Error("the kinds of a context's own errors")
	}
	for k := Other; k <= Usage; k++ {
		if k.String() == "" {
			t.Errorf("kind %d has no name", k)
		}
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":            "plain",
		"":                 "",
		"日本語 ünï":          "日本語 ünï",
		"tab\tcr\rnl\n":    `tab\x09cr\x0dnl\x0a`,
		"\x1b]0;title\x07": `\x1b]0;title\x07`,
		"latin1 \xe9":      `latin1 \xe9`,
		"c1 \u009b31m":     `c1 \u009b31m`,
		"rtl \u202etxt":    `rtl \u202etxt`,
		"\x7f\x00":         `\x7f\x00`,
		"real \uFFFD":      `real \ufffd`,
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) = %q, want %q", in, got, want)
		}
	}
}
