package rsexec

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/plan"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// An event is one thing to tell: as a JSON object, or as text for a person.
// The objects are those of DESIGN section 10.
type event interface {
	text() string
}

// printer writes events, each whole. It may be used by several goroutines.
type printer struct {
	mu     sync.Mutex
	out    io.Writer
	err    io.Writer
	json   bool
	colour bool
}

// to returns a printer whose results go to a file.
func (p *printer) to(out io.Writer) *printer { return &printer{out: out, err: p.err, json: p.json} }

// The colours of a terminal that events are printed in (ECMA-48 section 8.3.117).
const (
	red    = "31"
	yellow = "33"
	blue   = "34"
)

func painted(colour, text string) string { return "\x1b[" + colour + "m" + text + "\x1b[0m" }

// said is what an error or a notice begins with.
const said = "rsexec:"

// text returns an event as text, in colour if it has one.
func (p *printer) text(e event) string {
	if c, ok := e.(interface{ coloured() string }); ok && p.colour {
		return c.coloured()
	}
	return e.text()
}

// print writes an event to the results.
func (p *printer) print(e event) error {
	text, err := p.line(e)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.write(text)
}

// line returns what is written of an event.
func (p *printer) line(e event) (string, error) {
	if !p.json {
		return p.text(e), nil
	}
	b, err := json.Marshal(e)
	if err != nil {
		return "", fmt.Errorf("event: %w", err)
	}
	// JSON lets DEL, C1 controls and what reorders text stand as they are. Where a terminal
	// could act on them they are escaped, which changes no value.
	return sites.Printable(strings.ReplaceAll(string(b), "\x7f", `\u007f`)) + "\n", nil
}

// write writes a text to the results. p.mu is held.
func (p *printer) write(text string) error {
	if _, err := io.WriteString(p.out, text); err != nil {
		return &sites.Error{Op: "write the result", Kind: sites.Other, Err: err}
	}
	return nil
}

// tell writes an event that is no result: with --json among the results, else
// to the person. There is nobody to tell that it could not be written.
func (p *printer) tell(e event) {
	if p.json {
		p.print(e)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	io.WriteString(p.err, p.text(e))
}

func (p *printer) notice(line string) { p.tell(noticeEvent{"notice", sites.Masked(line)}) }

func (p *printer) error(err error) { p.tell(newErrorEvent(err)) }

type noticeEvent struct {
	Event string `json:"event"`
	Text  string `json:"text"`
}

func (e noticeEvent) text() string { return said + " " + e.Text + "\n" }

func (e noticeEvent) coloured() string { return painted(yellow, said) + " " + e.Text + "\n" }

type transferEvent struct {
	Event string `json:"event"`
	transfer.Result
}

func (e transferEvent) text() string {
	verified := "not verified, for a site does not tell sizes"
	if e.Verified != "none" {
		verified = e.Verified + " verified"
	}
	bytes := fmt.Sprintf("%d bytes", e.Bytes)
	if e.Bytes < 0 {
		bytes = "done"
	}
	return fmt.Sprintf("%s %s to %s: %s %s, %s, %.3f s\n",
		e.Verb, e.Source, e.Destination, bytes, way(e.Choreography), verified, e.Seconds)
}

// way says which way the data of a choreography goes.
func way(choreography string) string {
	switch choreography {
	case "":
		return "by an earlier run"
	case plan.Relay.Name:
		return "through this host"
	case plan.SameSite.Name:
		return "by the site itself"
	case plan.LocalCopy.Name:
		return "with this host"
	}
	return "server to server by " + choreography
}

type entryEvent struct {
	Event    string   `json:"event"`
	Pathname string   `json:"pathname"`
	Type     string   `json:"type"`
	Size     *int64   `json:"size,omitempty"`
	Modified string   `json:"modified,omitempty"`
	Target   string   `json:"target,omitempty"`
	Images   []string `json:"images,omitempty"` // the complete pathnames of all images

	shown string
}

// images makes the event stand for several images of one name.
func (e *entryEvent) images(places []resolver.Place) {
	var names []string
	for _, p := range places {
		e.Images = append(e.Images, p.Pathname.String())
		names = append(names, p.Pathname.Site)
	}
	e.shown += "  " + strings.Join(names, ", ")
}

func newEntryEvent(p sites.Pathname, e sites.Entry, shown string) entryEvent {
	ev := entryEvent{Event: "entry", Pathname: p.Site + ":" + p.Path, Type: e.Type.String(), Target: e.Target, shown: sites.Printable(shown)}
	if e.Size >= 0 {
		ev.Size = &e.Size
	}
	if !e.Modified.IsZero() {
		ev.Modified = e.Modified.UTC().Format(time.RFC3339)
	}
	if ev.Type == "dir" {
		ev.shown += "/"
	}
	if e.Target != "" {
		ev.shown += " -> " + sites.Printable(e.Target)
	}
	return ev
}

func (e entryEvent) text() string {
	size, modified := "", ""
	if e.Size != nil {
		size = fmt.Sprint(*e.Size)
	}
	if e.Modified != "" {
		modified = strings.Replace(e.Modified[:16], "T", " ", 1)
	}
	return fmt.Sprintf("%12s  %16s  %s\n", size, modified, e.shown)
}

func (e entryEvent) coloured() string {
	if e.Type == "dir" {
		e.shown = painted(blue, e.shown)
	}
	return e.text()
}

type siteEvent struct {
	Event    string   `json:"event"`
	Name     string   `json:"name"`
	URL      string   `json:"url"`
	Up       bool     `json:"up"`
	RTT      float64  `json:"rtt_ms,omitempty"`
	TLS      string   `json:"tls,omitempty"` // the version that protects the control connection, as in "TLS 1.3"
	Features []string `json:"features,omitempty"`
	Reason   string   `json:"reason,omitempty"`
}

func (e siteEvent) text() string {
	state := fmt.Sprintf("up    %8.1f ms", e.RTT)
	if !e.Up {
		state = "down  " + strings.Repeat(" ", 11)
	}
	line := fmt.Sprintf("%-16s %s  %s", e.Name, state, e.URL)
	if e.TLS != "" {
		line += "  " + e.TLS
	}
	if len(e.Features) > 0 {
		line += "\n" + strings.Repeat(" ", 17) + sites.Printable(strings.Join(e.Features, " "))
	}
	if e.Reason != "" {
		line += "\n" + strings.Repeat(" ", 17) + e.Reason
	}
	return line + "\n"
}

type textEvent struct {
	Event string `json:"event"`
	Text  string `json:"text"`
}

func (e textEvent) text() string { return e.Text }

// dataEvent is a piece of a file that TYPE shows; Text or Base64 is set.
type dataEvent struct {
	Event    string `json:"event"`
	Pathname string `json:"pathname"`
	Text     string `json:"text,omitempty"`
	Base64   string `json:"base64,omitempty"`

	shown string
}

// newDataEvent makes an event of a piece of a file. On a terminal its control
// characters are escaped: a file is no reason to let a site draw there.
func newDataEvent(p sites.Pathname, raw []byte, terminal bool) dataEvent {
	e := dataEvent{Event: "data", Pathname: p.String(), shown: string(raw)}
	if terminal {
		lines := strings.SplitAfter(e.shown, "\n")
		for i, line := range lines {
			text, end := strings.CutSuffix(line, "\n")
			cells := strings.Split(strings.TrimSuffix(text, "\r"), "\t")
			for k := range cells {
				cells[k] = sites.Printable(cells[k])
			}
			lines[i] = strings.Join(cells, "\t")
			if end {
				lines[i] += "\n"
			}
		}
		e.shown = strings.Join(lines, "")
	}
	if utf8.Valid(raw) {
		e.Text = string(raw)
	} else {
		e.Base64 = base64.StdEncoding.EncodeToString(raw)
	}
	return e
}

func (e dataEvent) text() string { return e.shown }

type errorEvent struct {
	Event    string `json:"event"`
	Kind     string `json:"kind"`
	Op       string `json:"op,omitempty"`
	Site     string `json:"site,omitempty"`
	Pathname string `json:"pathname,omitempty"`
	Code     int    `json:"code,omitempty"`
	Text     string `json:"text"`
	Script   string `json:"script,omitempty"`
	Line     int    `json:"line,omitempty"` // of the script

	shown string
}

// newErrorEvent makes an event of an error. Its Text is the whole line that a
// person would see. Whatever the error repeats of a statement, no password is in it.
func newErrorEvent(err error) errorEvent {
	ev := errorEvent{Event: "error", Kind: sites.KindOf(err).String(), Text: sites.Masked(err.Error())}
	var e *sites.Error
	var syntax *grammar.SyntaxError
	var at *located
	if errors.As(err, &at) {
		ev.Script, ev.Line = at.script, at.line
		ev.shown = fmt.Sprintf("%s %s:%d: %s", said, at.script, at.line, ev.Text)
	}
	switch {
	case errors.As(err, &syntax):
		syntax = maskedSyntax(syntax)
		ev.Kind, ev.Script, ev.Line = "syntax", syntax.File, syntax.Line
		ev.shown = syntax.Error() + "\n" + syntax.Snippet()
		if syntax.File == "" { // it was typed just now: the caret says where
			ev.shown = syntax.Msg + "\n" + syntax.Snippet()
		}
	case errors.As(err, &e):
		ev.Op, ev.Site, ev.Code = e.Op, sites.Masked(e.Site), e.Code
		if e.Path != "" {
			ev.Pathname = sites.Masked(sites.Pathname{Site: e.Site, Path: e.Path}.String())
		}
	}
	return ev
}

func (e errorEvent) text() string {
	if e.shown != "" {
		return e.shown + "\n"
	}
	return said + " " + e.Text + "\n"
}

func (e errorEvent) coloured() string {
	text := e.text()
	if rest, ok := strings.CutPrefix(text, said); ok {
		return painted(red, said) + rest
	}
	return painted(red, strings.TrimSuffix(text, "\n")) + "\n"
}
