package ftp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
)

// replyReader reads replies from text and keeps the answers to Telnet commands.
func replyReader(text string) (r *telnetReader, answers *bytes.Buffer) {
	answers = new(bytes.Buffer)
	return &telnetReader{src: bufio.NewReader(strings.NewReader(text)), refuse: func(b []byte) error {
		_, err := answers.Write(b)
		return err
	}}, answers
}

func TestReadReply(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []Reply
		answers    string
	}{
		{"one line", "226 done\r\n", []Reply{{226, []string{"done"}}}, ""},
		{"no text", "226\r\n226 \r\n", []Reply{{226, []string{""}}, {226, []string{""}}}, ""},
		{"bare LF", "226 done\n", []Reply{{226, []string{"done"}}}, ""},
		{"several", "120 wait\r\n150 go\r\n226 done\r\n", []Reply{{120, []string{"wait"}}, {150, []string{"go"}}, {226, []string{"done"}}}, ""},
		{"many lines", "211-Features\r\n SIZE\r\n211 End\r\n", []Reply{{211, []string{"Features", " SIZE", "End"}}}, ""},
		{"codes before each line", "211-Features\r\n211-SIZE\r\n211- MDTM\r\n211 End\r\n",
			[]Reply{{211, []string{"Features", "SIZE", " MDTM", "End"}}}, ""},
		{"other codes inside", "211-a\r\n226 b\r\n500-c\r\n2111 d\r\n211d\r\n\r\n211 End\r\n",
			[]Reply{{211, []string{"a", "226 b", "500-c", "2111 d", "211d", "", "End"}}}, ""},
		{"first line indented", "220-  two blanks\r\n220 x\r\n", []Reply{{220, []string{" two blanks", "x"}}}, ""},
		{"hyphen in the text", "220 -x\r\n", []Reply{{220, []string{"-x"}}}, ""},
		{"CR NUL", "226 a\r\x00b\r\n", []Reply{{226, []string{"a\rb"}}}, ""},
		{"NUL", "226 a\x00b\r\n", []Reply{{226, []string{"a\x00b"}}}, ""},
		{"IAC IAC", "226 a\xff\xffb\r\n", []Reply{{226, []string{"a\xffb"}}}, ""},
		{"WILL and DO", "\xff\xfb\x01226 \xff\xfd\x03done\r\n", []Reply{{226, []string{"done"}}}, "\xff\xfe\x01\xff\xfc\x03"},
		{"WONT and DONT", "2\xff\xfc\x0126 done\xff\xfe\x03\r\n", []Reply{{226, []string{"done"}}}, ""},
		{"subnegotiation", "226 \xff\xfa\x18\x00xterm\xff\xff\xf0\xff\xf0done\r\n", []Reply{{226, []string{"done"}}}, ""},
		{"other Telnet commands", "226 \xff\xf1\xff\xf2done\r\n", []Reply{{226, []string{"done"}}}, ""},
		{"longest line", "226 " + strings.Repeat("x", maxReplyLine-5) + "\r\n", []Reply{{226, []string{strings.Repeat("x", maxReplyLine-5)}}}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, answers := replyReader(test.text)
			var got []Reply
			for {
				reply, err := readReply(r)
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, reply)
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Error(d)
			}
			if answers.String() != test.answers {
				t.Errorf("answered %q, want %q", answers, test.answers)
			}
		})
	}
}

func TestReadReplyRefuses(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       error // nil for one of kind Protocol
	}{
		{"nonsense", "hello\r\n", nil},
		{"empty line", "\r\n", nil},
		{"two digits", "22 x\r\n", nil},
		{"four digits", "2200 x\r\n", nil},
		{"no blank", "226done\r\n", nil},
		{"other digits", "２２６ x\r\n", nil},
		{"HTTP", "HTTP/1.1 400 Bad Request\r\n", nil},
		{"line too long", "226 " + strings.Repeat("x", maxReplyLine) + "\r\n", nil},
		{"line without end", strings.Repeat("x", 10*maxReplyLine), nil},
		{"reply too long", "226-\r\n" + strings.Repeat("twenty bytes of text\r\n", maxReplyBytes/20) + "226 \r\n", nil},
		{"too many empty lines", "226-\r\n" + strings.Repeat("\n", maxReplyBytes) + "226 \r\n", nil},
		{"nothing", "", io.EOF},
		{"cut line", "226 don", io.ErrUnexpectedEOF},
		{"cut reply", "226-a\r\n", io.ErrUnexpectedEOF},
		{"cut option", "\xff\xfd", io.EOF},
		{"cut subnegotiation", "226 \xff\xfa\x18", io.ErrUnexpectedEOF},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, _ := replyReader(test.text)
			reply, err := readReply(r)
			if test.want == nil && sites.KindOf(err) != sites.Protocol || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("read %v, %v; want the error %v", reply, err, test.want)
			}
		})
	}
}

func TestReplyText(t *testing.T) {
	for _, test := range []struct {
		lines      []string
		text, last string
	}{
		{nil, "", ""},
		{[]string{"done"}, "done", "done"},
		{[]string{"Features", " SIZE", "", "End"}, "Features / SIZE / End", "End"},
	} {
		r := Reply{226, test.lines}
		if r.Text() != test.text || r.Last() != test.last {
			t.Errorf("%q: text %q, last %q", test.lines, r.Text(), r.Last())
		}
	}
}

// FuzzReply reads arbitrary bytes as replies: each is within the limits, none holds the end
// of a line, and all of them together hold no more than was read.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{"226 done\r\n", "211-a\r\n b\r\n211 c\r\n", "\xff\xfd\x01226 a\xff\xffb\r\n", "226 \xff\xfax\xff\xf0\r\x00\r\n", "1-\n\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, answers := replyReader(string(text))
		total := 0
		for {
			if total > len(text) || answers.Len() > len(text) {
				t.Fatalf("%d bytes of replies and %d answered, of %d", total, answers.Len(), len(text))
			}
			reply, err := readReply(r)
			if err != nil {
				return
			}
			size := 0
			for _, l := range reply.Lines {
				size += len(l)
			}
			total += size
			if reply.Code < 0 || reply.Code > 999 || size > maxReplyBytes+maxReplyLine || len(reply.Lines) > maxReplyBytes ||
				slices.ContainsFunc(reply.Lines, func(l string) bool { return strings.Contains(l, "\n") }) {
				t.Fatalf("read %d with %d bytes in %d lines", reply.Code, size, len(reply.Lines))
			}
		}
	})
}
