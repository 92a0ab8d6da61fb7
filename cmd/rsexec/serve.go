package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// serveCommand is a site server, and what belongs to one.
type serveCommand struct {
	What string `arg:"" optional:"" enum:"run,passwd,status" default:"run" help:"run: serve, which is meant where nothing is named; passwd: ask for the password of --user and print the lines of the settings that have its hash; status: show what a server does that was started with --metrics."`

	Config  string `help:"The file with the settings, of users above all; SIGHUP has it read again, SIGUSR2 has a new process take over. It takes the place of the flags below." type:"existingfile" placeholder:"FILE"`
	Metrics string `help:"The address and port of loopback where it tells what it does: /metrics for Prometheus, /status for serve status." placeholder:"ADDR"`
	Log     string `help:"The form of the records on standard error: text or json." enum:"text,json" default:"text"`

	LogLevel string `help:"Which records: info has the logins and transfers, debug the commands and replies as well." enum:"info,debug" default:"info"`

	Listen        string   `help:"Address and port of the control connections; port 0 takes a free one." default:"127.0.0.1:2121" placeholder:"ADDR"`
	Root          string   `help:"The folder that is the user's /." type:"existingdir" placeholder:"DIR"`
	User          string   `help:"The user who may log in." placeholder:"NAME"`
	PasswordFile  string   `help:"The file whose first line is the password; without it the password is asked for." type:"existingfile" placeholder:"FILE"`
	Rights        []string `help:"What the user may do: read, write, append, delete, list; all, if none is named." placeholder:"RIGHT"`
	AllowPeer     []string `help:"A host or network that may be the other end of a data connection, beside the user's host; repeatable." placeholder:"CIDR"`
	PassivePorts  string   `help:"The ports where it listens for data connections, as 50000-50999." placeholder:"FROM-TO"`
	PublicAddress string   `help:"The IPv4 address that it tells for them, where an address translator is before it." placeholder:"ADDR"`
	Dialect       string   `help:"Which commands and reply codes are spoken: modern, or those of 1973 with the proposal of RFC 438 or RFC 478." enum:"modern,rfc438,rfc478" default:"modern"`
	Sync          string   `help:"Whether a file is on disk before its transfer is said to be complete: file, or none." enum:"file,none" default:"file"`
	Whole         bool     `help:"Keep what is uploaded under a name of its own, .NAME.rsexec-part, until it is complete: nobody sees half a file."`
	TLSCert       string   `name:"tls-cert" help:"The file with this site's certificate in PEM, and those that certify it; with it the site has TLS." placeholder:"FILE"`
	TLSKey        string   `name:"tls-key" help:"The file with the certificate's key in PEM, if it is not in the same file." type:"existingfile" placeholder:"FILE"`
	SelfSigned    bool     `help:"Make a certificate that certifies itself, if there is none yet, and print its SHA-256, by which others know it."`
	TLSRequire    bool     `name:"tls-require" help:"Refuse passwords and data that are not over TLS."`
	Implicit      bool     `help:"Begin each control connection with TLS, as ftps:// wants it."`
	TLSPeer       []string `name:"tls-peer" help:"Which other sites may be at the other end of data over TLS: a PEM file of authorities or of the sites' own certificates, or the SHA-256 of a certificate in hex; repeatable." placeholder:"FILE|SHA256"`

	MaxSessions        int           `help:"How many sessions there may be at a time; 0 is no limit." default:"500" placeholder:"N"`
	MaxSessionsPerHost int           `help:"How many of them may be of one host; 0 is no limit." default:"50" placeholder:"N"`
	IdleTimeout        time.Duration `help:"How long a session may go without a command." default:"5m" placeholder:"TIME"`
	RestartWait        time.Duration `help:"How long sessions may go on when, for SIGUSR2, another process has taken over." default:"1h" placeholder:"TIME"`
}

// Run is called by kong.
func (s *serveCommand) Run(ctx context.Context, c *cli, std streams) error {
	switch s.What {
	case "passwd":
		return s.passwd(std)
	case "status":
		return s.status(ctx, c, std)
	}
	handover, err := inherited()
	if err != nil {
		return &sites.Error{Op: "serve", Kind: sites.Other, Err: err}
	}
	err = s.serve(ctx, c, std, handover)
	handover.fails(err)
	return err
}

// serve serves until ctx ends, or another process serves and all sessions of this one have
// ended.
func (s *serveCommand) serve(ctx context.Context, c *cli, std streams, handover *handover) error {
	load, err := s.loader(std)
	if err != nil {
		return err
	}
	settings, err := load()
	if err != nil {
		return err
	}
	if settings.pin != "" {
		fmt.Fprintf(std.out, "certificate in %s; others know it by tls-pin=%s\n", settings.TLS.Certificate, settings.pin)
	}
	options := &slog.HandlerOptions{}
	if s.LogLevel == "debug" {
		options.Level = slog.LevelDebug
	}
	var handler slog.Handler = slog.NewTextHandler(std.err, options)
	if s.Log == "json" {
		handler = slog.NewJSONHandler(std.err, options)
	}
	log := slog.New(handler)
	server, err := settings.server(log)
	if err != nil {
		return err
	}
	service, err := ftpd.NewService(server)
	if err != nil {
		return &sites.Error{Op: "serve", Kind: sites.Usage, Err: err}
	}
	var restartWait atomic.Int64
	restartWait.Store(int64(settings.restartWait()))
	restart := &restart{handover: handover, service: service, log: log, cannot: s.noRestart(), retire: service.Retire,
		wait: func() time.Duration { return time.Duration(restartWait.Load()) }}
	signalled := ctx
	ctx, end := untilSecond(ctx, func() bool { return c.editor != nil && c.editor.ended.Load() }, restart)
	defer end()
	reload := func() {
		settings, err := load()
		if err == nil {
			var next ftpd.Server
			if next, err = settings.server(log); err == nil {
				err = service.Change(next)
			}
		}
		if err != nil {
			log.Error("settings stay as they are", "error", err)
			return
		}
		restartWait.Store(int64(settings.restartWait()))
		log.Info("settings read again")
	}
	defer onHangup(reload)()
	serving, ctx := errgroup.WithContext(ctx)
	if settings.Metrics != "" {
		listener, err := handover.metrics(ctx, settings.Metrics)
		if err != nil {
			return err
		}
		var told sync.WaitGroup
		telling, enough := context.WithCancel(ctx)
		told.Go(func() {
			if err := tell(telling, listener, service.Status); err != nil {
				log.Error("metrics", "error", err)
			}
		})
		defer told.Wait()
		defer enough()
		restart.retire = func() { enough(); service.Retire() }
		fmt.Fprintf(std.out, "status at %s\n", listener.Addr())
	}
	for _, address := range settings.Listen {
		listener, err := handover.control(ctx, address)
		if err != nil {
			end()
			return errors.Join(err, serving.Wait())
		}
		fmt.Fprintf(std.out, "serving %s at %s\n", settings.what(), listener.Addr())
		serving.Go(func() error { return service.Serve(ctx, listener) })
	}
	defer restart.watch(signalled)()
	if err := handover.serves(log); err != nil {
		end()
		return errors.Join(err, serving.Wait())
	}
	err = serving.Wait()
	if restart.successor.Load() != 0 {
		log.Info("the sessions of this process have ended")
	}
	if restart.failed.Load() {
		err = errors.Join(err, &sites.Error{Op: "serve", Kind: sites.Other, Msg: "the process that took over has failed"})
	}
	return err
}

// noRestart says why no other process can take over from this one; "" is that one can.
func (s *serveCommand) noRestart() string {
	switch {
	case s.Config == "" && s.PasswordFile == "":
		return "the password would have to be asked for: give --password-file, or --config"
	case os.Getpid() == 1:
		return "this is process 1, with whose end all end"
	}
	return ""
}

// loader returns what reads the settings: the file, or the flags.
func (s *serveCommand) loader(std streams) (func() (*siteSettings, error), error) {
	if s.Config != "" {
		if s.Root != "" || s.User != "" {
			return nil, &sites.Error{Op: "serve", Kind: sites.Usage, Msg: "the users are in the file of --config", Hint: "leave out --root and --user, or --config"}
		}
		return func() (*siteSettings, error) {
			settings, err := readSettings(s.Config)
			if err != nil {
				return nil, err
			}
			settings.Metrics = cmp.Or(s.Metrics, settings.Metrics)
			return settings, settings.ensureCertificate()
		}, nil
	}
	if s.Root == "" || s.User == "" {
		return nil, &sites.Error{Op: "serve", Kind: sites.Usage, Msg: "nobody could log in", Hint: "give --root and --user, or --config"}
	}
	if s.PasswordFile == "" {
		password, err := newPassword(std, "Password of "+s.User+": ")
		return func() (*siteSettings, error) { return s.settings(password) }, err
	}
	return func() (*siteSettings, error) {
		text, err := os.ReadFile(s.PasswordFile)
		if err != nil {
			return nil, &sites.Error{Op: "serve", Kind: sites.Usage, Err: err}
		}
		line, _, _ := strings.Cut(string(text), "\n")
		if line = strings.TrimSuffix(line, "\r"); line == "" {
			return nil, &sites.Error{Op: "read", Path: s.PasswordFile, Kind: sites.Usage, Msg: "its first line is empty, which is no password"}
		}
		return s.settings(line)
	}, nil
}

// settings are those that the flags say.
func (s *serveCommand) settings(password string) (*siteSettings, error) {
	for _, f := range []struct {
		flag  string
		value int
	}{{"--max-sessions", s.MaxSessions}, {"--max-sessions-per-host", s.MaxSessionsPerHost}} {
		if f.value < 0 {
			return nil, &sites.Error{Op: "serve", Kind: sites.Usage, Msg: f.flag + " has to be a number of sessions, or 0"}
		}
	}
	for _, f := range []struct {
		flag  string
		value time.Duration
	}{{"--idle-timeout", s.IdleTimeout}, {"--restart-wait", s.RestartWait}} {
		if f.value <= 0 {
			return nil, &sites.Error{Op: "serve", Kind: sites.Usage, Msg: f.flag + " has to be more than 0"}
		}
	}
	settings := &siteSettings{
		Listen: []string{s.Listen}, Dialect: s.Dialect, AllowPeers: s.AllowPeer, PassivePorts: s.PassivePorts, PublicAddress: s.PublicAddress, Sync: s.Sync, Whole: s.Whole, Metrics: s.Metrics,
		TLS:    tlsSettings{Certificate: s.TLSCert, Key: s.TLSKey, SelfSigned: s.SelfSigned, Required: s.TLSRequire, Implicit: s.Implicit, Peers: s.TLSPeer},
		Limits: limitSettings{Sessions: &s.MaxSessions, SessionsPerHost: &s.MaxSessionsPerHost, Idle: duration(s.IdleTimeout), RestartWait: duration(s.RestartWait)},
		User:   map[string]userSettings{s.User: {Root: s.Root, Rights: s.Rights}}, password: password,
	}
	return settings, settings.ensureCertificate()
}

// untilSecond returns a context that ends with the second signal to end, or with ctx if
// that was not ended by one; with the first one the service is left: files that are on their way
// arrive. Where another process serves, no SIGTERM is the second: systemd sends it once more
// to those that are left when the main process of a service has ended.
func untilSecond(ctx context.Context, signalled func() bool, r *restart) (context.Context, func()) {
	hard, end := context.WithCancel(context.WithoutCancel(ctx))
	came := make(chan os.Signal, 2)
	signal.Notify(came, os.Interrupt, syscall.SIGTERM)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
		case <-hard.Done():
			return
		}
		if !signalled() {
			end()
			return
		}
		r.log.Info("ending when the files that are on their way have arrived; another interrupt ends at once")
		r.service.Leave()
		for n := 0; n < 2; { // the first one ended ctx as well
			select {
			case sig := <-came:
				if n == 0 || sig == os.Interrupt || r.successor.Load() == 0 {
					n++
				}
			case <-hard.Done():
				return
			}
		}
		end()
	}()
	return hard, func() {
		signal.Stop(came)
		end()
		<-watched
	}
}

// passwd prints the hash of a password as the settings have it.
func (s *serveCommand) passwd(std streams) error {
	if s.User == "" {
		return &sites.Error{Op: "serve passwd", Kind: sites.Usage, Msg: "whose password is it?", Hint: "give --user NAME"}
	}
	password, err := newPassword(std, "Password of "+s.User+": ")
	if err != nil {
		return err
	}
	hash, err := ftpd.HashPassword(password)
	if err != nil {
		return &sites.Error{Op: "serve passwd", Kind: sites.Other, Err: err}
	}
	fmt.Fprintf(std.out, "[user.%q]\npassword = %q\n", s.User, hash)
	return nil
}

// newPassword asks for a password, twice; where there is no terminal it is the first line of
// the input.
func newPassword(std streams, question string) (string, error) {
	if !isTerminal(std.in) {
		line, err := bufio.NewReader(std.in).ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return "", &sites.Error{Kind: sites.Usage, Msg: "no password", Err: err, Hint: "give it on standard input, or with --password-file"}
		}
		return line, nil
	}
	first, err := ask(std, question, true)
	if err != nil {
		return "", err
	}
	second, err := ask(std, "Once more: ", true)
	switch {
	case err != nil:
		return "", err
	case first == "":
		return "", &sites.Error{Kind: sites.Usage, Msg: "an empty password is none"}
	case first != second:
		return "", &sites.Error{Kind: sites.Usage, Msg: "the two passwords differ"}
	}
	return first, nil
}

// addTrust adds the certificate of a SHA-256 in hex, which may have colons, or those of
// a PEM file: authorities are trusted with what they certify, others as they are.
func addTrust(trust *ftpd.PeerTrust, text string, path func(string) string) error {
	if pin, err := hex.DecodeString(strings.ReplaceAll(text, ":", "")); err == nil && len(pin) == sha256.Size {
		trust.Pins = append(trust.Pins, [sha256.Size]byte(pin))
		return nil
	}
	rest, err := os.ReadFile(path(text))
	if err != nil {
		return err
	}
	found := false
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		found = true
		if !cert.IsCA {
			trust.Pins = append(trust.Pins, sha256.Sum256(cert.Raw))
			continue
		}
		if trust.CAs == nil {
			trust.CAs = x509.NewCertPool()
		}
		trust.CAs.AddCert(cert)
	}
	if !found {
		return errors.New("no certificate in it")
	}
	return nil
}

// parsePeer reads a network, or one address.
func parsePeer(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}
