package rsexec

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites"
)

// delayed returns a URL whose control connections reach that of url after half
// a round trip each way.
func delayed(t testing.TB, url string, rtt time.Duration) string {
	t.Helper()
	user, address, _ := strings.Cut(url, "@")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	group.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				near.Close()
				continue
			}
			mu.Lock()
			open = append(open, near, far)
			mu.Unlock()
			group.Go(func() { later(far, near, rtt/2) })
			group.Go(func() { later(near, far, rtt/2) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		group.Wait()
	})
	return user + "@" + l.Addr().String()
}

// later passes on what comes from src to dst, each piece after the delay.
func later(dst io.WriteCloser, src io.Reader, delay time.Duration) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer close(pieces)
		for {
			b := make([]byte, 4096)
			n, err := src.Read(b)
			if n > 0 {
				pieces <- piece{b[:n], time.Now().Add(delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range pieces {
		time.Sleep(time.Until(p.due)) // the link's delay
		if _, err := dst.Write(p.data); err != nil {
			break
		}
	}
	dst.Close()
	for range pieces { // until the reader ends
	}
}

// TestBuildIndex holds that many sites are listed at the same time: the round
// trips of the whole are those of one site, and none is left out.
func TestBuildIndex(t *testing.T) {
	const rtt = 20 * time.Millisecond
	build := func(n int) time.Duration {
		var named []string
		for i := range n {
			url, _ := serve(t, map[string]string{fmt.Sprintf("file%d", i): "", "both": ""})
			named = append(named, fmt.Sprintf("SITE%d=%s", i, delayed(t, url, rtt)))
		}
		s := newShell(t, func(o *Options) { o.State = filepath.Join(t.TempDir(), "state.db") }, named...)
		began := time.Now()
		s.index.build(t.Context(), s.network.DSK(), s.network.Heard)
		took := time.Since(began)
		found := 0
		for i := range n {
			if !s.index.Fresh(sites.Pathname{Site: fmt.Sprintf("SITE%d", i), Path: "/"}) {
				t.Errorf("SITE%d is not in the index", i)
			}
		}
		if err := s.index.Find(t.Context(), "both", func(sites.Pathname, sites.Entry, time.Time) bool { found++; return true }); err != nil || found != n {
			t.Errorf("%d of %d entries, %v", found, n, err)
		}
		return took
	}
	one, all := build(1), build(100)
	t.Logf("at %v a round trip: one site in %v, 100 sites in %v, %.1f times as long", rtt, one, all, float64(all)/float64(one))
	if all > 50*one {
		t.Errorf("100 sites take %v and one %v: they are not listed at the same time", all, one)
	}
}

// BenchmarkWarmName looks a partial name up over 100 sites of 10,000 names each,
// all in the index of the state file; no site is asked.
func BenchmarkWarmName(b *testing.B) {
	const count, each = 100, 10_000
	var named []string
	for i := range count {
		named = append(named, fmt.Sprintf("SITE%d=ftp://u:p@192.0.2.%d", i, i+1))
	}
	s := newShell(b, func(o *Options) { o.State = filepath.Join(b.TempDir(), "state.db") }, named...)
	store := s.index.open()
	for _, name := range s.network.Names() {
		dir := sites.Pathname{Site: name, Path: "/"}
		kept := s.index.stored(dir)
		var entries []sites.Entry
		for i := range each {
			entries = append(entries, sites.Entry{Name: fmt.Sprintf("%s-%05d", name, i), Type: sites.File, Size: int64(i)})
		}
		if err := store.PutListing(b.Context(), kept, time.Now(), entries); err != nil {
			b.Fatal(err)
		}
		s.index.listed[kept] = time.Now()
		s.index.homes[kept.Site] = "/"
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		name := fmt.Sprintf("SITE%d-%05d", i%count, i*7919%each)
		if res, err := s.resolver.Source(b.Context(), name); err != nil || res.Entry.Size != int64(i*7919%each) {
			b.Fatal(res, err)
		}
	}
}
