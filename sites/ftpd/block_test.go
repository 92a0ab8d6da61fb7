package ftpd

import (
	"bytes"
	"crypto/tls"
	"io"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
)

// block is one block of MODE B.
func block(descriptor byte, data string) string {
	return string([]byte{descriptor, byte(len(data) >> 8), byte(len(data))}) + data
}

// In MODE B the file comes in blocks, and without OPTS MODE B KEEP its end is the
// connection's as well.
func TestBlockMode(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	long := strings.Repeat("0123456789abcdef", maxBlock/16+1) // a byte more than a block
	s.write("short", content)
	s.write("long", long)
	s.write("empty", "")
	c := s.login()
	c.do("MODE B", "200 ")
	for _, test := range []struct{ line, want string }{
		{"RETR short", block(endOfFile, content)},
		{"RETR long", block(0, long[:maxBlock]) + block(endOfFile, long[maxBlock:])},
		{"RETR empty", block(endOfFile, "")},
		{"NLST empty", block(endOfFile, "empty\r\n")},
	} {
		if got := c.get(test.line); got != test.want {
			t.Errorf("%s: %d bytes, want %d", test.line, len(got), len(test.want))
		}
	}
	for _, test := range []struct{ line, data, want string }{
		{"STOR a", block(endOfFile, content), content},
		{"STOR a", block(endOfFile, ""), ""},
		{"STOR a", block(0, "one ") + block(128, "two ") + block(0, "") + block(restartMarker, "41") + block(0, "three") + block(endOfFile, ""), "one two three"},
		{"STOR a", block(0, long[:maxBlock]) + block(128|endOfFile, long[maxBlock:]), long},
		{"APPE a", block(endOfFile, "more"), long + "more"},
	} {
		c.put(test.line, test.data)
		if got := s.read("a"); got != test.want {
			t.Errorf("%s of %d bytes: the file has %d, want %d", test.line, len(test.data), len(got), len(test.want))
		}
	}
	c.do("TYPE A", "200 ")
	c.put("STOR a", block(0, "one\r")+block(endOfFile, "\ntwo\r\n"))
	if got := s.read("a"); got != "one\ntwo\n" {
		t.Errorf("the text is %q", got)
	}
}

// A file whose sender breaks off, or says that it cannot send it.
func TestBlockModeCut(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	c.do("MODE B", "200 ")
	for _, test := range []struct{ data, reply, left string }{
		{block(0, content), "426 ", content},
		{block(0, content) + "\x40\x00\x10half", "426 ", content + "half"},
		{block(0, content) + "\x40", "426 ", content},
		{"", "426 ", ""},
		{block(0, content) + block(suspect|endOfFile, ""), "450 ", content},
	} {
		conn := c.data(c.pasv())
		c.do("STOR a", "150 ")
		if _, err := io.WriteString(conn, test.data); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		c.expect(test.reply)
		if test.left == "" {
			s.missing("a")
			continue
		}
		if got := s.read("a"); got != test.left {
			t.Errorf("after %q there is %q, want %q", test.data, got, test.left)
		}
		c.do("DELE a", "250 ")
	}
	s.write("a", "old")
	conn := c.data(c.pasv())
	c.do("STOR a", "150 ")
	if _, err := io.WriteString(conn, block(suspect|endOfFile, "")); err != nil {
		t.Fatal(err)
	}
	c.expect("450 ")
	if got := s.read("a"); got != "old" {
		t.Errorf("a file that was not sent has made %q of another one", got)
	}
}

// kept has two sites keep the data connection between them open.
func kept(t *testing.T, cs, cd *client) {
	t.Helper()
	for _, c := range []*client{cs, cd} {
		c.do("MODE B", "200 ")
		c.do("OPTS MODE B KEEP", "200 ")
	}
}

// Files follow each other over one data connection, written ahead, over TLS as well; each
// file that one side refuses is passed over by the other, and no file gets the name of
// another.
func TestKeptOpen(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	trust := PeerTrust{CAs: authority.Pool()}
	for _, passive := range []string{"source", "dest"} {
		for _, verb := range []string{"PASV", "EPSV", "CPSV"} {
			t.Run(passive+" "+verb, func(t *testing.T) {
				var p secure
				if verb == "CPSV" {
					p = securePair(t, server, user, trust, trust)
				} else {
					p.source, p.dest, p.cs, p.cd = pair(t, Modern)
				}
				cs, cd := p.cs, p.cd
				kept(t, cs, cd)
				listener, dialer := cd, cs
				if passive == "source" {
					listener, dialer = cs, cd
				}
				connect(listener, dialer, verb)
				cd.do("MKD folder", "257 ")
				files := []struct {
					name, text string
					get, put   string // how it ends
				}{
					{"nothing", "?", "550 ", "450 "}, // the first has the data connection made
					{"a", content, "250 ", "250 "},
					{"empty", "", "250 ", "250 "},
					{"folder", strings.Repeat("no", 1<<20), "250 ", "550 "},
					{"long", strings.Repeat("0123456789", 30_000), "250 ", "250 "},
					{"missing", "?", "550 ", "450 "},
					{"folder", content, "250 ", "550 "},
					{"missing", "?", "550 ", "450 "},
					{"b", "b", "250 ", "250 "},
				}
				for _, f := range files {
					if f.text != "?" {
						p.source.write(f.name, f.text)
					}
				}
				for _, f := range files {
					cs.send("RETR "+f.name, "SIZE a", "HASH a")
					cd.send("STOR "+f.name, "HASH prog2")
				}
				for _, f := range files {
					for c, end := range map[*client]string{cs: f.get, cd: f.put} {
						if end != "550 " {
							c.expect("150 ")
						}
						c.expect(end)
					}
					cs.expect("213 ")
					cs.expect("213 ")
					cd.expect("213 ")
				}
				for _, f := range files {
					switch {
					case f.get == "250 " && f.put == "250 ":
						if got := p.dest.read(f.name); got != f.text {
							t.Errorf("%s has %d bytes, want %d", f.name, len(got), len(f.text))
						}
					case f.get == "550 ":
						p.dest.missing(f.name)
					}
				}
				for _, s := range []*site{p.source, p.dest} {
					if local := addresses(s.log.String(), "local="); len(local) != 1 {
						t.Errorf("data connections at %v, want one", local)
					}
				}
				// The other way round over the same connection, which both close then.
				cd.send("RETR a", "MODE S", "RETR a")
				cs.send("STOR back", "PWD", "MODE S", "STOR again")
				for _, c := range []*client{cs, cd} {
					c.expect("150 ")
					c.expect("250 ")
				}
				if got := p.source.read("back"); got != content {
					t.Errorf("it came back as %q", got)
				}
				cd.expect("200 ")
				cd.expect("425 ")
				cs.expect("257 ")
				cs.expect("200 ")
				cs.expect("425 ")
			})
		}
	}
}

// addresses are the different values of a field in the log of transfers.
func addresses(log, field string) map[string]bool {
	found := make(map[string]bool)
	for line := range strings.Lines(log) {
		if _, rest, ok := strings.Cut(line, " "+field); ok && strings.Contains(line, "msg=transfer") {
			found[strings.Fields(rest)[0]] = true
		}
	}
	return found
}

// What takes the data connection's place closes it, in order: the last file has not to be
// read by then.
func TestKeptOpenEnds(t *testing.T) {
	text := strings.Repeat("0123456789", 10_000)
	for _, ending := range []struct{ line, reply string }{
		{"PASV", "227 "}, {"EPSV", "229 "}, {"PORT 127,0,0,1,200,1", "200 "}, {"MODE S", "200 "}, {"OPTS MODE B", "200 "},
		{"REIN", "220 "}, {"QUIT", "221 "}, {"ABOR", "225 "},
	} {
		s := startSite(t, "127.0.0.1", Server{})
		s.write("f", text)
		c := s.login()
		c.do("MODE B", "200 ")
		c.do("OPTS MODE B KEEP", "200 ")
		conn := c.data(c.pasv())
		c.do("RETR f", "150 ")
		c.expect("250 ")
		c.do(ending.line, ending.reply)
		got, err := io.ReadAll(conn)
		if want := block(0, text[:maxBlock]) + block(endOfFile, text[maxBlock:]); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes are left to be read, want %d (%v)", ending.line, len(got), len(want), err)
		}
	}
}

// A data connection that broke is not used again, and one that nobody keeps ends with its
// file.
func TestKeptOpenBroken(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	c.do("MODE B", "200 ")
	c.do("OPTS MODE B KEEP", "200 ")
	for _, how := range []string{"closed", "reset", "aborted"} {
		conn := c.data(c.pasv())
		c.do("STOR a", "150 ")
		if _, err := io.WriteString(conn, block(endOfFile, "whole")); err != nil {
			t.Fatal(err)
		}
		c.expect("250 ")
		c.do("STOR b", "150 ")
		if _, err := io.WriteString(conn, block(0, "part")); err != nil {
			t.Fatal(err)
		}
		switch how {
		case "closed":
			_ = conn.Close()
			c.expect("426 ")
		case "reset":
			reset(conn)
			c.expect("426 ")
		case "aborted":
			c.do("ABOR", "426 ")
			c.expect("226 ")
			turnedAway(t, conn)
		}
		c.do("STOR b", "425 ")
		if got := s.read("a"); got != "whole" {
			t.Errorf("%s: the file before it is %q", how, got)
		}
	}
}

// Without a certificate that the other side takes, no file gets anywhere.
func TestKeptOpenUntrusted(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, user := certified(authority)
	good, bad := PeerTrust{CAs: authority.Pool()}, PeerTrust{CAs: ftptest.NewAuthority(t).Pool(), Pins: [][32]byte{{}}}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := server.Clone()
		server.MaxVersion = version
		p := securePair(t, server, user, good, bad)
		kept(t, p.cs, p.cd)
		connect(p.cd, p.cs, "CPSV")
		p.cd.send("STOR prog2", "STOR other")
		p.cs.send("RETR prog1", "RETR prog1")
		for _, c := range []*client{p.cs, p.cd} {
			c.expect("150 ")
			c.expect("522 ")
			c.expect("425 ")
		}
		if got := p.dest.read("prog2"); got != "old\n" {
			t.Errorf("%s: prog2 is %q", tls.VersionName(version), got)
		}
	}
}

// A file that is wider than one block and one that is narrower come through whatever the
// pieces are in which they arrive.
func FuzzBlocks(f *testing.F) {
	f.Add([]byte(block(0, "one")+block(endOfFile, "two")+block(endOfFile, "")), uint8(3))
	f.Add([]byte(block(restartMarker, "12")+block(suspect, "x")+block(128, "y")), uint8(1))
	f.Add([]byte{endOfFile, 0xFF, 0xFF, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		b := newBlocks(bytes.NewReader(stream))
		buf := make([]byte, int(size)+1)
		read := 0
		for range 3*len(stream) + 3 {
			n, err := b.read(buf)
			if read += n; read > len(stream) {
				t.Fatalf("%d bytes of %d", read, len(stream))
			}
			if err != nil && err != io.EOF && err != errSuspect {
				if err != errCut {
					t.Fatalf("error %v", err)
				}
				return
			}
		}
		t.Fatal("it has no end")
	})
}
