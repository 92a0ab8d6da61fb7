package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// serveCommand is a site server.
type serveCommand struct {
	Listen       string   `help:"Address and port of the control connections; port 0 takes a free one." default:"127.0.0.1:2121" placeholder:"ADDR"`
	Root         string   `help:"The folder that is the user's /." required:"" type:"existingdir" placeholder:"DIR"`
	User         string   `help:"The user who may log in." required:"" placeholder:"NAME"`
	PasswordFile string   `help:"The file whose first line is the password." required:"" type:"existingfile" placeholder:"FILE"`
	AllowPeer    []string `help:"A host or network that may be the other end of a data connection, beside the user's host; repeatable." placeholder:"CIDR"`
	Dialect      string   `help:"Which commands and reply codes are spoken: modern, or those of 1973 with the proposal of RFC 438 or RFC 478." enum:"modern,rfc438,rfc478" default:"modern"`
	TLSCert      string   `name:"tls-cert" help:"The file with this site's certificate in PEM, and those that certify it; with it the site has TLS." type:"existingfile" placeholder:"FILE"`
	TLSKey       string   `name:"tls-key" help:"The file with the certificate's key in PEM, if it is not in the same file." type:"existingfile" placeholder:"FILE"`
	TLSRequire   bool     `name:"tls-require" help:"Refuse passwords and data that are not over TLS."`
	Implicit     bool     `help:"Begin each control connection with TLS, as ftps:// wants it."`
	TLSPeer      []string `name:"tls-peer" help:"Which other sites may be at the other end of data over TLS: a PEM file of authorities or of the sites' own certificates, or the SHA-256 of a certificate in hex; repeatable." placeholder:"FILE|SHA256"`

	MaxSessions        int           `help:"How many sessions there may be at a time; 0 is no limit." default:"500" placeholder:"N"`
	MaxSessionsPerHost int           `help:"How many of them may be of one host; 0 is no limit." default:"50" placeholder:"N"`
	IdleTimeout        time.Duration `help:"How long a session may go without a command." default:"5m" placeholder:"TIME"`
}

// Run is called by kong.
func (s *serveCommand) Run(ctx context.Context, std streams) error {
	password, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return &sites.Error{Op: "serve", Kind: sites.Usage, Err: err}
	}
	line, _, _ := strings.Cut(string(password), "\n")
	server := ftpd.Server{
		Users:   []ftpd.User{{Name: s.User, Password: strings.TrimSuffix(line, "\r"), Root: s.Root}},
		Dialect: ftpd.Dialect(s.Dialect),
		Logger:  slog.New(slog.NewTextHandler(std.err, nil)),
	}
	for _, text := range s.AllowPeer {
		peer, err := parsePeer(text)
		if err != nil {
			return &sites.Error{Op: "--allow-peer " + text, Kind: sites.Usage, Err: err}
		}
		server.AllowPeers = append(server.AllowPeers, peer)
	}
	if err := s.secure(&server); err != nil {
		return err
	}
	if err := s.limit(&server); err != nil {
		return err
	}
	listener, err := ftpd.Listen(ctx, s.Listen)
	if err != nil {
		return &sites.Error{Op: "serve", Kind: sites.Other, Err: err}
	}
	fmt.Fprintf(std.out, "serving %s at %s\n", s.Root, listener.Addr())
	return server.Serve(ctx, listener)
}

// limit gives the server what the flags say about limits.
func (s *serveCommand) limit(server *ftpd.Server) error {
	for _, f := range []struct {
		flag  string
		value int
		limit *int
	}{
		{"--max-sessions", s.MaxSessions, &server.Limits.Sessions},
		{"--max-sessions-per-host", s.MaxSessionsPerHost, &server.Limits.SessionsPerHost},
	} {
		if f.value < 0 {
			return &sites.Error{Op: "serve", Kind: sites.Usage, Err: fmt.Errorf("%s has to be a number of sessions, or 0", f.flag)}
		}
		*f.limit = f.value
		if f.value == 0 {
			*f.limit = -1
		}
	}
	if s.IdleTimeout <= 0 {
		return &sites.Error{Op: "serve", Kind: sites.Usage, Err: errors.New("--idle-timeout has to be more than 0")}
	}
	server.IdleTimeout = s.IdleTimeout
	return nil
}

// secure gives the server what the flags say about TLS.
func (s *serveCommand) secure(server *ftpd.Server) error {
	if s.TLSCert == "" {
		if s.TLSKey != "" || s.TLSRequire || s.Implicit || len(s.TLSPeer) > 0 {
			return &sites.Error{Op: "serve", Kind: sites.Usage, Err: errors.New("TLS needs a certificate"), Hint: "give --tls-cert as well"}
		}
		return nil
	}
	key := s.TLSKey
	if key == "" {
		key = s.TLSCert
	}
	own, err := tls.LoadX509KeyPair(s.TLSCert, key)
	if err != nil {
		return &sites.Error{Op: "--tls-cert " + s.TLSCert, Kind: sites.Usage, Err: err}
	}
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	server.RequireTLS, server.Implicit = s.TLSRequire, s.Implicit
	for _, text := range s.TLSPeer {
		if err := addTrust(&server.Peers, text); err != nil {
			return &sites.Error{Op: "--tls-peer " + text, Kind: sites.Usage, Err: err}
		}
	}
	return nil
}

// addTrust adds the certificate of a SHA-256 in hex, which may have colons, or those of
// a PEM file: authorities are trusted with what they certify, others as they are.
func addTrust(trust *ftpd.PeerTrust, text string) error {
	if pin, err := hex.DecodeString(strings.ReplaceAll(text, ":", "")); err == nil && len(pin) == sha256.Size {
		trust.Pins = append(trust.Pins, [sha256.Size]byte(pin))
		return nil
	}
	rest, err := os.ReadFile(text)
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
