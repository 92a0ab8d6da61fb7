package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/dustin/go-humanize"

	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// figures are what /metrics tells.
var figures = []struct {
	name  string
	gauge bool // it may become less
	value func(ftpd.Status) int
}{
	{"rsexec_sessions", true, func(s ftpd.Status) int { return len(s.Sessions) }},
	{"rsexec_transfers", true, func(s ftpd.Status) int { return running(s) }},
	{"rsexec_sessions_total", false, func(s ftpd.Status) int { return int(s.Counts.Sessions) }},
	{"rsexec_turned_away_total", false, func(s ftpd.Status) int { return int(s.Counts.TurnedAway) }},
	{"rsexec_logins_total", false, func(s ftpd.Status) int { return int(s.Counts.Logins) }},
	{"rsexec_failed_logins_total", false, func(s ftpd.Status) int { return int(s.Counts.FailedLogins) }},
	{"rsexec_transfers_total", false, func(s ftpd.Status) int { return int(s.Counts.Transfers) }},
	{"rsexec_failed_transfers_total", false, func(s ftpd.Status) int { return int(s.Counts.Failed) }},
	{"rsexec_sent_bytes_total", false, func(s ftpd.Status) int { return int(s.Counts.BytesSent) }},
	{"rsexec_received_bytes_total", false, func(s ftpd.Status) int { return int(s.Counts.BytesReceived) }},
}

func running(s ftpd.Status) (n int) {
	for _, session := range s.Sessions {
		if session.Transfer != nil {
			n++
		}
	}
	return n
}

// tell serves at an address of this host alone what the service does: /metrics for
// Prometheus, and /status as JSON. It ends with ctx, when those who have asked have their
// answer.
func tell(ctx context.Context, listener net.Listener, status func() ftpd.Status) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		s := status()
		for _, f := range figures {
			if f.gauge {
				metrics.WriteGaugeUint64(w, f.name, uint64(f.value(s)))
			} else {
				metrics.WriteCounterUint64(w, f.name, uint64(f.value(s)))
			}
		}
		for _, root := range s.Roots {
			metrics.WriteGaugeUint64(w, fmt.Sprintf("rsexec_used_bytes{root=%q}", root.Root), uint64(max(0, root.Used)))
		}
		metrics.WriteProcessMetrics(w)
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(processStatus{os.Getpid(), status()}) // who asked has gone
	})
	var asking sync.WaitGroup
	server := http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ConnState: func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			asking.Add(1)
		case http.StateClosed:
			asking.Done()
		}
	}}
	// Shutdown would leave those without an answer whose question it has not read yet.
	stop := context.AfterFunc(ctx, func() {
		_ = listener.Close() // its only effect of interest is the end of Serve
		server.SetKeepAlivesEnabled(false)
	})
	defer stop()
	err := server.Serve(listener)
	if ctx.Err() != nil {
		err = nil
	}
	enough := time.AfterFunc(time.Second, func() { _ = server.Close() }) // they have not even asked
	defer enough.Stop()
	asking.Wait()
	return err
}

// processStatus is the status of the process that was asked.
type processStatus struct {
	PID int
	ftpd.Status
}

// metrics opens a listener at an address that only this host can reach: it tells the names
// of users and of files.
func (h *handover) metrics(ctx context.Context, address string) (net.Listener, error) {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().IsLoopback() {
		return nil, &sites.Error{Op: "metrics " + address, Kind: sites.Usage, Msg: "it has to be an address and port of loopback, such as " + defaultMetrics}
	}
	asIs := func(l *net.TCPListener) (net.Listener, error) { return l, nil }
	listener, err := h.listen("metrics "+address, asIs, func() (net.Listener, error) {
		return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	})
	if err != nil {
		return nil, &sites.Error{Op: "metrics", Kind: sites.Other, Err: err}
	}
	return listener, nil
}

// defaultMetrics is where serve status asks where nothing else is said.
const defaultMetrics = "127.0.0.1:2122"

// status shows what a server on this host does.
func (s *serveCommand) status(ctx context.Context, c *cli, std streams) error {
	address := s.Metrics
	if address == "" && s.Config != "" {
		settings, err := readSettings(s.Config)
		if err != nil {
			return err
		}
		address = settings.Metrics
	}
	if address == "" {
		address = defaultMetrics
	}
	wrong := func(err error) error {
		return &sites.Error{Op: "serve status", Kind: sites.Unreachable, Err: err, Hint: "start the server with --metrics " + address}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/status", nil)
	if err != nil {
		return &sites.Error{Op: "serve status", Kind: sites.Usage, Err: err}
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return wrong(err)
	}
	defer answer.Body.Close() // all of it was read, or does not matter
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	if err != nil {
		return wrong(err)
	}
	if c.JSON {
		_, err := std.out.Write(text)
		return err
	}
	var status processStatus
	if err := json.Unmarshal(text, &status); err != nil {
		return wrong(err)
	}
	return printStatus(std.out, status, time.Now())
}

// printStatus shows a status to a person.
func printStatus(out io.Writer, s processStatus, now time.Time) error {
	n := s.Counts
	fmt.Fprintf(out, "process %d: %d sessions, %d files on their way; since the start %d sessions, %d turned away, %d logins and %d wrong passwords, %d transfers (%d failed), %s sent and %s received\n",
		s.PID, len(s.Sessions), running(s.Status), n.Sessions, n.TurnedAway, n.Logins, n.FailedLogins, n.Transfers, n.Failed,
		humanize.IBytes(uint64(n.BytesSent)), humanize.IBytes(uint64(n.BytesReceived)))
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, session := range s.Sessions {
		user := session.User
		if user == "" {
			user = "-"
		}
		fmt.Fprintf(table, "%d\t%s\t%s\t%s", session.ID, sites.Printable(user), session.Remote, now.Sub(session.Since).Round(time.Second))
		if t := session.Transfer; t != nil {
			fmt.Fprintf(table, "\t%s %s\t%s\t%s", t.Verb, sites.Printable(t.Path), humanize.IBytes(uint64(t.Bytes)), now.Sub(t.Since).Round(time.Second))
			if t.Peer.IsValid() {
				fmt.Fprintf(table, "\twith %s", t.Peer)
			}
		}
		fmt.Fprintln(table)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, root := range s.Roots {
		fmt.Fprintf(out, "%s in %s\n", humanize.IBytes(uint64(max(0, root.Used))), sites.Printable(root.Root))
	}
	return nil
}
