package transfer

import "time"

// limits says how long is waited for what nobody may ever say. How long a site
// has to answer a set-up command is part of its configuration.
type limits struct {
	// start is how long the two servers have to give a first sign of life
	// after their transfer commands.
	start time.Duration

	// silent is how long a server that has not begun may stay silent when the
	// other one has finished: it waits for a connection that will not come.
	silent time.Duration

	// finish is how long a server that has begun may take to finish when the
	// other one has finished. It may still be writing.
	finish time.Duration

	// verdict is how long the other server has to say its part when one has
	// failed: its reply is often the better reason.
	verdict time.Duration

	// settle is how long a server has to answer the set-up commands that are
	// still on their way when the figure is given up.
	settle time.Duration

	// still is how long a size must stay the same before it is believed when
	// the destination has said that the transfer is over; stillAlone is the same
	// when it has not: it may go on writing what it receives.
	still, stillAlone time.Duration

	// changing is how long a size may go on changing.
	changing time.Duration

	// clean is how long the clean-up may take.
	clean time.Duration

	// pause is how long is waited before the second try; it doubles with each.
	pause time.Duration

	// look is how often it is asked how much has arrived. What passes this host is
	// counted there, more often.
	look time.Duration

	// worth is how many bytes of a broken COPY are worth going on from: with fewer
	// it is quicker, and safer, to begin anew.
	worth int64
}

// usual returns the limits of everyday work.
func usual() limits {
	return limits{
		start: 30 * time.Second, silent: 3 * time.Second, finish: 5 * time.Minute,
		verdict: time.Second, settle: 3 * time.Second,
		still: 300 * time.Millisecond, stillAlone: 2 * time.Second, changing: 30 * time.Second,
		clean: 5 * time.Second, pause: 500 * time.Millisecond,
		look: time.Second, worth: 1 << 20,
	}
}

// hurried returns the limits divided by n, but for the clean-up's, and for what a server on
// a busy host needs to do what was on its way when it was given up.
func (l limits) hurried(n int) limits {
	d := time.Duration(max(n, 1))
	const busy = 250 * time.Millisecond
	return limits{
		start: l.start / d, silent: l.silent / d, finish: l.finish / d, verdict: l.verdict / d, settle: l.settle / d,
		still: l.still / d, stillAlone: max(l.stillAlone/d, min(l.stillAlone, busy)), changing: l.changing / d,
		clean: l.clean, pause: l.pause / d, look: l.look / d, worth: l.worth / int64(d),
	}
}
