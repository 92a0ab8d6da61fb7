package ftpd

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
)

// A range is sent and nothing beside it, once (draft-bryan-ftp-range-08 section 4.3);
// and it is what a digest is of.
func TestRangeRetrieved(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	text := strings.Repeat("0123456789abcdef", chunkSize/8+1) // more than is sent at once
	s.write("f", text)
	s.write("empty", "")
	plain, private := s.login(), s.secureLogin(user)
	for _, test := range []struct {
		file, rang, want string
	}{
		{"f", "RANG 0 0", "0"},
		{"f", "RANG 3 5", "345"},
		{"f", "RANG 1 " + fmt.Sprint(chunkSize), text[1 : chunkSize+1]},
		{"f", "RANG 5 " + fmt.Sprint(chunkSize+9), text[5 : chunkSize+10]},
		{"f", fmt.Sprintf("RANG %d %d", len(text)-2, len(text)-1), "ef"},
		{"f", fmt.Sprintf("RANG %d %d", len(text)-2, len(text)+99), "ef"},
		{"f", "RANG 2 9223372036854775807", text[2:]},
		{"f", fmt.Sprintf("RANG %d %d", len(text), len(text)), ""},
		{"f", fmt.Sprintf("RANG %d %d", len(text)+5, len(text)+9), ""},
		{"f", "RANG 2 99999999999999999999", text[2:]},
		{"f", "RANG 99999999999999999998 99999999999999999999", ""},
		{"f", "RANG 1 0", text},
		{"empty", "RANG 0 0", ""},
	} {
		plain.do(test.rang, "350 ")
		if got := plain.get("RETR " + test.file); got != test.want {
			t.Errorf("%s: %d bytes, want %d", test.rang, len(got), len(test.want))
		}
		private.do(test.rang, "350 ")
		data := private.data(private.pasv())
		private.send("RETR " + test.file)
		b, err := io.ReadAll(private.private(data, user))
		_ = data.Close()
		if err != nil || string(b) != test.want {
			t.Errorf("%s over TLS: %d bytes, %v, want %d", test.rang, len(b), err, len(test.want))
		}
		private.expect(fmt.Sprintf("150 Sending /%s (%d bytes)", test.file, len(test.want)))
		private.expect("226 ")
		if test.want == "" {
			plain.do(test.rang, "350 ")
			plain.do("HASH "+test.file, "551 ")
		} else {
			s.write("part", test.want)
			sum := strings.Fields(plain.do("HASH part", "213 "))[3]
			plain.do(test.rang, "350 ")
			if got := strings.Fields(plain.do("HASH "+test.file, "213 "))[3]; got != sum {
				t.Errorf("%s: the digest is %s, want %s", test.rang, got, sum)
			}
		}
	}
	if got := plain.get("RETR f"); got != text {
		t.Errorf("without RANG: %d bytes, want %d", len(got), len(text))
	}
	plain.do("RANG 0 1", "350 ")
	if got := plain.get("NLST"); got != "empty\r\nf\r\npart\r\n" {
		t.Errorf("NLST has %q", got)
	}
	if got := plain.get("RETR part"); len(got) < 3 {
		t.Errorf("RANG outlived NLST: %q", got)
	}
}

// A range that is stored leaves all beside it as it was, and is done only if it came in
// full.
func TestRangeStored(t *testing.T) {
	server, user := certified(ftptest.NewAuthority(t))
	s := startSite(t, "127.0.0.1", Server{TLS: server})
	plain, private := s.login(), s.secureLogin(user)
	long := strings.Repeat("x", chunkSize+5)
	for _, test := range []struct {
		name, old, rang, data, reply, want string
	}{
		{"within", "0123456789", "RANG 3 5", "XYZ", "226 ", "012XYZ6789"},
		{"at the end", "0123456789", "RANG 8 11", "WXYZ", "226 ", "01234567WXYZ"},
		{"behind the end", "01", "RANG 2 3", "YZ", "226 ", "01YZ"},
		{"long", "0123456789", fmt.Sprintf("RANG 1 %d", len(long)), long, "226 ", "0" + long},
		{"short", "0123456789", "RANG 3 5", "XY", "451 /f: it takes exactly 3 bytes", "012XY56789"},
		{"nothing", "0123456789", "RANG 3 5", "", "451 ", "0123456789"},
		{"too much", "0123456789", "RANG 3 5", "XYZT", "451 ", "012XYZ6789"},
		{"reset", "0123456789", "RANG 1 0", "XYZ", "226 ", "XYZ"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, c := range []*client{plain.in(t), private.in(t)} {
				s.write("f", test.old)
				c.do(test.rang, "350 ")
				tcp := c.data(c.pasv())
				c.send("STOR f")
				conn := net.Conn(tcp)
				if c.conn == private.conn {
					conn = c.private(tcp, user)
				}
				// The server may have broken the connection off.
				_, _ = io.WriteString(conn, test.data)
				_ = conn.Close()
				c.expect("150 ")
				c.expect(test.reply)
				if got := s.read("f"); got != test.want {
					t.Errorf("the file has %d bytes: %.20q", len(got), got)
				}
			}
		})
	}
	// What a failed store created goes.
	for _, test := range []struct{ data, reply string }{{"ab", "451 "}, {"abc", "226 "}} {
		s.missing("new")
		plain.do("RANG 0 2", "350 ")
		data := plain.data(plain.pasv())
		plain.do("STOR new", "150 ")
		if _, err := io.WriteString(data, test.data); err != nil {
			t.Fatal(err)
		}
		_ = data.Close()
		plain.expect(test.reply)
	}
	if got := s.read("new"); got != "abc" {
		t.Errorf("new has %q", got)
	}
}
