package rsexec

import (
	"context"
	"os"
	"path"
	"path/filepath"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/rsexec/transfer"
	"rsexec/sites"
)

// edit performs EDIT (FILE) f: it fetches the file, has it edited and puts it
// back if that changed it, but never over what somebody else wrote meanwhile.
func (x *Executive) edit(ctx context.Context, st *grammar.Statement) error {
	if x.options.Edit == nil {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.Unsupported, Msg: "there is no terminal for an editor",
			Hint: "name an editor that needs none in VISUAL or EDITOR"}
	}
	res, err := x.oneImage().Destination(ctx, st.Operand(0).Pattern())
	if err != nil {
		return named(st, err)
	}
	x.tellUnheard(res)
	file := res.Place
	if file.Err == nil && file.Entry.Type == sites.Directory {
		return &sites.Error{Op: st.Verb.Name, Site: file.Pathname.Site, Path: file.Pathname.Path, Kind: sites.Usage, Msg: "it is a directory"}
	}
	dir, err := os.MkdirTemp("", "rsexec-edit-") // for its owner only
	if err != nil {
		return &sites.Error{Op: st.Verb.Name, Kind: sites.Other, Msg: "no folder to edit in", Err: err}
	}
	here, _ := x.network.Site(sites.LocalName) // always there
	e := &editing{x: x, st: st, file: file, dir: dir}
	e.copy = resolver.Place{Site: here, Pathname: sites.Pathname{Site: sites.LocalName, Path: filepath.ToSlash(e.name())}}
	err = e.run(ctx)
	if err != nil && e.keep {
		known := *sites.During(st.Verb.Name, file.Pathname, err).(*sites.Error)
		known.Hint = strings.TrimPrefix(known.Hint+"; the edited copy is "+sites.Printable(e.name()), "; ")
		return &known
	}
	if gone := os.RemoveAll(dir); gone != nil {
		x.printer.notice(st.Verb.Name + ": the copy that was edited could not be removed: " + gone.Error())
	}
	return err
}

// editing is one file that is edited.
type editing struct {
	x    *Executive
	st   *grammar.Statement
	file resolver.Place // its Err is set if it is to be made
	copy resolver.Place // at this host
	dir  string         // that the copy is in
	keep bool           // the copy holds what is nowhere else
}

// name returns the name of the copy: the file's own, for the person and for
// the editor, which may go by how it ends. A name that this host could take for
// anything else is not used.
func (e *editing) name() string {
	base := e.file.Pathname.Base()
	safe := func(s string) bool {
		return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+") == "" && len(s) < 100
	}
	switch {
	case base != "" && base[0] != '-' && safe(base) && filepath.IsLocal(base):
	case safe(path.Ext(base)):
		base = "file" + path.Ext(base)
	default:
		base = "file"
	}
	return filepath.Join(e.dir, base)
}

func (e *editing) run(ctx context.Context) error {
	digest := e.digest(ctx)
	before := "" // the digest of the copy; "" if the file is to be made
	if e.file.Err == nil {
		e.x.tracer.columns(e.file.Pathname.Site, sites.LocalName)
		if _, err := e.x.mover.Do(ctx, e.request(e.file, e.copy)); err != nil {
			return err
		}
		var err error
		if before, err = transfer.ReadDigest(ctx, e.copy.Site, e.copy.Pathname, 0, transfer.Algorithms()[0]); err != nil {
			return err
		}
	}
	failed := sites.During(e.st.Verb.Name, e.file.Pathname, e.x.options.Edit(ctx, e.name(), e.x.environment()))
	e.keep = true
	after, err := e.edited(context.WithoutCancel(ctx))
	switch {
	case err == nil && after == before:
		e.keep = false
		if failed == nil {
			e.x.printer.notice(e.st.Verb.Name + " " + e.file.Pathname.String() + ": nothing was changed")
		}
		return failed
	case failed != nil:
		return failed
	case err != nil:
		return err
	}
	if err := e.stillSame(ctx, digest, before); err != nil {
		return err
	}
	e.x.tracer.columns(sites.LocalName, e.file.Pathname.Site)
	result, err := e.x.mover.Do(ctx, e.request(e.copy, e.file))
	if err != nil {
		return err
	}
	e.x.made(result.Destination, sites.Entry{Type: sites.File, Size: -1})
	return e.x.printer.print(transferEvent{"transfer", result})
}

// edited returns the digest of the copy when the editor has ended; "" where the
// file was to be made and there is nothing in it.
func (e *editing) edited(ctx context.Context) (string, error) {
	if e.file.Err != nil {
		entry, err := e.copy.Site.Stat(ctx, e.copy.Pathname.Path)
		if sites.KindOf(err) == sites.NotFound || err == nil && entry.Size == 0 {
			return "", nil
		}
	}
	return transfer.ReadDigest(ctx, e.copy.Site, e.copy.Pathname, 0, transfer.Algorithms()[0])
}

// digest returns the digest of the file at its site; "" where the site computes
// none, or there is no file.
func (e *editing) digest(ctx context.Context) string {
	if e.file.Err != nil {
		return ""
	}
	digests, _, err := digestsOf(ctx, []resolver.Place{e.file})
	if err != nil {
		return "" // there are other ways to tell whether it changed
	}
	return digests[0]
}

// stillSame returns an error if the file is not what it was when it was
// fetched, by its size and time, and its digest where the site computes one. Where
// neither time nor digest is known it is read again.
func (e *editing) stillSame(ctx context.Context, digest, read string) error {
	conflict := func(msg string) error {
		return &sites.Error{Op: e.st.Verb.Name, Site: e.file.Pathname.Site, Path: e.file.Pathname.Path, Kind: sites.Conflict, Msg: msg}
	}
	now, err := e.file.Site.Stat(ctx, e.file.Pathname.Path)
	switch gone := sites.KindOf(err) == sites.NotFound; {
	case gone && e.file.Err != nil:
		return nil
	case gone:
		return conflict("it was deleted meanwhile")
	case err != nil:
		return named(e.st, err)
	case e.file.Err != nil:
		return conflict("it was made meanwhile")
	}
	const changed = "it was changed meanwhile, and stays so"
	if now.Size != e.file.Entry.Size || !now.Modified.Equal(e.file.Entry.Modified) {
		return conflict(changed)
	}
	switch {
	case digest != "":
		again, _, err := digestsOf(ctx, []resolver.Place{e.file})
		if err != nil {
			return named(e.st, err)
		}
		if again[0] != digest {
			return conflict(changed)
		}
	case now.Modified.IsZero():
		again, err := transfer.ReadDigest(ctx, e.file.Site, e.file.Pathname, 0, transfer.Algorithms()[0])
		if err != nil {
			return named(e.st, err)
		}
		if again != read {
			return conflict(changed)
		}
	}
	return nil
}

// request fetches the file or puts it back.
func (e *editing) request(from, to resolver.Place) transfer.Request {
	return transfer.Request{Verb: e.st.Verb.Name, From: from.Site, Source: from.Pathname, To: to.Site, Dest: to.Pathname, Exact: true}
}
