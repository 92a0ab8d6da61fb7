package rsexec

import (
	"context"
	"errors"
	"io"
	"os"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// redirected performs a statement whose output goes to a file. The output is
// collected at this host first, so that the file gets all of it or, if the
// statement fails, nothing.
func (x *Executive) redirected(ctx context.Context, st *grammar.Statement) (err error) {
	spool, err := os.CreateTemp("", "rsexec-output-")
	if err != nil {
		return &sites.Error{Op: "keep the output", Kind: sites.Other, Err: err}
	}
	defer func() {
		if removed := os.Remove(spool.Name()); err == nil && removed != nil {
			err = &sites.Error{Op: "keep the output", Kind: sites.Other, Err: removed}
		}
	}()
	failed := x.performInto(ctx, st, spool)
	if closed := spool.Close(); failed == nil && closed != nil {
		failed = &sites.Error{Op: "keep the output", Kind: sites.Other, Err: closed}
	}
	var some *someFailed
	if failed != nil && !errors.As(failed, &some) {
		return failed
	}
	// What was done is not done again where only its output could not be written.
	again := func(err error) bool { return !st.Output.Append && sites.KindOf(err).Retryable() }
	if err := x.retried(ctx, again, func() error { return x.putOutput(ctx, st, spool.Name()) }); err != nil {
		return &triedError{error: &sites.Error{Op: st.Verb.Name, Kind: sites.KindOf(err), Msg: "the output was not written", Err: err}}
	}
	return failed
}

// performInto performs a statement with the results printed to a file.
func (x *Executive) performInto(ctx context.Context, st *grammar.Statement, file io.Writer) error {
	printer, terminal := x.printer, x.options.Terminal
	defer func() { x.printer, x.options.Terminal = printer, terminal }()
	x.printer, x.options.Terminal = printer.to(file), false
	return x.perform(ctx, st)
}

// putOutput copies or appends the collected output to where it is to go.
func (x *Executive) putOutput(ctx context.Context, st *grammar.Statement, spool string) error {
	dest, err := x.destination(ctx, st.Output.Word.Pattern())
	if err != nil {
		return err
	}
	if dest.Err == nil && isDevice(dest) {
		return writeTo(ctx, dest, spool)
	}
	from, _ := x.network.Site(sites.LocalName) // it is always there
	job := transfer.Request{Verb: transfer.Copy, From: from, Source: sites.Pathname{Site: sites.LocalName, Path: spool}, To: dest.Site, Dest: dest.Pathname}
	if st.Output.Append {
		job.Verb = transfer.Append
	}
	if dest.Err == nil && dest.Entry.Type == sites.Directory {
		return &sites.Error{Site: dest.Pathname.Site, Path: dest.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory"}
	}
	result, err := x.mover.Do(ctx, job)
	if err == nil {
		x.made(result.Destination, sites.Entry{Type: sites.File, Size: -1})
	}
	return err
}

// isDevice reports whether a place is a device or a pipe of this host, which is
// written to and never replaced.
func isDevice(p resolver.Place) bool {
	return p.Pathname.Site == sites.LocalName && p.Entry.Type == sites.Unknown
}

// writeTo writes a file of this host to a device or a pipe.
func writeTo(ctx context.Context, dest resolver.Place, file string) error {
	in, err := os.Open(file)
	if err != nil {
		return &sites.Error{Kind: sites.Other, Err: err}
	}
	defer in.Close() // it was only read
	w, err := dest.Site.Store(ctx, dest.Pathname.Path, sites.Append)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		w.Abort()
		return err
	}
	return w.Commit()
}
