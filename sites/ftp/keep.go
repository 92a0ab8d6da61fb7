package ftp

import (
	"context"

	"rsexec/sites"
)

// keeping is the feature of a server that can leave a data connection open from file to
// file. Where it is asked to, each RETR, STOR and APPE has one file go over the data
// connection, or the mark of one that cannot be sent, also where it is refused.
const keeping = "B KEEP"

// Keeps reports whether the site can leave its data connections open from file to file: it
// lists MODE B KEEP, as RSEXEC's own server does.
func (f *Site) Keeps() bool {
	features, _, _ := f.knowledge()
	return features["MODE"] == keeping
}

// Keep has the data connections of the session stay open from file to file (MODE B of RFC
// 959, sections 3.3 and 3.4.2) until Usual. If tell is RETR or STOR, the server tells the
// digests of the files that it sends or receives, where it knows how to. It does not wait
// for the replies: agreed does, and returns the first refusal.
func (s *Session) Keep(ctx context.Context, tell string) (agreed func(context.Context) error, err error) {
	lines := []string{"MODE B", "OPTS MODE " + keeping}
	if s.usual = []string{"MODE S"}; tell != "" && s.site.Tells() {
		lines = append(lines, "OPTS HASH "+telling, "OPTS "+tell+" HASH")
		s.usual = append(s.usual, "OPTS "+tell)
		delete(s.tells, tell)
	}
	s.gather(true)
	return s.arrange(ctx, lines)
}

// gather has what several are about to send be written in one piece.
func (c *Conn) gather(on bool) {
	c.send.Lock()
	defer c.send.Unlock()
	c.gathers = on
}

// Usual ends what Keep began, before others use the session.
func (s *Session) Usual(ctx context.Context) error {
	s.gather(false)
	agreed, err := s.arrange(ctx, s.usual)
	if err != nil {
		return err
	}
	return agreed(ctx)
}

// arrange sends commands that the server has to accept.
func (s *Session) arrange(ctx context.Context, lines []string) (agreed func(context.Context) error, err error) {
	xs, err := s.Send(ctx, nil, lines...)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if err := answers(ctx, xs); err != nil {
			return err
		}
		for _, x := range xs {
			if err := x.Refusal(); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// Kept reports whether the data connection is open still after a transfer, for the next
// one: RFC 959 (section 3.3) has a server say so by 250 in place of 226. After a refusal it
// is open if the server has passed over the file.
func (x *Exchange) Kept() bool {
	reply, outcome, err := x.Outcome()
	return err == nil && (outcome == Done && reply.Code == 250 || reply.Code == 450 || reply.Code == 550)
}

// Drop closes a connection that others use too, because of what a server did.
func (c *Conn) Drop(why error) {
	c.fail(&sites.Error{Site: c.site, Kind: sites.Unreachable, Msg: "the control connection was closed", Err: why})
}
