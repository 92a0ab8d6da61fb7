package delay

import "maps"

// Counts are what passed at a site. None of them depends on how fast the machine is, as long
// as that is fast next to the delay.
type Counts struct {
	// Commands are how many of each verb came.
	Commands map[string]int

	// Turns are how often the client had to wait: a command came when the client had all
	// replies to what it said before, the greeting among them. They are told by the verb of
	// that command. What is said behind it without waiting for its reply makes no turn.
	Turns map[string]int

	// Bursts are how often commands came between which the client heard nothing over that
	// connection: what goes out in one packet, if the client writes at once what it has.
	Bursts int

	// Sessions are how many control connections there were at once, at most.
	Sessions int

	// UserData and SiteData are how many data connections to the site came in, from the user
	// and from other sites.
	UserData, SiteData int

	// FromUser, ToUser and Between are the bytes of data connections to the site: those
	// that the user sent and got, and those between it and other sites.
	FromUser, ToUser, Between int64
}

func newCounts() Counts {
	return Counts{Commands: make(map[string]int), Turns: make(map[string]int)}
}

// Waits are the turns of all verbs.
func (c Counts) Waits() (n int) {
	for _, turns := range c.Turns {
		n += turns
	}
	return n
}

// Counts returns what passed since the network was begun, or was reset.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	c.Commands, c.Turns = maps.Clone(c.Commands), maps.Clone(c.Turns)
	return c
}

// count counts something.
func (p *Proxy) count(add func(*Counts)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.counts)
}
