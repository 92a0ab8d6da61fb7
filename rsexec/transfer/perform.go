package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// column is one side of a figure that is performed.
type column struct {
	role    plan.Role
	s       *ftp.Session // nil if the side has no part in the figure
	steps   []plan.Step
	sent    []*ftp.Exchange // for each step; nil for one that is not sent, or is empty
	next    int             // the step to send next
	unsure  int             // set-up commands that wait for their reply
	moved   *ftp.Exchange   // the command that moves the file
	done    bool            // which is completed, or is none of this column's
	listens bool            // its steps bind a variable
}

// performance is one run of a figure over two control connections.
type performance struct {
	limits limits
	vars   plan.Vars
	cols   [2]*column // by role
	events chan *ftp.Exchange
	marks  bool                         // the destination tells by itself how far it is
	stores atomic.Pointer[ftp.Exchange] // the command that has the destination receive the file
	over   map[*ftp.Exchange]bool       // whose final reply was taken
	ahead  *ahead                       // nil: each step waits for those before it
}

// ahead has a figure performed on sessions that others use at the same time: a step is
// sent as soon as its variables are bound, if the way is known to work.
type ahead struct {
	sure bool         // it is
	next *performance // what it can send already goes out in one piece with what moves this one's file
	free func()       // is called when the sites that listen are done with them
	turn func()       // is called when the destination begins with the file
	kept bool         // the data connection stays open; so a server that refuses a file is in step
}

// perform runs the rows over the two sessions. A step is sent as soon as its
// variables are bound and its own column's earlier steps are accepted; those that
// move the file as soon as the set-up steps of both columns are. A figure within one
// site has no source column, and no session for it. The error is a *failure.
func perform(ctx context.Context, l limits, rows []plan.Row, vars plan.Vars, source, dest *ftp.Session) error {
	return newPerformance(l, rows, vars, source, dest).perform(ctx)
}

func newPerformance(l limits, rows []plan.Row, vars plan.Vars, source, dest *ftp.Session) *performance {
	p := &performance{limits: l, vars: vars, events: make(chan *ftp.Exchange, 4*len(rows)), over: make(map[*ftp.Exchange]bool)}
	p.cols[plan.Source] = &column{role: plan.Source, s: source}
	p.cols[plan.Dest] = &column{role: plan.Dest, s: dest}
	for _, c := range p.cols {
		for _, row := range rows {
			c.steps = append(c.steps, row.At(c.role))
		}
		c.sent = make([]*ftp.Exchange, len(c.steps))
		c.done = !slices.ContainsFunc(c.steps, plan.Step.Moves)
		c.listens = slices.ContainsFunc(c.steps, func(s plan.Step) bool { return s.Binds != "" })
	}
	return p
}

func (p *performance) perform(ctx context.Context) error {
	f := p.run(ctx)
	if f == nil {
		return nil
	}
	p.giveUp(f)
	get, put := p.cols[plan.Source].moved, p.cols[plan.Dest].moved
	f.nothing = f.setUp || get != nil && !moved(get) || !moved(put)
	f.over = f.deaf || put == nil || answered(put)
	f.loose = put != nil && !answered(put)
	return f
}

func (p *performance) run(ctx context.Context) *failure {
	for {
		if f := p.sendReady(ctx); f != nil {
			return f
		}
		p.pass()
		if p.cols[plan.Source].done && p.cols[plan.Dest].done {
			return nil
		}
		var silence <-chan time.Time
		limit, mute := p.patience()
		if limit > 0 {
			silence = time.After(limit)
		}
		select {
		case x := <-p.events:
			if f := p.heard(x); f != nil {
				return p.verdict(ctx, f)
			}
		case <-silence:
			return mute
		case <-ctx.Done():
			return &failure{role: plan.User, err: sites.Stopped(ctx)}
		}
	}
}

// patience returns how long the servers may stay silent now, and the failure
// that it is if they do; 0 is for ever.
func (p *performance) patience() (time.Duration, *failure) {
	c, other := p.cols[plan.Dest], p.cols[plan.Source]
	if c.done || c.moved == nil && c.unsure == 0 {
		c, other = other, c
	}
	limit, kind, msg := p.limits.start, sites.Refused, "no answer in %v"
	switch {
	case c.moved != nil && other.s == nil:
		return 0, nil // a site that copies a file itself says nothing before it is done
	case c.moved == nil || other.moved == nil:
		limit = c.s.Site().Config().Timeout
	case p.ahead != nil && p.ahead.kept: // other files come before this one
		limit, kind = p.limits.finish, sites.Unreachable
	case other.done && begun(c.moved):
		limit, kind = p.limits.finish, sites.Unreachable
		msg = "it has not finished %v after the other server did"
	case other.done:
		limit, msg = p.limits.silent, "it still waits for the data connection, %v after the other server was done"
	case begun(c.moved) || begun(other.moved):
		return 0, nil
	}
	return limit, &failure{role: c.role, verb: c.last(), setUp: c.moved == nil, deaf: kind == sites.Refused,
		err: &sites.Error{Site: c.s.Site().Name(), Kind: kind, Msg: fmt.Sprintf(msg, limit)}}
}

// last returns the verb of the command that was sent last.
func (c *column) last() string {
	for _, x := range slices.Backward(c.sent) {
		if x != nil {
			return x.Verb
		}
	}
	return ""
}

// begun reports whether a server has answered a transfer command at all, or
// can no longer do so.
func begun(x *ftp.Exchange) bool { return closed(x.Started()) }

// answered reports whether the final reply to a command has come.
func answered(x *ftp.Exchange) bool {
	if !closed(x.Ended()) {
		return false
	}
	_, _, err := x.Outcome()
	return err == nil
}

func closed(signal <-chan struct{}) bool {
	select {
	case <-signal:
		return true
	default:
		return false
	}
}

// pass lets the next one begin when the site that listens is done with this one.
func (p *performance) pass() {
	if p.ahead == nil || p.ahead.free == nil || p.settingUp() {
		return
	}
	for _, c := range p.cols {
		if c.listens && !c.done {
			return
		}
	}
	p.ahead.free()
	p.ahead.free = nil
}

// sendReady sends every step that may go out now, the receiving side's first; what goes
// out of a column, in one piece.
func (p *performance) sendReady(ctx context.Context) *failure {
	for _, role := range []plan.Role{plan.Dest, plan.Source} {
		c := p.cols[role]
		lines, steps := p.ready(c)
		if len(lines) == 0 {
			continue
		}
		batches := []ftp.Batch{{Events: p.events, Lines: lines}}
		var next *column
		var nextSteps []int
		if p.ahead != nil && p.ahead.next != nil && c.steps[steps[len(steps)-1]].Moves() {
			var behind []string
			next = p.ahead.next.cols[role]
			behind, nextSteps = p.ahead.next.ready(next)
			batches = append(batches, ftp.Batch{Events: p.ahead.next.events, Lines: behind})
		}
		xs, err := c.s.SendTogether(ctx, batches...)
		if err != nil {
			return &failure{role: role, verb: plan.Step{Command: lines[0]}.Verb(), setUp: p.settingUp() && !c.steps[steps[0]].Moves(), err: err}
		}
		p.keep(c, steps, xs[0])
		if next != nil {
			p.ahead.next.keep(next, nextSteps, xs[1])
		}
	}
	return nil
}

// ready returns the commands of a column that may go out now, with the numbers of their
// steps. They count as sent.
func (p *performance) ready(c *column) (lines []string, steps []int) {
	for ; c.next < len(c.steps) && (p.eager() || c.unsure == 0); c.next++ {
		step := c.steps[c.next]
		if step.Command == "" {
			continue
		}
		line, bound := p.vars.Expand(step.Command)
		if !bound || step.Moves() && !p.setUp() {
			break
		}
		if !step.Moves() {
			c.unsure++
		}
		lines, steps = append(lines, line), append(steps, c.next)
	}
	return lines, steps
}

// keep keeps what was sent.
func (p *performance) keep(c *column, steps []int, xs []*ftp.Exchange) {
	for i, x := range xs {
		c.sent[steps[i]] = x
		if c.steps[steps[i]].Moves() {
			c.moved = x
			if c.role == plan.Dest {
				p.stores.Store(x)
			}
		}
	}
}

// setUp reports whether nothing keeps the steps from being sent that move the file: every
// set-up step of both columns is accepted, or, ahead, goes out before them.
func (p *performance) setUp() bool {
	for _, c := range p.cols {
		if c.unsure > 0 && !p.eager() {
			return false
		}
		for _, step := range c.steps[c.next:] {
			if step.Command == "" || step.Moves() {
				continue
			}
			if _, bound := p.vars.Expand(step.Command); !bound || !p.eager() {
				return false
			}
		}
	}
	return true
}

// eager reports whether no step waits for the replies to those before it.
func (p *performance) eager() bool { return p.ahead != nil && p.ahead.sure }

// settingUp reports whether no server was told to move the file.
func (p *performance) settingUp() bool {
	return p.cols[plan.Source].moved == nil && p.cols[plan.Dest].moved == nil
}

// heard takes an event: an exchange has started or ended.
func (p *performance) heard(x *ftp.Exchange) *failure {
	if !closed(x.Ended()) || p.over[x] { // it has begun; or that is told late
		if p.ahead != nil && p.ahead.turn != nil && x == p.cols[plan.Dest].moved {
			p.ahead.turn()
		}
		return nil
	}
	p.over[x] = true
	c := p.cols[plan.Source]
	row := slices.Index(c.sent, x)
	if row < 0 {
		c = p.cols[plan.Dest]
		row = slices.Index(c.sent, x)
	}
	step := c.steps[row]
	if step.IsTransfer() {
		if err := x.Refusal(); err != nil {
			return &failure{role: c.role, verb: x.Verb, err: err}
		}
		c.done = true
		return nil
	}
	err := c.s.Judge(step.Verb(), x)
	if x == c.moved {
		if c.done = err == nil; !c.done {
			return &failure{role: step.Of(c.role), verb: step.Verb(), err: err}
		}
		return nil
	}
	c.unsure--
	e, refused := err.(*sites.Error)
	switch {
	case err == nil && step.Binds != "":
		err = p.bind(c, step, x)
	case refused && e.Code != 0 && e.Kind != sites.Busy && step.Verb() == "REST":
		err = &sites.Error{Site: e.Site, Kind: sites.Unsupported, Code: e.Code, Text: e.Text, Msg: "it cannot go on from where the file broke off"}
	}
	if err != nil {
		return &failure{role: step.Of(c.role), verb: step.Verb(), setUp: p.settingUp(), err: err}
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
	if sites.KindOf(err) == sites.Protocol {
		// The server is sound, but it tells no address that could be passed on.
		err = &sites.Error{Site: c.s.Site().Name(), Kind: sites.Refused, Err: err}
	}
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
	if first.setUp || other.moved == nil || weight(first.err) == 3 && first.said() {
		return first
	}
	timer := time.NewTimer(p.limits.verdict)
	defer timer.Stop()
	select {
	case <-other.moved.Ended():
	case <-timer.C:
		if e := (*sites.Error)(nil); errors.As(first.err, &e) && e.Kind == sites.Unreachable && !begun(other.moved) {
			return p.cutOff(other, first)
		}
		return first
	case <-ctx.Done():
		return first
	}
	err := other.moved.Refusal()
	second := &failure{role: other.role, verb: other.moved.Verb, err: err}
	// ProFTPD ends its session where the other server breaks off what TLS has begun.
	explains := func(f, other *failure) bool { return f.protection() && !other.said() }
	if err == nil || explains(first, second) || weight(err) <= weight(first.err) && !explains(second, first) {
		return first
	}
	return second
}

// cutOff returns the failure of a server that has not begun though the other one had a data
// connection with it, and lost that: it does not want one from there, and waits for
// another, as Pure-FTPd does.
func (p *performance) cutOff(c *column, lost *failure) *failure {
	return &failure{role: c.role, verb: c.moved.Verb, deaf: true, err: &sites.Error{Site: c.s.Site().Name(), Kind: sites.Refused,
		Msg: "it still waits for the data connection, and the other server lost the one that it had", Err: lost.err}}
}

// giveUp brings both control connections back in step, or closes them. A
// server that waits for its data connection hears no ABOR either.
func (p *performance) giveUp(f *failure) {
	var wait sync.WaitGroup
	for _, c := range p.cols {
		if c.s == nil {
			continue
		}
		wait.Go(func() {
			limit := p.limits.settle
			switch {
			case p.ahead != nil:
				p.drop(c, f)
				return
			case f.deaf && c.role == f.role:
				limit = 0
			case c.moved != nil:
				c.s.CallOff(c.moved)
			}
			c.s.Settle(limit)
		})
	}
	wait.Wait()
}

// drop closes a control connection that others use too, unless all that was sent for
// this figure is answered: where more was written behind a transfer it cannot be aborted in
// step. A data connection that stays open is awaited, for it has one file after the other.
func (p *performance) drop(c *column, f *failure) {
	ctx, stop := context.WithTimeout(context.Background(), p.limits.settle)
	defer stop()
	if c.moved != nil && !p.ahead.kept || f.deaf && c.role == f.role {
		stop()
	}
	for _, x := range c.sent {
		if x == nil {
			continue
		}
		select {
		case <-x.Ended():
		case <-ctx.Done():
		}
		if !closed(x.Ended()) {
			c.s.Settle(0)
		}
	}
}
