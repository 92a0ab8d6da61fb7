package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"

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
	listener, err := ftpd.Listen(ctx, s.Listen)
	if err != nil {
		return &sites.Error{Op: "serve", Kind: sites.Other, Err: err}
	}
	fmt.Fprintf(std.out, "serving %s at %s\n", s.Root, listener.Addr())
	return server.Serve(ctx, listener)
}

// parsePeer reads a network, or one address.
func parsePeer(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	return netip.ParsePrefix(text)
}
