package sites

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mitchellh/go-homedir"
)

// What a configuration says before anything is set.
const (
	DefaultMaxSessions = 24               // how many sessions a site is asked for at most
	DefaultStall       = 60 * time.Second // how long a transfer may stand still
	DefaultTimeout     = 30 * time.Second // how long it is waited for
	Anonymous          = "anonymous"      // the user
	AnonymousPassword  = "rsexec@"        // and the password that goes with it
)

// Config says how a site is reached. ParseURL makes one, or NewConfig and Set;
// its fields carry the names of the options.
type Config struct {
	Name     string // in the shell, in capitals
	Scheme   string // "ftp", "ftps" (TLS from the first byte on) or "local"
	Host     string // a host name or an IP literal
	Port     int
	User     string
	Password string // what the URL or the profile itself holds
	Home     string // where relative paths start; "" is where the site puts the user

	PasswordEnv     string        // the environment variable that holds the password
	PasswordCommand string        // the command whose first line of output is the password
	Choreography    string        // only this one; "" is any
	DataHost        netip.Addr    // what to tell a peer instead of the address in a 227 reply
	DataPort        int           // the default data socket (RFC 478); 0 is Port less one
	MaxSessions     int           // sessions at once
	Active          bool          // passive=no: the site connects to the user's host for data
	NotInDSK        bool          // dsk=no: partial names are not looked up here
	Timeout         time.Duration // how long to wait for a connection or a reply
	StallTimeout    time.Duration // how long a transfer may stand still; 0 is for ever

	TLS     string // TLSAuto, TLSRequire or TLSOff; "ftps" has TLS whatever it says
	TLSCA   string // the file of the authorities that may vouch for the site; "" is the system's
	TLSPin  string // the SHA-256 of the one certificate that the site may show, in hexadecimal; "" is any that is vouched for
	TLSCert string // the file of the certificate that the site is shown; "" is none
	TLSKey  string // the file of its key; "" is TLSCert
	Data    string // DataPrivate or DataClearAllowed; "" is private if the control connection is
}

// Values of the option tls.
const (
	TLSAuto    = "auto"    // TLS if the site offers it (RFC 4217)
	TLSRequire = "require" // TLS or no session
	TLSOff     = "off"     // no TLS
)

// Values of the option data. Either way the data connections between the site and the
// user's host are protected if the control connection is.
const (
	DataPrivate      = "private"       // every data connection of the site is protected by TLS
	DataClearAllowed = "clear-allowed" // those to other sites need not be
)

// Required reports whether a session with the site has to be protected by TLS.
func (c Config) Required() bool {
	return c.Scheme == "ftps" || c.TLS == TLSRequire || c.Data == DataPrivate
}

// OptionKind tells what the value of an option is.
type OptionKind uint8

// The kinds of option.
const (
	Text     OptionKind = iota // any characters
	Number                     // decimal digits
	YesNo                      // "yes" or "no"
	FilePath                   // the path of a file at the user's host
)

// Option is one thing that can be said about a site.
type Option struct {
	Name string
	Kind OptionKind
	Part bool   // it is a part of a site's URL; the others follow the "?" there
	Help string // one line

	set func(c *Config, value string) error
	get func(c *Config) string
}

// Setting is an option with its value.
type Setting struct{ Option, Value string }

// Options returns all options in the order in which they are to be set: a user
// comes with no password, and a scheme may come with a port.
func Options() []Option {
	return []Option{
		{Name: "scheme", Part: true, set: setScheme, get: func(c *Config) string { return c.Scheme }},
		{Name: "host", Part: true, set: setHost, get: func(c *Config) string { return c.Host }},
		{Name: "port", Part: true, Kind: Number, set: func(c *Config, v string) error { return number(&c.Port, v, 1, 65535) },
			get: func(c *Config) string { return digits(c.Port) }},
		{Name: "user", Part: true, set: setUser, get: func(c *Config) string { return c.User }},
		{Name: "password", Part: true, set: func(c *Config, v string) error { return line(&c.Password, v) },
			get: func(c *Config) string { return c.Password }},
		{Name: "home", Part: true, set: setHome, get: func(c *Config) string { return c.Home }},

		text("password-env", "the environment variable that holds the password",
			func(c *Config) *string { return &c.PasswordEnv }),
		text("password-command", "the command whose first line of output is the password",
			func(c *Config) *string { return &c.PasswordCommand }),
		text("choreography", "the only choreography that is used: rfc438, rfc478, rfc959, rfc2428, sscn, cpsv, same-site or relay",
			func(c *Config) *string { return &c.Choreography }),
		{Name: "data-host", Help: "the address that other sites reach it at, if not the one in its 227 reply",
			set: setDataHost, get: dataHost},
		{Name: "data-port", Help: "its default data socket (RFC 478), if not the control port less one",
			Kind: Number, set: func(c *Config, v string) error { return number(&c.DataPort, v, 1, 65535) },
			get: func(c *Config) string { return digits(c.DataPort) }},
		{Name: "max-sessions", Help: "sessions at once",
			Kind: Number, set: func(c *Config, v string) error { return number(&c.MaxSessions, v, 1, 1000) },
			get: func(c *Config) string { return digits(c.MaxSessions) }},
		{Name: "passive", Help: "no if the site connects to this host for data, instead of the other way",
			Kind: YesNo, set: func(c *Config, v string) error { return unless(&c.Active, v) },
			get: func(c *Config) string { return yesUnless(c.Active) }},
		{Name: "dsk", Help: "no if partial names are not looked up there",
			Kind: YesNo, set: func(c *Config, v string) error { return unless(&c.NotInDSK, v) },
			get: func(c *Config) string { return yesUnless(c.NotInDSK) }},
		{Name: "timeout", Help: "how long to wait for a connection or a reply, as in 30s",
			set: setTimeout, get: func(c *Config) string { return c.Timeout.String() }},
		{Name: "stall-timeout", Help: "how long a transfer may stand still before it is stopped and gone on with, as in 60s; 0 is for ever",
			set: setStallTimeout, get: func(c *Config) string { return c.StallTimeout.String() }},
		{Name: "tls", Help: "auto (TLS if it is offered), require or off",
			set: func(c *Config, v string) error { return oneOf(&c.TLS, v, TLSAuto, TLSRequire, TLSOff) },
			get: func(c *Config) string { return c.TLS }},
		file("tls-ca", "the file of the authorities that may vouch for the site, instead of this host's",
			func(c *Config) *string { return &c.TLSCA }),
		{Name: "tls-pin", Help: "the SHA-256 of the certificate that the site has to show, whoever vouches for it",
			set: setPin, get: func(c *Config) string { return c.TLSPin }},
		file("tls-cert", "the file of the certificate that the site is shown",
			func(c *Config) *string { return &c.TLSCert }),
		file("tls-key", "the file of its key, if that is another one",
			func(c *Config) *string { return &c.TLSKey }),
		{Name: "data", Help: "private if all its data connections have to be protected, clear-allowed if those to other sites need not be; without it they are if its control connections are",
			set: func(c *Config, v string) error { return oneOf(&c.Data, v, DataPrivate, DataClearAllowed) },
			get: func(c *Config) string { return c.Data }},
	}
}

// OptionNames returns the names of the options that follow the "?" in a site's
// URL.
func OptionNames() []string {
	var names []string
	for _, o := range Options() {
		if !o.Part {
			names = append(names, o.Name)
		}
	}
	return names
}

// text returns the option that is any string.
func text(name, help string, field func(*Config) *string) Option {
	return Option{Name: name, Help: help, get: func(c *Config) string { return *field(c) },
		set: func(c *Config, v string) error { *field(c) = v; return nil }}
}

// file returns the option that is the path of a file. What does not begin at the root
// begins at the working directory of this process, and "~" is the home folder.
func file(name, help string, field func(*Config) *string) Option {
	return Option{Name: name, Kind: FilePath, Help: help, get: func(c *Config) string { return *field(c) },
		set: func(c *Config, v string) error {
			expanded, err := homedir.Expand(v)
			if err == nil && v != "" {
				expanded, err = filepath.Abs(expanded)
			}
			*field(c) = expanded
			return err
		}}
}

// oneOf takes one of a few values.
func oneOf(field *string, v string, values ...string) error {
	if !slices.Contains(values, v) {
		return fmt.Errorf("expected %s or %s", strings.Join(values[:len(values)-1], ", "), values[len(values)-1])
	}
	*field = v
	return nil
}

// line refuses what would end a command on a control connection.
func line(field *string, v string) error {
	if strings.ContainsAny(v, "\r\n\x00") {
		return errors.New("it cannot hold CR, LF or NUL")
	}
	*field = v
	return nil
}

func number(field *int, v string, least, most int) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return fmt.Errorf("expected a number from %d to %d", least, most)
	}
	*field = n
	return nil
}

func digits(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func unless(field *bool, v string) error {
	if v != "yes" && v != "no" {
		return errors.New("expected yes or no")
	}
	*field = v == "no"
	return nil
}

func yesUnless(no bool) string {
	if no {
		return "no"
	}
	return "yes"
}

// setScheme brings the port of the scheme, if the one in force is the other scheme's.
func setScheme(c *Config, v string) error {
	ports := map[string]int{"ftp": 21, "ftps": 990}
	switch v {
	case "ftp", "ftps":
		if c.Port == ports[c.Scheme] {
			c.Port = ports[v]
		}
		c.Scheme = v
		return nil
	case "dnftp":
		return &Error{Kind: Unsupported, Msg: "this version speaks no " + v}
	}
	return &Error{Kind: Usage, Msg: Printable(v) + ":// is no kind of site"}
}

// setHost takes an IP literal or a name. What makes a name is left to the
// resolver of the user's host, but for signs that belong to other parts of a
// URL.
func setHost(c *Config, v string) error {
	_, err := netip.ParseAddr(v)
	bad := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\:@[]?#%"<>`, r) }
	switch {
	case v == "":
		return errors.New("there is none")
	case err != nil && strings.ContainsFunc(v, bad):
		return errors.New("expected a host name or an IP address, and nothing else")
	}
	c.Host = v
	return nil
}

func setUser(c *Config, v string) error {
	if v == "" {
		return errors.New("there is none")
	}
	c.Password = ""
	return line(&c.User, v)
}

func setHome(c *Config, v string) error {
	if err := CheckPath(v); err != nil {
		return err
	}
	switch {
	case v == "":
	case !strings.HasPrefix(v, "/"):
		return errors.New("expected a path that begins with /")
	default:
		v = path.Clean(v)
	}
	if v == "/" {
		v = "" // ftp://host/ says nothing about where to start
	}
	c.Home = v
	return nil
}

func setDataHost(c *Config, v string) (err error) {
	c.DataHost, err = netip.ParseAddr(v)
	return err
}

func dataHost(c *Config) string {
	if !c.DataHost.IsValid() {
		return ""
	}
	return c.DataHost.String()
}

func setTimeout(c *Config, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return errors.New("expected a time such as 30s or 2m")
	}
	c.Timeout = d
	return nil
}

func setStallTimeout(c *Config, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		return errors.New("expected a time such as 60s or 5m, or 0")
	}
	c.StallTimeout = d
	return nil
}

// setPin takes a SHA-256 as programs print it, with and without colons.
func setPin(c *Config, v string) error {
	pin, err := hex.DecodeString(strings.ReplaceAll(v, ":", ""))
	if err != nil || len(pin) != sha256.Size {
		return errors.New("expected the SHA-256 of a certificate, 64 hexadecimal digits")
	}
	c.TLSPin = hex.EncodeToString(pin)
	return nil
}

// NewConfig returns the configuration of an FTP site at port 21 for the user
// anonymous, with the defaults given; its host is still to be set.
func NewConfig(name string, defaults ...Setting) (Config, error) {
	name = strings.ToUpper(name)
	if err := CheckName(name); err != nil {
		return Config{}, err
	}
	c := Config{Name: name, Scheme: "ftp", Port: 21, User: Anonymous, Password: AnonymousPassword,
		MaxSessions: DefaultMaxSessions, Timeout: DefaultTimeout, StallTimeout: DefaultStall, TLS: TLSAuto}
	for _, d := range defaults {
		if err := c.Set(d.Option, d.Value); err != nil {
			return Config{}, err
		}
	}
	return c, nil
}

// Set gives an option its value. An error is an *Error of kind Usage or
// Unsupported that shows no password; c is then as it was.
func (c *Config) Set(option, value string) error {
	options := Options()
	i := slices.IndexFunc(options, func(o Option) bool { return o.Name == option })
	if i < 0 {
		return noOption(option)
	}
	changed := *c
	err := options[i].set(&changed, value)
	if _, ok := err.(*Error); ok {
		return err
	}
	if err != nil {
		return &Error{Kind: Usage, Msg: "option " + option + ": " + err.Error()}
	}
	*c = changed
	return nil
}

// Settings returns what makes c out of NewConfig(c.Name), in the order in which
// it is to be set. An error means that c holds what Set would refuse.
func (c Config) Settings() ([]Setting, error) {
	made, err := NewConfig(c.Name)
	if err != nil {
		return nil, err
	}
	var list []Setting
	for _, o := range Options() {
		value := o.get(&c)
		if value == o.get(&made) {
			continue
		}
		if err := made.Set(o.Name, value); err != nil {
			return nil, err
		}
		list = append(list, Setting{o.Name, value})
	}
	return list, nil
}

// ParseURL reads the URL of a site,
// ftp://user:password@host:port/home?option=value&..., and gives the site its
// name in the shell. The home is absolute (RFC 1738 section 3.2.2 would have it
// relative to the login directory; a file system has no use for that). The
// defaults hold where the URL does not say otherwise. Errors are of kind Usage
// or Unsupported and never show the password.
func ParseURL(name, rawURL string, defaults ...Setting) (Config, error) {
	c, err := NewConfig(name, defaults...)
	if err != nil {
		return Config{}, err
	}
	if err := c.SetURL(rawURL); err != nil {
		e := During("site", Pathname{Site: c.Name}, err).(*Error)
		if e.Kind == Usage {
			e.Hint = "write NAME=ftp://user:password@host:port/home?option=value"
		}
		return Config{}, e
	}
	return c, nil
}

// SetURL gives the options that a site's URL says their values. Errors are as
// those of Set; after one c is not to be used.
func (c *Config) SetURL(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		// The text of a url.Error repeats the URL, password and all.
		return &Error{Kind: Usage, Msg: "its URL cannot be read"}
	}
	if u.Opaque != "" || u.Hostname() == "" {
		return &Error{Kind: Usage, Msg: "its URL has no host"}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return &Error{Kind: Usage, Msg: "its options cannot be read"}
	}
	if err := c.Set("scheme", u.Scheme); err != nil {
		return err
	}
	password, _ := u.User.Password()
	for _, part := range []Setting{{"host", u.Hostname()}, {"port", u.Port()}, {"user", u.User.Username()},
		{"password", password}, {"home", u.Path}} {
		if part.Value == "" {
			continue
		}
		if err := c.Set(part.Option, part.Value); err != nil {
			return err
		}
	}
	names := OptionNames()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !slices.Contains(names, name) {
			return noOption(name)
		}
		values := query[name]
		if err := c.Set(name, values[len(values)-1]); err != nil {
			return err
		}
	}
	return nil
}

// noOption does not repeat a name with signs in it: it may be what follows a "?" in a
// password.
func noOption(name string) error {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-_") != "" {
		name = "of that name"
	}
	return &Error{Kind: Usage, Msg: fmt.Sprintf("no option %s; there are %s", name, strings.Join(OptionNames(), ", "))}
}

// CheckName returns an error if name cannot name a site: a letter, then
// letters, digits, "-", "_" or ".", 64 at most; and more than one letter, so
// that it is never taken for a DOS drive.
func CheckName(name string) error {
	ok := len(name) >= 2 && len(name) <= 64
	for i, r := range name {
		letter := r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		ok = ok && (letter || i > 0 && (r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'))
	}
	if !ok || strings.EqualFold(name, LocalName) {
		shown := strconv.Quote(name)
		if strings.ContainsAny(name, ":@") {
			shown = "a URL" // and its password may be in it
		}
		return &Error{Kind: Usage, Msg: shown + " cannot name a site",
			Hint: "a name is a letter, then letters, digits, -, _ or ., at least two in all, and not LOCAL"}
	}
	return nil
}

// Address returns the host and port of the control connection.
func (c Config) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// Identity returns what the site is, whatever its name and its options are: the
// user and the server, as a URL.
func (c Config) Identity() string { return c.Scheme + "://" + c.User + "@" + c.Address() }

// DefaultDataPort returns the site's default data socket: the control port
// less one (RFC 959 section 5.2) unless the configuration says otherwise.
func (c Config) DefaultDataPort() int {
	if c.DataPort != 0 {
		return c.DataPort
	}
	return c.Port - 1
}

// String returns the site's URL with the password masked.
func (c Config) String() string {
	u := url.URL{Scheme: c.Scheme, User: url.User(c.User), Host: c.Address(), Path: c.Home}
	if c.Password != "" {
		u.User = url.UserPassword(c.User, "xxxxx")
	}
	return u.String()
}
