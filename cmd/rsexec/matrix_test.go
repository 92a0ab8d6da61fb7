package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// ours names our own server beside the peers.
const ours ftptest.Peer = "rsexec"

// allServers are those that can take part in third-party transfers on both sides.
var allServers = []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd, ftptest.Pyftpdlib, ours}

// startServer starts a peer or our own server.
func startServer(t testing.TB, p ftptest.Peer, o ftptest.Options) *ftptest.Server {
	t.Helper()
	if p != ours {
		return ftptest.Start(t, p, o)
	}
	host := ftptest.FreshHost()
	l, err := ftpd.Listen(t.Context(), net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := &ftptest.Server{Host: host, Port: l.Addr().(*net.TCPAddr).Port, User: "anchor", Password: "secret", Root: t.TempDir()}
	server := &ftpd.Server{Users: []ftpd.User{{Name: s.User, Password: s.Password, Root: s.Root}}}
	if !o.RefuseForeign {
		server.AllowPeers = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	if o.TLS != nil {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{o.TLS.Authority.Issue(host)}}
		server.Peers = ftpd.PeerTrust{CAs: o.TLS.Authority.Pool()}
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// way is how a file went from one server to another.
type way struct {
	figure string
	why    []string // it was no better one
	took   time.Duration
}

// String is the cell of a table.
func (o way) String() string {
	text := fmt.Sprintf("%s %.1f s", o.figure, o.took.Seconds())
	if len(o.why) > 0 {
		text += ": " + strings.Join(o.why, "; ")
	}
	return text
}

// move copies a file from one server to another, and appends it to another file there, and
// holds that nothing else is left in the folder where both are, which has the name that the
// file has at its source. It returns what the slower of the two was like, and both if they
// differ.
func move(t *testing.T, source, dest *ftptest.Server, name, options string) way {
	t.Helper()
	text := strings.Repeat("0123456789", 50_000)
	write(t, source.Root, name, text)
	folder := filepath.Join(dest.Root, name)
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	openTo(t, folder, folder)
	write(t, folder, "log", "old ")
	state := t.TempDir() + "/state.db" // so that nothing is remembered of other cells
	var o way
	for _, statement := range []string{"COPY SITE1:/NAME TO SITE2:/NAME/new", "APPEND SITE1:/NAME TO SITE2:/NAME/log"} {
		began := time.Now()
		status, stdout, stderr := rsexecRun(t, "--json", "--state", state, "--site", "SITE1="+source.URL()+options, "--site", "SITE2="+dest.URL()+options,
			"-c", strings.ReplaceAll(statement, "NAME", name))
		took := time.Since(began)
		list := events(t, stdout)
		last := list[len(list)-1]
		if status != 0 || last.Event != "transfer" {
			t.Errorf("%s: status %d\n%s%s", statement, status, stdout, stderr)
			continue
		}
		if took > 5*time.Second {
			t.Errorf("%s took %v", statement, took)
		}
		if o.took = max(o.took, took); !strings.HasSuffix(o.figure, last.Choreography) {
			o.figure = strings.TrimPrefix(o.figure+"/"+last.Choreography, "/")
		}
		for _, e := range list {
			_, why, refused := strings.Cut(e.Text, " does not work: ")
			if !refused {
				_, why, refused = strings.Cut(e.Text, "data connections private and ")
			}
			if why, _, _ = strings.Cut(why, "; going on"); e.Event == "notice" && refused && !slices.Contains(o.why, why) {
				o.why = append(o.why, why)
			}
		}
	}
	if got := read(t, folder, "new"); got != text {
		t.Errorf("the copy has %d bytes of %d", len(got), len(text))
	}
	if got := read(t, folder, "log"); got != "old "+text {
		t.Errorf("what was appended to has %d bytes of %d", len(got), len(text)+4)
	}
	if got := names(t, folder); !slices.Equal(got, []string{"log", "new"}) {
		t.Errorf("in the folder are %q", got)
	}
	return o
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// A table has a cell for every two servers.
type table struct {
	title string

	mu    sync.Mutex
	cells map[[2]ftptest.Peer]string
}

// newTable makes a table that is added, when the test has ended, to the file that
// RSEXEC_TABLES names, for people to read.
func newTable(t *testing.T, title string) *table {
	t.Helper()
	tb := &table{title: title, cells: make(map[[2]ftptest.Peer]string)}
	t.Cleanup(func() {
		name := os.Getenv("RSEXEC_TABLES")
		if name == "" {
			return
		}
		f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err == nil {
			err = errors.Join(tb.write(f), f.Close())
		}
		if err != nil {
			t.Error(err)
		}
	})
	return tb
}

func (tb *table) set(from, to ftptest.Peer, text string) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	tb.cells[[2]ftptest.Peer{from, to}] = text
}

func (tb *table) write(w io.Writer) error {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(columns, "\n%s\n\nfrom\tto\tby\n", tb.title) // Flush tells of errors
	for _, from := range append(slices.Clone(allServers), ftptest.Inetutils) {
		for _, to := range append(slices.Clone(allServers), ftptest.Inetutils) {
			if text, ok := tb.cells[[2]ftptest.Peer{from, to}]; ok {
				fmt.Fprintf(columns, "%s\t%s\t%s\n", from, to, text)
			}
		}
	}
	return columns.Flush()
}

// TestTLSMatrix moves files between every two servers that protect their connections,
// where data has to be private and where it need not be; vsftpd and ProFTPD demand that
// their data connections go on with the TLS session of the control connection, as they do
// unless somebody tells them not to. Each cell has its figure: with vsftpd no private
// connection from server to server is possible, for it demands what another server cannot
// give; the others need one that knows SSCN.
func TestTLSMatrix(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	options := ftptest.Options{TLS: &ftptest.TLS{Authority: authority, Reuse: true}}
	servers := make(map[ftptest.Peer]*ftptest.Server)
	for _, p := range allServers {
		servers[p] = startServer(t, p, options)
	}
	knowsSSCN := map[ftptest.Peer]bool{ftptest.ProFTPD: true, ours: true}
	for _, data := range []string{"private", "clear-allowed"} {
		cells := newTable(t, "TLS at both servers, data="+data)
		for _, from := range allServers {
			for _, to := range allServers {
				if from == to {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s-to-%s", data, from, to), func(t *testing.T) {
					t.Parallel() // ProFTPD has everybody wait
					o := move(t, servers[from], servers[to], fmt.Sprintf("%s.%s.%s", data, from, to), "/?tls=require&data="+data+"&tls-ca="+authority.File())
					cells.set(from, to, o.String())
					second := map[string]string{"private": "relay", "clear-allowed": "rfc959"}[data]
					want := []string{"sscn"}
					switch {
					case from == ftptest.VSFTPD || to == ftptest.VSFTPD || !knowsSSCN[from] && !knowsSSCN[to]:
						want = []string{second}
					case from == ftptest.ProFTPD && to != ours:
						// As the sender and client of TLS it loses the end of some files.
						want = append(want, second, "sscn/"+second, second+"/sscn")
					}
					if !slices.Contains(want, o.figure) {
						t.Errorf("by %s, want one of %s; %q", o.figure, want, o.why)
					}
					if o.figure == "relay" && len(o.why) == 0 {
						t.Error("nobody said why it went through this host")
					}
				})
			}
		}
	}
}
