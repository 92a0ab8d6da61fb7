package rsexec

import (
	"context"
	"fmt"
	"time"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// countEvent is what COUNT counted for one operand, or for all of them.
type countEvent struct {
	Event       string `json:"event"`              // "count"
	Pathname    string `json:"pathname,omitempty"` // complete, or as it was typed where it means several
	Files       int    `json:"files"`
	Directories int    `json:"directories"`
	Bytes       int64  `json:"bytes"`
	Unsized     int    `json:"unsized"`          // the files that are not in Bytes, as their sizes are not known
	Unread      int    `json:"unread,omitempty"` // directories and sites that could not be asked
	Total       bool   `json:"total,omitempty"`
}

func (e countEvent) text() string {
	name := e.Pathname
	if e.Total {
		name = "total"
	}
	line := fmt.Sprintf("%14d bytes  %14s  %20s  %s", e.Bytes, quantity(e.Files, "file", "files"),
		quantity(e.Directories, "directory", "directories"), sites.Printable(name))
	if e.Unsized > 0 {
		line += fmt.Sprintf("  (%s of unknown size)", quantity(e.Unsized, "file", "files"))
	}
	if e.Unread > 0 {
		line += fmt.Sprintf("  (%s not read)", quantity(e.Unread, "place", "places"))
	}
	return line + "\n"
}

// quantity returns a number with its noun.
func quantity(n int, one, many string) string {
	if n == 1 {
		many = one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// take counts one thing. Links are not counted. What the site tells no type of is
// a file: servers that tell only names are asked for files most of the time.
func (e *countEvent) take(entry sites.Entry) {
	switch {
	case entry.Type == sites.Directory:
		e.Directories++
	case entry.Type == sites.Link:
	case entry.Size < 0:
		e.Files++
		e.Unsized++
	default:
		e.Files++
		e.Bytes += entry.Size
	}
}

// count performs COUNT (FILES) [pattern,...]: it counts what FIND would print
// with the same options.
// Without an operand it counts the working directory, or, where there is none,
// the composite directory.
func (x *Executive) count(ctx context.Context, st *grammar.Statement) error {
	left, err := filterOf(st, time.Now())
	if err != nil {
		return err
	}
	words := st.List(0)
	if len(words) == 0 {
		return x.countOf(ctx, st, x.here(), left, always, &countEvent{})
	}
	total := countEvent{Event: "count", Total: true}
	err = x.forWordsInTurn(ctx, st, words, func(ctx context.Context, x *Executive, w grammar.Word, turn func() bool) error {
		return x.countOf(ctx, st, w.Pattern(), left, turn, &total)
	})
	if len(words) > 1 && ctx.Err() == nil {
		if printing := x.printer.print(total); printing != nil {
			return printing
		}
	}
	return err
}

// countOf counts what a filter leaves of what one name or pattern means, and, when it has
// its turn, prints it and adds it to total.
func (x *Executive) countOf(ctx context.Context, st *grammar.Statement, typed string, left filter, turn func() bool, total *countEvent) error {
	e := countEvent{Event: "count", Pathname: resolver.WithoutPassword(typed)}
	met := false
	res, err := x.walk(ctx, st, typed, turn, func(p resolver.Place) bool {
		met = true
		if left.takes(ctx, &p) {
			e.take(p.Entry)
		}
		return true
	})
	if !turn() || ctx.Err() != nil {
		return named(st, sites.Stopped(ctx))
	}
	places := res.Found()
	if len(places) == 1 && len(res.Unheard()) == 0 {
		e.Pathname = places[0].Pathname.String()
	}
	unread := parts(err)
	if len(unread) > 0 && !met && len(unread) >= len(places) {
		return err // there was nothing to count
	}
	for _, err := range unread {
		x.Report(named(st, err))
	}
	for _, p := range res.Unheard() { // which was said
		unread = append(unread, p.Err)
	}
	e.Unread = len(unread)
	total.Files += e.Files
	total.Directories += e.Directories
	total.Bytes += e.Bytes
	total.Unsized += e.Unsized
	total.Unread += e.Unread
	if err := x.printer.print(e); err != nil || e.Unread == 0 {
		return err
	}
	return &someFailed{verb: st.Verb.Name, failed: e.Unread, total: max(e.Directories+len(res.Searched), e.Unread+1), last: unread[len(unread)-1]}
}

// parts returns the errors that err joins, or err alone; none of nil.
func parts(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	switch {
	case err == nil:
		return nil
	case !ok:
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, parts(e)...)
	}
	return all
}
