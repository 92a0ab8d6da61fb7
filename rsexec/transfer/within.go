package transfer

import (
	"context"
	"errors"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// oneSite reports whether both ends of a request are at one site. Two names of one are
// seen through where they lead to the same address and user.
func oneSite(r Request) bool {
	from, both := r.From.(*ftp.Site)
	to, ok := r.To.(*ftp.Site)
	if !both || !ok {
		return r.Source.Site == r.Dest.Site
	}
	a, b := from.Config(), to.Config()
	return a.Address() == b.Address() && a.User == b.User
}

// within runs a figure in which the one site of both files copies the file itself.
// It takes one session.
func (w *work) within(ctx context.Context, f plan.Figure) error {
	site := w.ask.To.(*ftp.Site) // the plan has no such figure for another kind
	sessions, err := site.Take(ctx, 1)
	if err != nil {
		return err
	}
	err = w.watched(ctx, func(ctx context.Context) error {
		vars := w.plan.Vars()
		if err := perform(ctx, w.limits, f.Rows, vars, nil, sessions[0]); err != nil {
			return err
		}
		return own(ctx, sessions[0], vars["from"], vars["to"])
	})
	site.Put(sessions[0])
	var broken *failure
	if errors.As(err, &broken) {
		if !broken.setUp && ctx.Err() == nil {
			// The site may go on copying after its control connection is lost, and
			// what is there may be a link to the source.
			if lost := w.elsewhere(ctx); lost != nil {
				return lost
			}
		}
		var e *sites.Error
		if errors.As(broken.err, &e) && e.Kind == sites.Unsupported && e.Hint == "" {
			e.Hint = w.plan.Hint
		}
	}
	return err
}

// own returns a failure if the site has made no file of its own: ProFTPD copies a
// symbolic link as a link, which leads to the source, or nowhere.
func own(ctx context.Context, s *ftp.Session, from, to string) error {
	alias, err := s.Alias(ctx, from, to)
	if err == nil && alias {
		err = &sites.Error{Site: s.Site().Name(), Kind: sites.Unsupported, Msg: "the copy is a symbolic link and no file"}
	}
	if err == nil {
		return nil
	}
	return &failure{role: plan.Dest, verb: "SITE CPTO", nothing: true, over: true, err: err}
}
