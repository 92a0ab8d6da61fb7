package sites

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultMaxSessions is how many sessions a site is asked for at most when its
// configuration does not say.
const DefaultMaxSessions = 8

// Config says how a site is reached. ParseURL makes one; its fields carry the
// names of the options of a site's URL.
type Config struct {
	Name     string // in the shell, in capitals
	Scheme   string // "ftp", "ftps" or "local"
	Host     string // a host name or an IP literal
	Port     int
	User     string
	Password string // what the URL itself holds
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
}

// An option of a site's URL: its name and how its value is put into a Config.
var options = map[string]func(c *Config, value string) error{
	"password-env":     func(c *Config, v string) error { c.PasswordEnv = v; return nil },
	"password-command": func(c *Config, v string) error { c.PasswordCommand = v; return nil },
	"choreography":     func(c *Config, v string) error { c.Choreography = v; return nil },
	"data-host":        func(c *Config, v string) (err error) { c.DataHost, err = netip.ParseAddr(v); return err },
	"data-port":        func(c *Config, v string) (err error) { c.DataPort, err = number(v, 1, 65535); return err },
	"max-sessions":     func(c *Config, v string) (err error) { c.MaxSessions, err = number(v, 1, 1000); return err },
	"passive":          func(c *Config, v string) error { return yesNo(v, func(yes bool) { c.Active = !yes }) },
	"dsk":              func(c *Config, v string) error { return yesNo(v, func(yes bool) { c.NotInDSK = !yes }) },
	"timeout": func(c *Config, v string) (err error) {
		c.Timeout, err = time.ParseDuration(v)
		if err == nil && c.Timeout <= 0 {
			err = fmt.Errorf("%s is no time to wait", v)
		}
		return err
	},
	"tls": func(c *Config, v string) error {
		switch v {
		case "auto", "off":
			return nil
		case "require":
			return fmt.Errorf("this version speaks no TLS, so a site that demands it cannot be reached")
		}
		return fmt.Errorf("expected auto, require or off")
	},
}

func number(v string, least, most int) (int, error) {
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("expected a number from %d to %d", least, most)
	}
	return n, nil
}

func yesNo(v string, set func(bool)) error {
	switch v {
	case "yes", "no":
		set(v == "yes")
		return nil
	}
	return fmt.Errorf("expected yes or no")
}

// ParseURL reads the URL of a site,
// ftp://user:password@host:port/home?option=value&..., and gives the site its
// name in the shell. The home is absolute (RFC 1738 section 3.2.2 would have it
// relative to the login directory; a file system has no use for that). Errors
// are of kind Usage or Unsupported and never show the password.
func ParseURL(name, rawURL string) (Config, error) {
	bad := func(format string, args ...any) (Config, error) {
		return Config{}, &Error{Op: "site", Site: name, Kind: Usage, Msg: fmt.Sprintf(format, args...),
			Hint: "write NAME=ftp://user:password@host:port/home?option=value"}
	}
	name = strings.ToUpper(name)
	if err := CheckName(name); err != nil {
		return Config{}, err
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		// The text of a url.Error repeats the URL, password and all.
		return bad("its URL cannot be read")
	}
	if u.Opaque != "" || u.Host == "" {
		return bad("its URL has no host")
	}
	c := Config{Name: name, Scheme: u.Scheme, Host: u.Hostname(), Port: 21, Home: u.Path,
		MaxSessions: DefaultMaxSessions, Timeout: 30 * time.Second}
	switch u.Scheme {
	case "ftp":
	case "ftps", "dnftp":
		return Config{}, &Error{Op: "site", Site: name, Kind: Unsupported, Msg: "this version speaks no " + u.Scheme}
	default:
		return bad("%s:// is no kind of site", u.Scheme)
	}
	if p := u.Port(); p != "" {
		if c.Port, err = number(p, 1, 65535); err != nil {
			return bad("its port: %v", err)
		}
	}
	c.User = u.User.Username()
	c.Password, _ = u.User.Password()
	if c.User == "" {
		c.User = "anonymous"
		if c.Password == "" {
			c.Password = "rsexec@"
		}
	}
	if c.Home == "/" {
		c.Home = "" // ftp://host/ says nothing about where to start
	}
	if c.Home != "" {
		c.Home = path.Clean(c.Home)
		if err := CheckPath(c.Home); err != nil {
			return Config{}, err
		}
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("its options cannot be read")
	}
	for key, values := range query {
		set, ok := options[key]
		if !ok {
			return bad("no option %s; there are %s", Printable(key), strings.Join(optionNames(), ", "))
		}
		if err := set(&c, values[len(values)-1]); err != nil {
			return bad("option %s: %v", key, err)
		}
	}
	return c, nil
}

func optionNames() []string {
	names := make([]string, 0, len(options))
	for n := range options {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
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
		return &Error{Kind: Usage, Msg: fmt.Sprintf("%q cannot name a site", name),
			Hint: "a name is a letter, then letters, digits, -, _ or ., at least two in all, and not LOCAL"}
	}
	return nil
}

// Address returns the host and port of the control connection.
func (c Config) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

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
