// Package socket holds local TCP ports for connections that come later.
//
// A reserved port is given to no other process and to no other socket of this
// one, except to those that are bound with Reuse.
package socket

import (
	"net/netip"
	"sync"
)

// Reservation is a local socket that is bound and used for nothing.
type Reservation struct {
	Addr   netip.AddrPort
	handle handle
	once   sync.Once
}

// Reserve binds addr; port 0 takes a free port.
func Reserve(addr netip.AddrPort) (*Reservation, error) {
	h, bound, err := bind(addr)
	if err != nil {
		return nil, err
	}
	return &Reservation{Addr: bound, handle: h}, nil
}

// Close gives the port back. Closing again does nothing.
func (r *Reservation) Close() error {
	var err error
	r.once.Do(func() { err = closeHandle(r.handle) })
	return err
}
