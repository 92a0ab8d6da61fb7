package ftp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync/atomic"

	"rsexec/sites"
)

// Session is a control connection with a user logged in.
type Session struct {
	*Conn
	site    *Site
	tls     *tls.Config       // of its connections; nil: there is no TLS
	version string            // of TLS; "" is none
	typ     byte              // the TYPE in force; 0 is not known
	spent   atomic.Bool       // it is not as it was after logging in, so it ends with this piece of work
	way     string            // the verb that prepared a data connection last
	ahead   bool              // as WriteAhead has it
	next    *Exchange         // what prepares the next data connection, written ahead; nil is nothing
	usual   []string          // what ends what Keep began
	tells   map[string]string // what Tell has sent, by the verb
}

// CallOff is Abort for a transfer that may not have had its data connection yet. The
// session ends with this piece of work: pyftpdlib agrees that such a RETR is over, and
// performs it with the next data connection.
func (s *Session) CallOff(x *Exchange) {
	select {
	case <-x.ended:
	default:
		if isTransfer(x.Verb) {
			s.spent.Store(true)
		}
		s.Abort(x)
	}
}

// login opens a control connection and logs in. A password that the person is asked for
// is remembered once the site has taken it; those who log in meanwhile wait for that.
func (f *Site) login(ctx context.Context) (*Session, error) {
	pathname := sites.Pathname{Site: f.config.Name}
	password, known := f.remembered()
	if !known && f.config.PasswordCommand == "" { // whose password may be another one each time
		select {
		case f.asking <- struct{}{}:
			defer func() { <-f.asking }()
		case <-ctx.Done():
			return nil, sites.During("log in at", pathname, cancelled(f.config.Name, ctx))
		}
		password, known = f.remembered()
	}
	if !known {
		var err error
		if password, err = f.options.Password(ctx, f.config); err != nil {
			return nil, sites.During("log in at", pathname, err)
		}
	}
	s, err := f.loginWith(ctx, password)
	if unknown := (*stranger)(nil); errors.As(err, &unknown) {
		if err = f.decide(ctx, unknown); err == nil {
			s, err = f.loginWith(ctx, password) // the server may not have waited
		}
		if errors.As(err, &unknown) { // it shows another one now
			err = f.untrusted(unknown)
		}
	}
	switch {
	case err == nil:
		f.remember(&password)
	case sites.KindOf(err) == sites.Login:
		f.remember(nil)
	}
	return s, err
}

// remember keeps the password that the site took last; nil if it refused one.
func (f *Site) remember(password *string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config.PasswordCommand == "" {
		f.taken = password
	}
}

// remembered returns the password if nobody has to be asked for it.
func (f *Site) remembered() (password string, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.config.Password != "" || f.options.Password == nil:
		return f.config.Password, true
	case f.taken != nil:
		return *f.taken, true
	}
	return "", false
}

func (f *Site) loginWith(ctx context.Context, password string) (*Session, error) {
	pathname := sites.Pathname{Site: f.config.Name}
	nc, err := f.dial(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, sites.During("connect to", pathname, cancelled(f.config.Name, ctx))
		}
		return nil, &sites.Error{Op: "connect to", Site: f.config.Name, Kind: sites.Unreachable,
			Msg: f.config.Address(), Err: plain(err)}
	}
	s := &Session{Conn: newConn(f.config.Name, int(f.numbers.Add(1)), nc, f.config.Timeout), site: f}
	s.disorder, s.quickest = f.Doubt, &f.quickest
	if err := s.establish(ctx, password); err != nil {
		s.Close()
		if unknown := (*stranger)(nil); errors.As(err, &unknown) {
			return nil, err
		}
		return nil, sites.During("log in at", pathname, err)
	}
	return s, nil
}

// establish takes the session from the connection to a user who is logged in.
func (s *Session) establish(ctx context.Context, password string) error {
	implicit := s.site.config.Scheme == "ftps"
	if implicit {
		if err := s.begin(ctx, s.Conn.secure); err != nil {
			close(s.reader) // nothing reads
			return err
		}
	}
	greeting := s.welcome(ctx)
	if err := greeting.accepted(ctx); err != nil {
		return err
	}
	s.site.greeted(ctx, greeting.reply.Text())
	if !implicit {
		if err := s.secure(ctx); err != nil {
			return err
		}
	}
	if ahead, _ := s.site.Ahead(); ahead && s.dialect != Old {
		return s.loginAhead(ctx, password)
	}
	if err := s.identify(ctx, password); err != nil {
		return err
	}
	return s.learn(ctx)
}

// plain returns the cause of a network error without the address, which the
// message has already.
func plain(err error) error {
	var op *net.OpError
	var call *os.SyscallError
	switch {
	case errors.As(err, &call):
		return call.Err
	case errors.As(err, &op):
		return op.Err
	}
	return err
}

// credentials are the commands that identify the user (RFC 959 section 5.4).
func (s *Session) credentials(password string) []string {
	return []string{"USER " + s.site.config.User, "PASS " + password}
}

// identify identifies the user.
func (s *Session) identify(ctx context.Context, password string) error {
	for _, line := range s.credentials(password) {
		x, err := s.Do(ctx, line)
		if err != nil {
			return err
		}
		if in, err := s.admits(x, password); in || err != nil {
			return err
		}
	}
	return nil
}

// admits reports whether the answer to USER or PASS lets the user in, or else has the
// next command be awaited.
func (s *Session) admits(x *Exchange, password string) (in bool, err error) {
	reply, outcome, err := x.Outcome()
	switch {
	case err != nil:
		return false, err
	case outcome == Done:
		return true, nil
	case outcome != More:
		e := x.Refusal().(*sites.Error)
		if e.Kind != sites.Busy {
			e.Kind, e.Hint = sites.Login, "check its user and password"
		}
		if c := s.site.config; e.Kind == sites.Login && password == "" {
			e.Hint = fmt.Sprintf("it was given no password: name the site with it, as in --site NAME=%s://%s:password@%s, or keep it in ~/.netrc",
				c.Scheme, c.User, c.Address())
		}
		return false, e
	case x.Verb == "PASS" || reply.Code == 332:
		return false, &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Code: reply.Code, Text: reply.Text(),
			Msg: "the server wants an account (ACCT)"}
	}
	return false, nil
}

// loginAhead does in one round trip what identify and learn do in several, at a server
// that keeps the order of what is written ahead.
func (s *Session) loginAhead(ctx context.Context, password string) error {
	lines := s.credentials(password)
	n := len(lines)
	features, _, known := s.site.knowledge()
	if !known {
		lines = append(lines, questions...)
		features = map[string]string{"UTF8": ""} // who does not list it refuses it, which does no harm
	}
	xs, err := s.Send(ctx, nil, append(lines, s.settings(features)...)...)
	if err != nil {
		return err
	}
	in := false
	for _, x := range xs[:n] {
		if err := x.Wait(ctx); err != nil {
			return err
		}
		if in {
			break // after USER; whatever became of PASS
		}
		if in, err = s.admits(x, password); err != nil {
			// The answers to what followed mean nothing. After them the session ends in
			// good order.
			last := xs[len(xs)-1]
			last.await(ctx, last.ended, s.grace())
			return err
		}
	}
	xs = xs[n:]
	if known {
		s.site.reached(s.DataAddr())
	} else {
		n = len(questions)
		if err := answers(ctx, xs[:n]); err != nil {
			return err
		}
		s.answered(xs)
		xs = xs[n:]
	}
	if err := answers(ctx, xs); err != nil {
		return err
	}
	return s.agreed(xs)
}

// learn asks, at the first session only, what the server can do and where it
// put the user; and sets what every session needs.
func (s *Session) learn(ctx context.Context) error {
	if s.dialect == Old {
		s.site.learned(s, nil, "")
		return s.setType(ctx, 'I')
	}
	if _, _, known := s.site.knowledge(); known {
		s.site.reached(s.DataAddr())
	} else {
		xs, err := s.all(ctx, questions...)
		if err != nil {
			return err
		}
		s.answered(xs)
	}
	features, _, _ := s.site.knowledge()
	xs, err := s.all(ctx, s.settings(features)...)
	if err != nil {
		return err
	}
	return s.agreed(xs)
}

// questions are what the first session asks.
var questions = []string{"FEAT", "PWD"}

// answered keeps the answers to the questions.
func (s *Session) answered(xs []*Exchange) {
	var features map[string]string
	if xs[0].Refusal() == nil {
		features = parseFeatures(xs[0].reply)
	}
	home := ""
	if xs[1].Refusal() == nil {
		home = quotedPath(xs[1].reply.Text())
	}
	if len(home) > sites.MaxPath || sites.CheckPath(home) != nil {
		home = "" // no path could begin with it
	}
	s.site.learned(s, features, home)
}

// settings are the commands that set what every session needs, at a server with the
// features given.
func (s *Session) settings(features map[string]string) []string {
	lines := []string{"TYPE I"}
	if s.tls != nil {
		lines = append(lines, "PBSZ 0", "PROT P")
	}
	if _, utf8 := features["UTF8"]; utf8 {
		// Most servers need no asking and some refuse it; those that do need it
		// send names in another encoding otherwise (RFC 2640).
		lines = append(lines, "OPTS UTF8 ON")
	}
	return lines
}

// agreed judges the answers to the settings.
func (s *Session) agreed(xs []*Exchange) error {
	s.typ = 'I'
	if err := xs[0].Refusal(); err != nil || s.tls == nil {
		return err
	}
	if err := xs[2].Refusal(); err != nil {
		e := sites.During("", sites.Pathname{}, err).(*sites.Error)
		if e.Code != 0 {
			e.Kind, e.Msg = sites.Unsupported, "it protects no data connections"
		}
		return e
	}
	return nil
}

// all sends commands in one piece and waits for the replies to all.
func (s *Session) all(ctx context.Context, lines ...string) ([]*Exchange, error) {
	xs, err := s.Send(ctx, nil, lines...)
	if err != nil {
		return nil, err
	}
	return xs, answers(ctx, xs)
}

// answers waits for the replies to all commands.
func answers(ctx context.Context, xs []*Exchange) error {
	for _, x := range xs {
		if err := x.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// parseFeatures reads the reply to FEAT (RFC 2389 section 3.2): a feature a
// line, each behind a blank. The result maps the feature's name to its
// arguments. The name of a service of SITE, of which there may be several, has two
// words.
func parseFeatures(r Reply) map[string]string {
	features := make(map[string]string)
	for i, line := range r.Lines {
		if i == 0 || i == len(r.Lines)-1 {
			continue
		}
		name, args, _ := strings.Cut(strings.TrimSpace(line), " ")
		name = strings.ToUpper(name)
		if service, rest, _ := strings.Cut(args, " "); name == "SITE" && service != "" {
			name, args = name+" "+strings.ToUpper(service), rest
		}
		if name != "" {
			features[name] = args
		}
	}
	return features
}

// quotedPath reads the directory out of the reply to PWD or MKD: it stands in
// double quotes, and a double quote in it is doubled (RFC 959 appendix II). It
// returns "" if there is none.
func quotedPath(text string) string {
	_, rest, ok := strings.Cut(text, `"`)
	if !ok {
		return ""
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(rest, `"`)
		if !ok {
			return ""
		}
		b.WriteString(before)
		if !strings.HasPrefix(after, `"`) {
			return b.String()
		}
		b.WriteByte('"')
		rest = after[1:]
	}
}

// setType sets the representation type, if it is not in force already (RFC 959
// section 3.1.1).
func (s *Session) setType(ctx context.Context, typ byte) error {
	if s.typ == typ {
		return nil
	}
	s.typ = 0
	if _, err := s.Must(ctx, fmt.Sprintf("TYPE %c", typ)); err != nil {
		return err
	}
	s.typ = typ
	return nil
}

// Image makes sure that files are sent byte for byte (TYPE I).
func (s *Session) Image(ctx context.Context) error { return s.setType(ctx, 'I') }

// Represent makes sure that files are sent byte for byte, or, as texts, with the line
// ends of the network (TYPE I, TYPE A).
func (s *Session) Represent(ctx context.Context, text bool) error {
	if text {
		return s.setType(ctx, 'A')
	}
	return s.setType(ctx, 'I')
}

// enter makes a directory the working directory. At a site that tells its home
// this changes nothing else, as all paths are absolute there; at another one
// the session has to end with this piece of work. It does not wait for the
// reply, so that other commands can follow at once.
func (s *Session) enter(ctx context.Context, path string) (*Exchange, error) {
	if _, home, _ := s.site.knowledge(); !strings.HasPrefix(home, "/") {
		s.spent.Store(true)
	}
	xs, err := s.Send(ctx, nil, "CWD "+path)
	if err != nil {
		return nil, err
	}
	return xs[0], nil
}

// Site returns the site that the session is with.
func (s *Session) Site() *Site { return s.site }

// Address reads the address that the server's reply to LSTN, SOCK, PASV or EPSV
// tells, in the form in which SOCK, PORT or EPRT pass it on to another server.
//
// The host in a 227 reply is passed on only if it is the one that the control
// connection goes to, so that no server can send another one anywhere; the
// profile's data-host takes its place.
func (s *Session) Address(verb string, r Reply) (string, error) {
	switch verb {
	case "PASV", "CPSV":
		a, err := ParsePASV(r.Text())
		if err != nil {
			return "", err
		}
		switch host := s.site.config.DataHost; {
		case host.IsValid():
			a = netip.AddrPortFrom(host, a.Port())
		case a.Addr().IsUnspecified(): // a server that does not know its own address
			a = netip.AddrPortFrom(s.Peer(), a.Port())
		case a.Addr() != s.Peer():
			return "", &sites.Error{Site: s.Conn.site, Kind: sites.Refused, Code: r.Code, Text: r.Text(),
				Msg:  fmt.Sprintf("its address is %s and it tells others %s", s.Peer(), a.Addr()),
				Hint: "set data-host to the address that other sites reach it at"}
		}
		if !a.Addr().Is4() {
			return "", &sites.Error{Site: s.Conn.site, Kind: sites.Refused, Msg: "PORT has no room for an IPv6 address"}
		}
		return FormatPORT(a), nil
	case "EPSV":
		port, err := ParseEPSV(r.Text())
		return strconv.Itoa(port), err
	}
	port, err := ParseSOCK(r.Text())
	return strconv.Itoa(port), err
}

// DataAddr returns where other servers reach this one for data: the profile's
// data-host, or the address that the control connection goes to.
func (s *Session) DataAddr() netip.Addr {
	if s.site.config.DataHost.IsValid() {
		return s.site.config.DataHost
	}
	return s.Peer()
}

// try sends a command that the server may not know, unless it is known not to.
// A server that does not know it is remembered.
func (s *Session) try(ctx context.Context, line string) (Reply, error) {
	verb, _, _ := strings.Cut(line, " ")
	if s.site.Knows(verb) == No {
		return Reply{}, s.unknown(verb)
	}
	reply, err := s.Must(ctx, line)
	s.Heard(verb, err)
	return reply, err
}

// trySITE does the same for a service of SITE, such as CHMOD: each may be known
// or not.
func (s *Session) trySITE(ctx context.Context, service, args string) error {
	verb := "SITE " + service
	if s.site.Knows(verb) == No {
		return s.unknown(verb)
	}
	x, err := s.Do(ctx, verb+" "+args)
	if err != nil {
		return err
	}
	return s.Judge(verb, x)
}

// Judge returns the error that the final reply to a command is; nil if it accepts.
// What it says of the server's abilities is remembered. The verb of a service of
// SITE has two words. Besides 500 and 502, servers refuse a service that they do not
// know with 504, and RFC 959 section 4.2 lets them say 202: not implemented,
// superfluous. Some take all that SITE is told; so CPFR counts as accepted only if
// they ask for what follows it.
func (s *Session) Judge(verb string, x *Exchange) error {
	err := x.Refusal()
	service, isSITE := strings.CutPrefix(verb, "SITE ")
	if e, ok := err.(*sites.Error); ok && isSITE && e.Code == 504 {
		e.Kind = sites.Unsupported
	}
	if reply, outcome, lost := x.Outcome(); lost == nil && err == nil && isSITE && (reply.Code == 202 || service == "CPFR" && outcome != More) {
		err = &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Code: reply.Code, Text: reply.Text()}
	}
	s.Heard(verb, err)
	return err
}

// unknown returns the error of a command that is not even sent.
func (s *Session) unknown(verb string) error {
	return &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: "the server does not know " + verb}
}

// Heard remembers what the answer to a command with this verb says of the
// server's abilities: err is the refusal, nil if it was accepted.
func (s *Session) Heard(verb string, err error) {
	e, refused := err.(*sites.Error)
	switch {
	case err == nil:
		s.site.setKnown(verb, Yes)
	case refused && e.Kind == sites.Unsupported && e.Code != 0:
		s.site.setKnown(verb, No)
	}
}
