package fault

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// TestPass is told of each piece that passes, in pieces, with who is at the other end;
// also where a fault is to come.
func TestPass(t *testing.T) {
	t.Parallel()
	const size = 1_000_000
	for name, faults := range map[string]Plan{"without a fault": nil, "before a fault": {{What: Delay, Where: Up, Byte: size / 2, Delay: 1}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			passed := make(map[Where]int)
			s := serve(t, "127.0.0.1", ftpd.Modern)
			p := Start(t, s.Addr(), Options{Faults: faults, Pass: func(p Piece) {
				mu.Lock()
				defer mu.Unlock()
				passed[p.Where] += p.Bytes
				if p.Bytes < 1 || p.Bytes > 64<<10 || !p.Peer.IsLoopback() || p.Peer == (netip.Addr{}) {
					t.Errorf("a piece of %d bytes, %v", p.Bytes, p.Peer)
				}
			}})
			f := site(t, s, p, "passive=yes")
			text := strings.Repeat("x", size)
			if err := store(within(t), f, "/a", text, sites.Replace); err != nil || disk(t, s, "a") != text {
				t.Error(err)
			}
			if _, err := read(within(t), f, "/a"); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if passed[Up] != size || passed[Down] != size {
				t.Errorf("%d bytes passed up and %d down, of %d", passed[Up], passed[Down], size)
			}
		})
	}
}
