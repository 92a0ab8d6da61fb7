package rsexec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"rsexec/grammar"
	"rsexec/sites"
)

// Every verb of the table can be performed, and nothing else.
func TestVerbsArePerformed(t *testing.T) {
	x, err := New(Options{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}})
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	for _, v := range grammar.Verbs() {
		if x.verbs[v.Name] == nil && v.Block != grammar.DividesBlock && v.Block != grammar.EndsBlock {
			t.Errorf("%s is not performed", v.Name)
		}
		delete(x.verbs, v.Name)
	}
	for name := range x.verbs {
		t.Errorf("%s is not in the table", name)
	}
}

func TestStatus(t *testing.T) {
	_, syntax := grammar.Parse("", "NOSUCH")
	_, stop := context.WithCancel(t.Context())
	stop()
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{&Quit{}, 0},
		{&Quit{Status: 7}, 7},
		{syntax, StatusUsage},
		{&sites.Error{Kind: sites.Usage}, StatusUsage},
		{&sites.Error{Kind: sites.Permission}, StatusFailed},
		{&sites.Error{Kind: sites.Login}, StatusFailed},
		{&sites.Error{Kind: sites.Unreachable}, StatusUnreachable},
		{&sites.Error{Kind: sites.NotFound}, StatusNotFound},
		{&sites.Error{Kind: sites.Ambiguous}, StatusNotFound},
		{&sites.Error{Kind: sites.Cancelled}, StatusInterrupted},
		{context.Canceled, StatusInterrupted},
		{errors.New("anything"), StatusFailed},
		{&someFailed{failed: 1, total: 2, last: &sites.Error{Kind: sites.NotFound}}, StatusSome},
		{&someFailed{failed: 2, total: 2, last: &sites.Error{Kind: sites.NotFound}}, StatusNotFound},
		{fmt.Errorf("wrapped: %w", &sites.Error{Kind: sites.NotFound}), StatusNotFound},
	} {
		if got := Status(c.err); got != c.want {
			t.Errorf("Status(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestSiteNamedTwice(t *testing.T) {
	c, err := sites.ParseURL("SITE1", "ftp://u:p@h")
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(Options{Sites: []sites.Config{c, c}})
	if sites.KindOf(err) != sites.Usage || !strings.Contains(err.Error(), "SITE1") {
		t.Error(err)
	}
}

// What a site wrote reaches a terminal escaped; a pipe gets the bytes.
func TestDataEvent(t *testing.T) {
	raw := []byte("red \x1b[31m\ttab\r\nbell\a")
	p := sites.Pathname{Site: "SITE1", Path: "/x"}
	if got := newDataEvent(p, raw, true).text(); got != "red \\x1b[31m\ttab\nbell\\x07" {
		t.Errorf("terminal: %q", got)
	}
	if got := newDataEvent(p, raw, false).text(); got != string(raw) {
		t.Errorf("pipe: %q", got)
	}
	if e := newDataEvent(p, []byte{0xff, 0}, false); e.Text != "" || e.Base64 != "/wA=" {
		t.Errorf("JSON: %+v", e)
	}
}

// TYPE never cuts a character in two.
func TestBegunRune(t *testing.T) {
	for s, want := range map[string]int{"": 0, "a": 0, "é": 0, "a\xc3": 1, "a\xe2\x82": 2, "a\xff": 0, "\x80\x80\x80\x80\x80": 0, "日": 0} {
		if got := begunRune([]byte(s)); got != want {
			t.Errorf("begunRune(%q) = %d, want %d", s, got, want)
		}
	}
}

func TestFold(t *testing.T) {
	if got := fold("one two  three\nfour", 9); got != "one two\nthree\nfour" {
		t.Errorf("%q", got)
	}
}
