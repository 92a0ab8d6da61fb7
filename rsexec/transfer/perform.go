package transfer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

const (
	// startLimit is how long the two servers have to give a first sign of life
	// after their transfer commands.
	startLimit = 30 * time.Second

	// silentLimit is how long a server that has not begun may stay silent when
	// the other one has finished: it waits for a connection that will not come.
	silentLimit = 3 * time.Second

	// finishLimit is how long a server that has begun may take to finish when
	// the other one has finished. It may still be writing.
	finishLimit = 5 * time.Minute

	// verdictLimit is how long the other server has to say its part when one
	// has failed: its reply is often the better reason.
	verdictLimit = time.Second

	// settleLimit is how long a server has to answer the set-up commands that
	// are still on their way when the figure is given up.
	settleLimit = 3 * time.Second
)

// failure is why a figure was given up.
type failure struct {
	role    plan.Role
	verb    string
	setUp   bool // the servers had not been told to transfer
	nothing bool // it is certain that no byte arrived
	err     error
}

// refusal reports whether a server said, or showed, that it does not want to
// do it in this way.
func (f *failure) refusal() bool {
	k := sites.KindOf(f.err)
	return k == sites.Refused || k == sites.Unsupported
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// column is one side of a figure that is performed.
type column struct {
	role   plan.Role
	s      *ftp.Session
	steps  []plan.Step
	sent   []*ftp.Exchange // for each step, up to the next one to send; nil for an empty step
	unsure int             // set-up commands that wait for their reply
	moved  *ftp.Exchange   // the transfer command
	done   bool            // which is completed
}

// performance is one run of a figure over two control connections.
type performance struct {
	vars   plan.Vars
	cols   [2]*column // by role
	events chan *ftp.Exchange
	over   map[*ftp.Exchange]bool // whose final reply was taken
}

// perform runs the rows over the two sessions. A step is sent as soon as its
// variables are bound and its own column's earlier steps are accepted; the
// transfer commands as soon as the set-up steps of both columns are. The error
// is a *failure.
func perform(ctx context.Context, rows []plan.Row, vars plan.Vars, source, dest *ftp.Session) error {
	p := &performance{vars: vars, events: make(chan *ftp.Exchange, 4*len(rows)), over: make(map[*ftp.Exchange]bool)}
	p.cols[plan.Source] = &column{role: plan.Source, s: source}
	p.cols[plan.Dest] = &column{role: plan.Dest, s: dest}
	for _, c := range p.cols {
		for _, row := range rows {
			c.steps = append(c.steps, row.At(c.role))
		}
	}
	f := p.run(ctx)
	if f == nil {
		return nil
	}
	p.giveUp()
	f.nothing = f.setUp || p.nothingArrived()
	return f
}

// nothingArrived reports whether it is certain that the destination took no
// byte: it was not asked to, or it refused without having begun, or it says
// that there was no data connection.
func (p *performance) nothingArrived() bool {
	put := p.cols[plan.Dest].moved
	if put == nil {
		return true
	}
	select {
	case <-put.Ended():
	default:
		return false
	}
	reply, _, err := put.Outcome()
	return err == nil && put.Refusal() != nil && (!put.Began() || reply.Code == 425 || reply.Code == 454)
}

func (p *performance) run(ctx context.Context) *failure {
	for {
		if f := p.sendReady(ctx); f != nil {
			return f
		}
		if p.cols[plan.Source].done && p.cols[plan.Dest].done {
			return nil
		}
		var silence <-chan time.Time
		limit := p.patience()
		if limit > 0 {
			silence = time.After(limit)
		}
		select {
		case x := <-p.events:
			if f := p.heard(x); f != nil {
				return p.verdict(ctx, f)
			}
		case <-silence:
			return p.silent(limit)
		case <-ctx.Done():
			return &failure{role: plan.User, err: &sites.Error{Kind: sites.Cancelled, Msg: "stopped", Err: context.Cause(ctx)}}
		}
	}
}

// patience returns how long the servers may stay silent now; 0 is for ever.
func (p *performance) patience() time.Duration {
	s, d := p.cols[plan.Source], p.cols[plan.Dest]
	switch {
	case s.moved == nil || d.moved == nil:
		return startLimit
	case s.done || d.done:
		waiting := s
		if s.done {
			waiting = d
		}
		if begun(waiting.moved) {
			return finishLimit
		}
		return silentLimit
	case begun(s.moved) || begun(d.moved):
		return 0
	}
	return startLimit
}

// begun reports whether a server has answered a transfer command at all.
func begun(x *ftp.Exchange) bool {
	select {
	case <-x.Started():
		return true
	default:
		return false
	}
}

// sendReady sends every step that may go out now, the receiving side's first.
func (p *performance) sendReady(ctx context.Context) *failure {
	for _, role := range []plan.Role{plan.Dest, plan.Source} {
		c := p.cols[role]
		for len(c.sent) < len(c.steps) && c.unsure == 0 {
			step := c.steps[len(c.sent)]
			if step.Command == "" {
				c.sent = append(c.sent, nil)
				continue
			}
			line, bound := p.vars.Expand(step.Command)
			if !bound || step.IsTransfer() && !p.setUp() {
				break
			}
			xs, err := c.s.Send(ctx, p.events, line)
			if err != nil {
				return &failure{role: role, verb: step.Verb(), setUp: !step.IsTransfer(), err: err}
			}
			c.sent = append(c.sent, xs[0])
			if step.IsTransfer() {
				c.moved = xs[0]
			} else {
				c.unsure++
			}
		}
	}
	return nil
}

// setUp reports whether every set-up step of both columns is accepted.
func (p *performance) setUp() bool {
	for _, c := range p.cols {
		if c.unsure > 0 {
			return false
		}
		for _, step := range c.steps[len(c.sent):] {
			if step.Command != "" && !step.IsTransfer() {
				return false
			}
		}
	}
	return true
}

// heard takes an event: an exchange has started or ended.
func (p *performance) heard(x *ftp.Exchange) *failure {
	select {
	case <-x.Ended():
	default:
		return nil
	}
	if p.over[x] {
		return nil // its start, told late
	}
	p.over[x] = true
	c := p.cols[plan.Source]
	row := slices.Index(c.sent, x)
	if row < 0 {
		c = p.cols[plan.Dest]
		row = slices.Index(c.sent, x)
	}
	if x == c.moved {
		if err := x.Refusal(); err != nil {
			return &failure{role: c.role, verb: x.Verb, err: err}
		}
		c.done = true
		return nil
	}
	c.unsure--
	step := c.steps[row]
	err := x.Refusal()
	c.s.Heard(step.Verb(), err)
	if err == nil && step.Binds != "" {
		err = p.bind(c, step, x)
	}
	if err != nil {
		return &failure{role: c.role, verb: x.Verb, setUp: true, err: err}
	}
	return nil
}

// bind gives the step's variable the value in the reply.
func (p *performance) bind(c *column, step plan.Step, x *ftp.Exchange) error {
	reply, _, err := x.Outcome()
	if err != nil {
		return err
	}
	value, err := c.s.Address(step.Verb(), reply)
	if err != nil {
		return err
	}
	p.vars[step.Binds] = value
	return nil
}

// verdict waits a moment for the other server's part in a failure of the
// transfer, and returns the failure that tells more.
func (p *performance) verdict(ctx context.Context, first *failure) *failure {
	other := p.cols[plan.Source]
	if first.role == plan.Source {
		other = p.cols[plan.Dest]
	}
	if first.setUp || other.moved == nil {
		return first
	}
	select {
	case <-other.moved.Ended():
	case <-time.After(verdictLimit):
		return first
	case <-ctx.Done():
		return first
	}
	err := other.moved.Refusal()
	if err == nil || !vague(first.err) || vague(err) {
		return first
	}
	return &failure{role: other.role, verb: other.moved.Verb, err: err}
}

// vague reports whether an error says no more than that the data connection
// failed, which may be the other server's doing.
func vague(err error) bool {
	switch sites.KindOf(err) {
	case sites.Unreachable, sites.Refused, sites.Busy, sites.Other:
		return true
	}
	return false
}

// silent makes the failure of a server that said nothing for too long.
func (p *performance) silent(limit time.Duration) *failure {
	c := p.cols[plan.Dest]
	if c.done || c.moved == nil && c.unsure == 0 {
		c = p.cols[plan.Source]
	}
	f := &failure{role: c.role, setUp: c.moved == nil}
	for _, x := range c.sent {
		if x != nil {
			f.verb = x.Verb
		}
	}
	msg := fmt.Sprintf("no answer in %v", limit)
	if limit == silentLimit {
		msg = fmt.Sprintf("it still waits for the data connection, %v after the other server was done", limit)
	}
	f.err = &sites.Error{Site: c.s.Site().Name(), Kind: sites.Refused, Msg: msg}
	return f
}

// giveUp brings both control connections back in step, or closes them.
func (p *performance) giveUp() {
	var wait sync.WaitGroup
	for _, c := range p.cols {
		wait.Go(func() {
			if c.moved != nil {
				c.s.Abort(c.moved)
			}
			c.s.Settle(settleLimit)
		})
	}
	wait.Wait()
}
