package ftpd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// script is a control connection on which the user has said everything already.
type script struct {
	in   *bytes.Reader
	news func(said []byte) // is called with all that was said, when there is more; may be nil

	mu  sync.Mutex
	out bytes.Buffer
}

func (c *script) Read(p []byte) (int, error) { return c.in.Read(p) }
func (c *script) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, err := c.out.Write(p)
	if c.news != nil {
		c.news(c.out.Bytes())
	}
	return n, err
}
func (c *script) said() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.out.Bytes())
}
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 77, 1), Port: 2121} }
func (*script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 77, 2), Port: 4711} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// wired is a connection that has the addresses of a script.
type wired struct{ net.Conn }

func (wired) LocalAddr() net.Addr  { return (*script)(nil).LocalAddr() }
func (wired) RemoteAddr() net.Addr { return (*script)(nil).RemoteAddr() }

// talk is what a user says, and hears, on one connection.
type talk struct {
	says   []byte
	config *tls.Config // of the user; nil: all is said in the clear
	auth   bool        // AUTH comes first; else the handshake, if there is TLS
	polite bool        // the user takes his leave, and hears everything before he hangs up
	heard  *script
}

// lastWord is a reply after which the server says no more.
var lastWord = regexp.MustCompile(`(?m)^(221|231|421|430|434) `)

// begin returns the server's end of a connection on which the user talks; hungUp is
// closed when that is over.
func (u *talk) begin(t *testing.T) (conn net.Conn, hungUp chan struct{}) {
	here, there := net.Pipe()
	hungUp = make(chan struct{})
	go func() {
		defer close(hungUp)
		defer func() { _ = here.Close() }()
		if u.auth && !u.askForTLS(t, here) {
			return
		}
		conn, hangUp := net.Conn(here), here.Close
		if u.config != nil {
			private := tls.Client(here, u.config)
			if err := private.HandshakeContext(t.Context()); err != nil {
				t.Errorf("handshake: %v", err)
				return
			}
			conn, hangUp = private, private.CloseWrite
		}
		says := u.says
		if u.polite {
			says = append(bytes.Clone(says), "\r\nQUIT\r\n"...)
		}
		var talking sync.WaitGroup
		defer talking.Wait()
		talking.Go(func() {
			// The session may end before it has read everything.
			_, _ = conn.Write(says)
			if !u.polite {
				_ = hangUp()
			}
		})
		buf := make([]byte, 4<<10)
		for {
			n, err := conn.Read(buf)
			_, _ = u.heard.Write(buf[:n]) // has no errors (bytes.Buffer)
			if err != nil || u.polite && lastWord.Match(u.heard.said()) {
				break // whatever ends it, what was heard is looked at
			}
		}
		_ = here.Close()
	}()
	return wired{there}, hungUp
}

// askForTLS gives AUTH.
func (u *talk) askForTLS(t *testing.T, conn net.Conn) bool {
	r := bufio.NewReader(conn)
	line, err := r.ReadString('\n')
	_, _ = u.heard.Write([]byte(line)) // has no errors (bytes.Buffer)
	if err == nil {
		_, err = conn.Write([]byte("AUTH TLS\r\n"))
	}
	if err == nil {
		line, err = r.ReadString('\n')
	}
	if err != nil || !strings.HasPrefix(line, "234 ") {
		t.Errorf("AUTH: %q, %v", line, err)
		return false
	}
	return true
}

// withoutTelnet is what was said but for answers to Telnet negotiations, in which any byte
// may be the option.
func withoutTelnet(said []byte) []byte {
	var text []byte
	for i := 0; i < len(said); i++ {
		switch {
		case said[i] != iac || i+1 == len(said):
			text = append(text, said[i])
		case said[i+1] == iac: // doubled
			i++
		default:
			i += 2
		}
	}
	return text
}

// announced is where a server says that it listens.
var announced = regexp.MustCompile(`(?m)^(?:227 .*,(\d+),(\d+)\)|229 .*\|(\d+)\||255 SOCK (\d+))`)

// dataUser connects to every listener that the server announces, and sends something and
// reads everything there.
type dataUser struct {
	config *tls.Config // for what is private
	seen   int         // announcements
	ends   sync.WaitGroup
}

func (d *dataUser) hear(said []byte) {
	for i, m := range announced.FindAllSubmatch(said, -1) {
		if i < d.seen {
			continue
		}
		d.seen++
		number := func(i int) int { n, _ := strconv.Atoi(string(m[i])); return n } // 0 is not there
		port := number(1)<<8 | number(2) | number(3) | number(4)
		config := d.config
		if bytes.LastIndex(said, []byte("PROT is P")) <= bytes.LastIndex(said, []byte("PROT is C")) {
			config = nil // as it is at first
		}
		d.ends.Go(func() { connectTo(port, config) })
	}
}

// connectTo connects to a port of the server, over TLS if there is a config.
func connectTo(port int, config *tls.Config) {
	from := (*script)(nil).RemoteAddr().(*net.TCPAddr).IP
	to := (*script)(nil).LocalAddr().(*net.TCPAddr).IP
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}, Timeout: patience}
	conn, err := dialer.Dial("tcp", net.JoinHostPort(to.String(), strconv.Itoa(port)))
	if err != nil {
		return // it is closed already
	}
	defer func() { _ = conn.Close() }()
	// Whatever fails, the server has to be able to live with it.
	_ = conn.SetDeadline(time.Now().Add(patience))
	data, closeWrite := conn, conn.(*net.TCPConn).CloseWrite
	if config != nil {
		private := tls.Client(conn, config)
		data, closeWrite = private, private.CloseWrite
	}
	if _, err := io.WriteString(data, "a line\r\nand another\n"); err != nil {
		return
	}
	_ = closeWrite()
	_, _ = io.Copy(io.Discard, data)
}

// The bits of the byte that a fuzz test has beside what the user says: the dialect; that
// there is TLS to have, or that it begins at once; that the user waits.
const (
	dialectBits byte = 3
	tlsBit      byte = 1 << 4
	patient     byte = 1 << 6
)

// FuzzCommands sends bytes to a session, in the clear. It has to end when the bytes do,
// without a panic, and whatever it says has to be lines that end with CR LF; and nothing
// of it may be left. The user says all at once and hangs up; or connects to every
// listener, and waits for what comes of it.
func FuzzCommands(f *testing.F) { fuzzCommands(f, false) }

// FuzzProtectedCommands does so over TLS.
func FuzzProtectedCommands(f *testing.F) { fuzzCommands(f, true) }

func fuzzCommands(f *testing.F, overTLS bool) {
	login := "USER u\r\nPASS p\r\n"
	for _, d := range dialogues {
		var b bytes.Buffer
		for _, l := range d.lines {
			b.WriteString(l[0] + "\r\n")
		}
		f.Add(b.Bytes(), byte(0))
	}
	f.Add([]byte(login+"PASV\r\nSTOR x\r\nABOR\r\nSTAT\r\n"), byte(0))
	f.Add([]byte(login+"SOCK 127.0.77.2,9\r\nPASV\r\nRETR x\r\n"), byte(2))
	f.Add([]byte(login+"LSTN R\r\nAPPE x\r\nABOR\r\n\xff\xfd\x01\xff\xfa\xff\xff\xff\xf0NLST"), byte(1))
	f.Add([]byte(login+"RNFR /\r\nRNTO a/../..\r\nMLST \xff\xff\r\nMFMT 1 2\r\nEPRT |1||||\r\n"), byte(0))
	for _, d := range tlsDialogues {
		var b bytes.Buffer
		for _, l := range append(d.inClear, d.overTLS...) {
			b.WriteString(l[0] + "\r\n")
		}
		f.Add(b.Bytes(), byte(0))
		f.Add(b.Bytes(), tlsBit)
	}
	private := login + "PBSZ 0\r\nPROT P\r\n"
	f.Add([]byte("AUTH TLS\r\n\x16\x03\x01\x00\x01\x01"), tlsBit)
	f.Add([]byte(private+"SSCN ON\r\nCPSV\r\nSTOR x\r\nABOR\r\nPORT 127,0,77,2,9,9\r\nRETR x\r\n"), byte(0))
	f.Add([]byte(private+"EPSV\r\nLIST\r\nAUTH TLS\r\nREIN\r\nCCC\r\n\xff\xf4\xff\xf2ABOR\r\n"), tlsBit)
	for _, transfers := range []string{
		"TYPE I\r\nPASV\r\nSTOR x\r\nPASV\r\nRETR x\r\nREST 3\r\nPASV\r\nAPPE x\r\nHASH x\r\nEPSV\r\nLIST\r\n",
		"TYPE I\r\nPASV\r\nSTOR x\r\nRANG 2 20\r\nPASV\r\nSTOR x\r\nRANG 0 5\r\nPASV\r\nRETR x\r\nRANG 1 2\r\nHASH x\r\nXCRC \"x\" 1 3\r\nCOMB \"y\" \"x\"\r\nAVBL\r\nMFF Modify=20020717210715; y\r\n",
		"PASV\r\nSTOU\r\nSTAT\r\nPASV\r\nMLSD\r\nSITE CPFR x\r\nSITE CPTO y\r\nREIN\r\n",
		"LSTN R\r\nSOCK 127.0.77.2,2000\r\nSTOR x\r\nLSTN S\r\nRETR x\r\nABOR\r\nLSTN S\r\nNLST\r\nUSER u\r\n",
		"PASV\r\nSTOR x\r\nNOOP\r\nABOR\r\nPASV\r\nRETR x\r\nUSER u\r\nPASS x\r\nPASS p\r\nDELE x\r\nRNFR x\r\nRNTO y\r\n",
	} {
		for _, how := range []byte{0, tlsBit} {
			f.Add([]byte(login+transfers), patient|how)
			f.Add([]byte(private+transfers), patient|how)
		}
		f.Add([]byte(login+transfers), patient|1)
	}
	authority := ftptest.NewAuthority(f)
	certificate, config := certified(authority)
	f.Fuzz(func(t *testing.T, data []byte, which byte) {
		if len(data) > 4<<10 {
			t.Skip("long inputs say the same again and again")
		}
		goroutines, open := runtime.NumGoroutine(), descriptors()
		server := Server{
			Users:       []User{{Name: "u", Password: "p", Root: t.TempDir()}},
			Dialect:     []Dialect{Modern, RFC438, RFC478, Modern}[which&dialectBits],
			DataTimeout: 100 * time.Millisecond,
			Limits:      Limits{LoginDelay: time.Millisecond},
		}
		user := &talk{says: data, polite: which&patient != 0, heard: &script{in: bytes.NewReader(data)}}
		if overTLS || which&tlsBit != 0 {
			server.Dialect, server.TLS, server.Peers = Modern, certificate, PeerTrust{CAs: authority.Pool()}
		}
		if overTLS {
			server.Implicit = which&tlsBit != 0
			server.DataTimeout = 2 * time.Second // the handshake has to do while others run
			user.config, user.auth = config, !server.Implicit
		}
		there := &dataUser{config: user.config}
		if user.polite {
			server.IdleTimeout = 200 * time.Millisecond // for a QUIT that was not understood
			user.heard.news = there.hear
		}
		service, err := NewService(server)
		if err != nil {
			t.Fatal(err)
		}
		svc := service.settings.Load()
		conn, hungUp := net.Conn(user.heard), make(chan struct{})
		if user.polite || user.config != nil {
			conn, hungUp = user.begin(t)
		} else {
			close(hungUp)
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			svc.serve(context.Background(), conn, netip.MustParseAddrPort("127.0.77.2:4711"), 1)
		}()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			buf := make([]byte, 1<<20)
			t.Fatalf("the session hangs; it said %q\n%s", user.heard.said(), buf[:runtime.Stack(buf, true)])
		}
		<-hungUp
		there.ends.Wait()
		said := user.heard.said()
		if !bytes.HasPrefix(said, []byte("220 ")) && !bytes.HasPrefix(said, []byte("300 ")) {
			t.Errorf("it said %q", said)
		}
		if bytes.ContainsAny(bytes.ReplaceAll(withoutTelnet(said), []byte("\r\n"), nil), "\r\n") {
			t.Errorf("a line does not end with CR LF in %q", said)
		}
		if len(svc.ports.open) > 0 {
			t.Errorf("%d ports are still open", len(svc.ports.open))
		}
		if len(svc.census.users) > 0 {
			t.Errorf("still logged in: %v", svc.census.users)
		}
		eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
		if n := descriptors(); n > open {
			t.Errorf("%d descriptors were %d", n, open)
		}
	})
}
