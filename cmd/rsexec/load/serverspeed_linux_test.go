package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/ftptest"
)

// BenchmarkServers has this program as a server, and others, send and receive a file of
// 1 GiB, with TLS and without, and take sessions; one client speaks to all of them, in turn.
// A ratio is how many times as long another server takes:
//
//	go test -run xxx -bench Servers -benchtime 3x -timeout 30m ./cmd/rsexec/load
func BenchmarkServers(b *testing.B) {
	const size = 1 << 30
	authority := ftptest.NewAuthority(b)
	peers := []ftptest.Peer{ours, ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd}
	for _, mode := range []struct {
		name, query string
		options     ftptest.Options
	}{
		{"clear", "/?tls=off", ftptest.Options{}},
		{"TLS", "/?tls=require&data=private&tls-ca=" + url.QueryEscape(authority.File()), ftptest.Options{TLS: &ftptest.TLS{Authority: authority}}},
	} {
		b.Run(mode.name, func(b *testing.B) {
			clients := make(map[ftptest.Peer]*ftp.Site)
			for _, p := range peers {
				server := startServer(b, p, mode.options)
				config, err := sites.ParseURL("SITE1", server.URL()+mode.query)
				if err != nil {
					b.Fatal(err)
				}
				clients[p] = ftp.New(config, ftp.Options{})
				defer func() {
					if err := clients[p].Close(); err != nil {
						b.Error(err)
					}
				}()
			}
			for _, task := range []struct {
				name    string
				perform func(context.Context, *ftp.Site) error
			}{
				{"STOR", func(ctx context.Context, s *ftp.Site) error { return storeZeros(ctx, s, size) }},
				{"RETR", func(ctx context.Context, s *ftp.Site) error { return readAll(ctx, s, size) }},
				{"sessions", logins},
			} {
				b.Run(task.name, func(b *testing.B) {
					best := make(map[ftptest.Peer]time.Duration)
					for b.Loop() {
						for _, p := range peers {
							began := time.Now()
							if err := task.perform(b.Context(), clients[p]); err != nil {
								b.Fatalf("%s: %v", p, err)
							}
							if took := time.Since(began); best[p] == 0 || took < best[p] {
								best[p] = took
							}
						}
					}
					for _, p := range peers {
						b.ReportMetric(best[p].Seconds(), "s/"+string(p))
						if p != ours {
							b.ReportMetric(best[p].Seconds()/best[ours].Seconds(), string(p)+"/"+string(ours))
						}
					}
					b.ReportMetric(0, "ns/op") // the sum of all says nothing
				})
			}
		})
	}
}

// zeros is as many bytes as it is read for.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// piece is how many bytes the client moves at a time.
const piece = 256 << 10

func storeZeros(ctx context.Context, s *ftp.Site, size int64) error {
	w, err := s.Store(ctx, "/big", sites.Replace)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(struct{ io.Writer }{w}, io.LimitReader(zeros{}, size), make([]byte, piece)); err != nil {
		w.Abort()
		return err
	}
	return w.Commit()
}

func readAll(ctx context.Context, s *ftp.Site, size int64) error {
	r, err := s.Open(ctx, "/big", 0)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, piece))
	if err = errors.Join(err, r.Close()); err == nil && n != size {
		err = fmt.Errorf("%d bytes of %d", n, size)
	}
	return err
}

// logins has 200 sessions begin and end, eight at a time, in the clear.
func logins(ctx context.Context, s *ftp.Site) error {
	c := s.Config()
	var group errgroup.Group
	group.SetLimit(8)
	for range 200 {
		group.Go(func() error {
			conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", c.Address())
			if err != nil {
				return err
			}
			defer conn.Close() // all was said
			replies := bufio.NewReader(conn)
			for _, say := range []struct{ line, want string }{{"", "220"}, {"USER " + c.User, "331"}, {"PASS " + c.Password, "230"}, {"QUIT", "221"}} {
				if say.line != "" {
					fmt.Fprintf(conn, "%s\r\n", say.line)
				}
				for line := ""; !strings.HasPrefix(line, say.want+" "); {
					if line, err = replies.ReadString('\n'); err != nil {
						return fmt.Errorf("%s: %w", say.line, err)
					}
				}
			}
			return nil
		})
	}
	return group.Wait()
}
