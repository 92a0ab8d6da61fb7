package ftp

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"rsexec/sites"
)

// A family is a version of the internet protocol, as networks are named for it.
type family string

const (
	anyFamily family = "tcp"
	four      family = "tcp4"
	six       family = "tcp6"
)

func familyOf(a netip.Addr) family {
	if a.Is4() {
		return four
	}
	return six
}

// Meet makes sure that two sites have answered once, and that, where one of them can be
// reached in both versions of the internet protocol and the other in one, the first is
// reached in that, so that they can reach each other. A profile's data-host decides by
// itself.
func Meet(ctx context.Context, a, b *Site) error {
	for _, f := range []*Site{a, b} {
		if err := f.Meet(ctx); err != nil {
			return err
		}
	}
	want := familyOf(b.DataAddr())
	switch {
	case familyOf(a.DataAddr()) == want, a.config.DataHost.IsValid(), b.config.DataHost.IsValid():
		return nil
	case a.has(ctx, want) && a.turn(ctx, want) == nil:
		return nil
	}
	if want = familyOf(a.DataAddr()); b.has(ctx, want) {
		// If it cannot be reached, the two have no address in common after all.
		_ = b.turn(ctx, want)
	}
	return ctx.Err()
}

// has reports whether the site has an address of a family that was not found out of reach.
func (f *Site) has(ctx context.Context, want family) bool {
	f.mu.Lock()
	lost := f.outOfReach == want
	f.mu.Unlock()
	if _, err := netip.ParseAddr(f.config.Host); err == nil || lost {
		return false
	}
	addrs, err := f.options.Resolver.LookupNetIP(ctx, "ip", f.config.Host)
	return err == nil && slices.ContainsFunc(addrs, func(a netip.Addr) bool { return familyOf(a.Unmap()) == want })
}

// turn has new sessions of the site go over another family, if one can. Those that there
// are end when their work is done.
func (f *Site) turn(ctx context.Context, to family) error {
	f.mu.Lock()
	before, turned := f.family, f.turned
	f.family, f.turned = to, true
	f.mu.Unlock()
	err := f.with(ctx, func(*Session) error { return nil })
	if err == nil || ctx.Err() != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.family, f.turned = before, turned
	if sites.KindOf(err) == sites.Unreachable {
		f.outOfReach = to
	}
	return err
}

// dial connects to the server over the family of the sessions that there were. Where that
// is out of reach by now, and nobody needs it, any will do.
func (f *Site) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: f.config.Timeout, Resolver: f.options.Resolver}
	f.mu.Lock()
	over, needed := f.family, f.turned
	f.mu.Unlock()
	nc, err := dialer.DialContext(ctx, string(over), f.config.Address())
	if err == nil || needed || over == anyFamily || ctx.Err() != nil {
		return nc, err
	}
	f.mu.Lock()
	f.family = anyFamily
	f.mu.Unlock()
	return dialer.DialContext(ctx, string(anyFamily), f.config.Address())
}

// Idle reports whether the session can be used for other work.
func (s *Session) Idle() bool {
	return !s.spent.Load() && s.Conn.Idle() && s.site.goesOver(familyOf(s.Peer()))
}

func (f *Site) goesOver(over family) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.family == anyFamily || f.family == over
}
