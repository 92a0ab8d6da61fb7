package ftptest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// Dual returns a resolver for which every host has both loopback addresses, 127.0.0.1 and
// ::1.
func Dual(t testing.TB) *net.Resolver {
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		serving.Go(func() {
			defer far.Close() // a pipe has nothing to lose
			if err := answerNames(far); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) {
				t.Error(err)
			}
		})
		return near, nil
	}}
}

// answerNames answers the questions of one connection (RFC 1035 section 4.2.2).
func answerNames(c net.Conn) error {
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return err
		}
		text := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, text); err != nil {
			return err
		}
		var m dnsmessage.Message
		if err := m.Unpack(text); err != nil {
			return err
		}
		m.Response, m.Additionals = true, nil
		for _, q := range m.Questions {
			head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}
			switch q.Type {
			case dnsmessage.TypeA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: netip.MustParseAddr("127.0.0.1").As4()}})
			case dnsmessage.TypeAAAA:
				m.Answers = append(m.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: netip.IPv6Loopback().As16()}})
			}
		}
		text, err := m.Pack()
		if err != nil {
			return err
		}
		if _, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)); err != nil {
			return err
		}
	}
}

// ListenDual listens at both loopback addresses and at one port of both. It skips t where
// the host has no ::1.
func ListenDual(t testing.TB) []net.Listener {
	t.Helper()
	for range 100 {
		one, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		other, err := net.ListenTCP("tcp6", &net.TCPAddr{IP: net.IPv6loopback, Port: one.Addr().(*net.TCPAddr).Port})
		if err == nil {
			return []net.Listener{one, other}
		}
		if err := one.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Skip("this host has no [::1]")
	return nil
}
