package main

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/pelletier/go-toml/v2"

	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// siteSettings are those of a site server, as its file has them. A pathname in it begins at
// the folder of the file.
type siteSettings struct {
	Listen        []string                 `toml:"listen"`
	Hosts         []string                 `toml:"hosts"` // the names by which it may be asked for
	Dialect       string                   `toml:"dialect"`
	AllowPeers    []string                 `toml:"allow-peers"`
	PassivePorts  string                   `toml:"passive-ports"`
	PublicAddress string                   `toml:"public-address"`
	Sync          string                   `toml:"sync"` // file or none; file if it is empty
	Whole         bool                     `toml:"whole"`
	Metrics       string                   `toml:"metrics"`
	TLS           tlsSettings              `toml:"tls"`
	Limits        limitSettings            `toml:"limits"`
	Group         map[string]groupSettings `toml:"group"`
	User          map[string]userSettings  `toml:"user"`

	dir      string // of the file
	password string // of the one user of the command line
	pin      string // SHA-256 of the certificate that certifies itself; "" is none
}

type tlsSettings struct {
	Certificate string            `toml:"certificate"`
	Key         string            `toml:"key"`
	SelfSigned  bool              `toml:"self-signed"`
	Required    bool              `toml:"required"`
	Implicit    bool              `toml:"implicit"`
	Peers       []string          `toml:"peers"`
	Also        []certificateFile `toml:"also"` // for clients that ask for another name (RFC 6066 section 3)
}

// certificateFile is where a certificate is, and its key, which may be in the same file.
type certificateFile struct {
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`
}

// limitSettings are limits; nil, and an empty duration, is the default, and 0 is none.
type limitSettings struct {
	Sessions        *int     `toml:"sessions"`
	SessionsPerHost *int     `toml:"sessions-per-host"`
	SessionsPerUser *int     `toml:"sessions-per-user"`
	Login           duration `toml:"login"`
	Idle            duration `toml:"idle"`
	Transfer        duration `toml:"transfer"`
	LoginFailures   *int     `toml:"login-failures"`
	FailureWindow   duration `toml:"failure-window"`
	RestartWait     duration `toml:"restart-wait"` // of sessions whose process another has taken over from
}

// groupSettings are what the users of a group have who do not say otherwise.
type groupSettings struct {
	Root     string   `toml:"root"` // {user} in it is the user's name
	Rights   []string `toml:"rights"`
	Sessions int      `toml:"sessions"`
	Quota    *size    `toml:"quota"` // of each of them; nil, and 0, is none
}

type userSettings struct {
	Password string   `toml:"password"` // its hash
	Group    string   `toml:"group"`
	Root     string   `toml:"root"`
	Rights   []string `toml:"rights"`
	Sessions int      `toml:"sessions"`
	Quota    *size    `toml:"quota"`
}

// size is a number of bytes as 10GB or 512MiB.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	v, err := humanize.ParseBytes(string(text))
	switch {
	case err != nil:
		return fmt.Errorf("%q is no size, such as 10GB or 512MiB", text)
	case v > math.MaxInt64:
		return fmt.Errorf("%s is more than there can be", text)
	}
	*s = size(v)
	return nil
}

// duration is a time as 5m or 1h30m.
type duration time.Duration

// UnmarshalText reads a duration.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err == nil && v < 0 {
		err = errors.New("a time before now")
	}
	*d = duration(v)
	return err
}

// defaultListen is where a server listens that does not say: where nobody else comes.
const defaultListen = "127.0.0.1:2121"

// readSettings reads the file of --config. An error names the file and the line.
func readSettings(file string) (*siteSettings, error) {
	wrong := func(line int, err error) error {
		path := file
		if line > 0 {
			path = fmt.Sprintf("%s:%d", file, line)
		}
		return &sites.Error{Op: "read", Path: path, Kind: sites.Usage, Err: err}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, wrong(0, err)
	}
	s := &siteSettings{dir: filepath.Dir(file)}
	decoder := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := decoder.Decode(s); err != nil {
		var at *toml.DecodeError
		var unknown *toml.StrictMissingError
		switch {
		case errors.As(err, &unknown) && len(unknown.Errors) > 0:
			first := unknown.Errors[0]
			line, _ := first.Position()
			return nil, wrong(line, fmt.Errorf("no setting is called %s", strings.Join(first.Key(), ".")))
		case errors.As(err, &at):
			line, _ := at.Position()
			return nil, wrong(line, err)
		}
		return nil, wrong(0, err)
	}
	if len(s.User) == 0 {
		return nil, wrong(0, errors.New("it has no user: [user.NAME]"))
	}
	if len(s.Listen) == 0 {
		s.Listen = []string{defaultListen}
	}
	return s, nil
}

// restartWait is how long sessions may go on when another process has taken over. Those that
// do nothing end by themselves before that.
func (s *siteSettings) restartWait() time.Duration {
	return cmp.Or(time.Duration(s.Limits.RestartWait), time.Hour)
}

// what says what is served, for the person who starts the server.
func (s *siteSettings) what() string {
	if len(s.User) != 1 {
		return fmt.Sprintf("%d users", len(s.User))
	}
	for name, u := range s.User {
		return s.rootOf(name, u)
	}
	return ""
}

// path is a pathname in the file.
func (s *siteSettings) path(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(s.dir, name)
}

func (s *siteSettings) rootOf(name string, u userSettings) string {
	root := cmp.Or(u.Root, s.Group[u.Group].Root)
	return s.path(strings.ReplaceAll(root, "{user}", name))
}

// server is what the settings mean to package ftpd. The error is of kind Usage.
func (s *siteSettings) server(log *slog.Logger) (server ftpd.Server, err error) {
	wrong := func(what string, err error) (ftpd.Server, error) {
		return server, &sites.Error{Op: "serve", Kind: sites.Usage, Err: fmt.Errorf("%s: %w", what, err)}
	}
	server = ftpd.Server{Hosts: s.Hosts, Dialect: ftpd.Dialect(s.Dialect), Whole: s.Whole, Logger: log, Limits: s.Limits.limits(), IdleTimeout: time.Duration(s.Limits.Idle)}
	for _, name := range slices.Sorted(maps.Keys(s.User)) {
		u, err := s.user(name)
		if err != nil {
			return wrong(fmt.Sprintf("user %q", name), err)
		}
		server.Users = append(server.Users, u)
	}
	for _, text := range s.AllowPeers {
		peer, err := parsePeer(text)
		if err != nil {
			return wrong("allowed peer "+text, err)
		}
		server.AllowPeers = append(server.AllowPeers, peer)
	}
	if server.PassivePorts, err = parsePorts(s.PassivePorts); err != nil {
		return wrong("passive ports "+s.PassivePorts, err)
	}
	switch s.Sync {
	case "", "file":
		server.Sync = true
	case "none":
	default:
		return wrong("sync", fmt.Errorf("%q is neither file nor none", s.Sync))
	}
	if s.PublicAddress != "" {
		if server.PublicAddress, err = netip.ParseAddr(s.PublicAddress); err != nil {
			return wrong("public address", err)
		}
	}
	return server, s.secure(&server)
}

// user is the user of that name, with what the group says.
func (s *siteSettings) user(name string) (ftpd.User, error) {
	u := s.User[name]
	group, known := s.Group[u.Group]
	if u.Group != "" && !known {
		return ftpd.User{}, fmt.Errorf("there is no group %q", u.Group)
	}
	names := u.Rights
	if names == nil {
		names = group.Rights
	}
	rights, err := ftpd.ParseRights(names)
	if err != nil {
		return ftpd.User{}, fmt.Errorf("rights: %w", err)
	}
	if names != nil && rights == 0 {
		return ftpd.User{}, errors.New("no right at all: leave the user out")
	}
	user := ftpd.User{Name: name, Password: s.password, Hash: u.Password, Root: s.rootOf(name, u), Rights: rights, Sessions: cmp.Or(u.Sessions, group.Sessions)}
	if quota := cmp.Or(u.Quota, group.Quota); quota != nil {
		user.Quota = int64(*quota)
	}
	if s.password == "" {
		if err := ftpd.CheckHash(u.Password); err != nil {
			return user, errors.New("password has to be a hash, which rsexec serve passwd makes")
		}
	}
	if info, err := os.Stat(user.Root); err != nil {
		return user, fmt.Errorf("root: %w", err)
	} else if !info.IsDir() {
		return user, fmt.Errorf("root: %s is no folder", user.Root)
	}
	return user, nil
}

// limits are the limits as package ftpd has them: 0 is the default there, and less is none.
func (l limitSettings) limits() ftpd.Limits {
	number := func(n *int) int {
		switch {
		case n == nil:
			return 0
		case *n == 0:
			return -1
		}
		return *n
	}
	return ftpd.Limits{
		Sessions: number(l.Sessions), SessionsPerHost: number(l.SessionsPerHost), SessionsPerUser: number(l.SessionsPerUser),
		LoginTime: time.Duration(l.Login), TransferTime: time.Duration(l.Transfer),
		LoginFailures: number(l.LoginFailures), FailureWindow: time.Duration(l.FailureWindow),
	}
}

// parsePorts reads a range of ports, as 50000-50999; an empty text is any.
func parsePorts(text string) (r ftpd.PortRange, err error) {
	if text == "" {
		return r, nil
	}
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return r, errors.New("want FROM-TO")
	}
	for _, end := range []struct {
		text string
		port *uint16
	}{{from, &r.First}, {to, &r.Last}} {
		n, err := strconv.ParseUint(strings.TrimSpace(end.text), 10, 16)
		if err != nil {
			return r, fmt.Errorf("%q is no port", end.text)
		}
		*end.port = uint16(n)
	}
	return r, nil
}

// secure gives the server what the settings say about TLS.
func (s *siteSettings) secure(server *ftpd.Server) error {
	t := s.TLS
	if t.Certificate == "" {
		if t.Key != "" || t.Required || t.Implicit || len(t.Peers) > 0 || len(t.Also) > 0 {
			return &sites.Error{Op: "serve", Kind: sites.Usage, Msg: "TLS needs a certificate", Hint: "give --tls-cert as well, or --self-signed"}
		}
		return nil
	}
	server.TLS = &tls.Config{}
	for _, c := range append([]certificateFile{{t.Certificate, t.Key}}, t.Also...) {
		own, err := tls.LoadX509KeyPair(s.path(c.Certificate), s.path(cmp.Or(c.Key, c.Certificate)))
		if err != nil {
			return &sites.Error{Op: "certificate " + s.path(c.Certificate), Kind: sites.Usage, Err: err}
		}
		server.TLS.Certificates = append(server.TLS.Certificates, own)
	}
	server.RequireTLS, server.Implicit = t.Required, t.Implicit
	for _, text := range t.Peers {
		if err := addTrust(&server.Peers, text, s.path); err != nil {
			return &sites.Error{Op: "certificate of another site " + text, Kind: sites.Usage, Err: err}
		}
	}
	return nil
}

// ensureCertificate makes the certificate that certifies itself, if that is wanted and
// there is none.
func (s *siteSettings) ensureCertificate() error {
	if !s.TLS.SelfSigned {
		return nil
	}
	if s.TLS.Certificate == "" {
		dir, err := stateDir()
		if err != nil {
			return &sites.Error{Op: "find a place for the certificate", Kind: sites.Other, Err: err, Hint: "name it with --tls-cert"}
		}
		s.TLS.Certificate = filepath.Join(dir, "serve.pem")
	}
	file := s.path(s.TLS.Certificate)
	if err := selfSign(file, s.Listen); err != nil && !errors.Is(err, fs.ErrExist) {
		return &sites.Error{Op: "make the certificate", Kind: sites.Other, Err: err}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return &sites.Error{Op: "serve", Kind: sites.Other, Err: err}
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" {
		return &sites.Error{Op: "certificate " + file, Kind: sites.Usage, Msg: "it does not begin with a certificate"}
	}
	s.pin = fmt.Sprintf("%x", sha256.Sum256(block.Bytes))
	return nil
}

// certificateLife is how long a certificate holds that certifies itself. It is known by
// what it is, and not by its dates.
const certificateLife = 10 * 365 * 24 * time.Hour

// selfSign makes a certificate and its key, in one file that must not be there yet.
func selfSign(file string, addresses []string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	now := time.Now()
	template := x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certificateLife), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	for _, address := range addresses {
		if host, _, err := net.SplitHostPort(address); err == nil && net.ParseIP(host) != nil {
			template.IPAddresses = append(template.IPAddresses, net.ParseIP(host))
		}
	}
	cert, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(
		pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		f.Close())
	if err != nil {
		err = errors.Join(err, os.Remove(file))
	}
	return err
}
