package ftpd

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"os"
	"strings"
)

// digestChunk is how many bytes are read between two looks at the context.
const digestChunk = 1 << 20

// algorithm is a way to compute a digest.
type algorithm struct {
	name string // as the IANA registry "Hash Function Textual Names" has it, where it does
	new  func() hash.Hash
}

// algorithms are those known. The first is in force until OPTS HASH chooses
// another.
var algorithms = [...]algorithm{
	{"SHA-256", sha256.New},
	{"SHA-512", sha512.New},
	{"SHA-1", sha1.New},
	{"MD5", md5.New},
	{"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
}

// algorithmNamed finds an algorithm; case does not matter.
func algorithmNamed(name string) (algorithm, bool) {
	for _, a := range algorithms {
		if strings.EqualFold(a.name, name) {
			return a, true
		}
	}
	return algorithm{}, false
}

// feature is all names, that of a marked, as FEAT gives them
// (draft-ietf-ftpext2-hash-03 section 3.1).
func (a algorithm) feature() string {
	var names []string
	for _, b := range algorithms {
		if b.name == a.name {
			b.name += "*"
		}
		names = append(names, b.name)
	}
	return strings.Join(names, ";")
}

// chooseHash performs OPTS HASH (draft-ietf-ftpext2-hash-03 section 3.2).
func (s *session) chooseHash(name string) {
	if name = strings.TrimSpace(name); name != "" {
		a, ok := algorithmNamed(name)
		if !ok {
			s.reply(badSyntax, "Unknown algorithm; HASH stays with "+s.hash.name)
			return
		}
		s.hash = a
	}
	s.reply(done, s.hash.name)
}

// hashVerb performs HASH (draft-ietf-ftpext2-hash-03 section 3). The digest is
// that of the file as TYPE I sends it, whatever the TYPE is. Of a whole file the reply
// tells the size, as other servers' does; of the range of RANG it tells the last byte, as
// the draft has it.
func (s *session) hashVerb(ctx context.Context, arg string) {
	name, rang := s.hash.name, s.takeRange()
	s.digest(ctx, "HASH", arg, rang, s.hash, fileStatus, func(sum []byte, n int64) string {
		first, last := int64(0), n
		if rang != nil {
			first, last = rang.first, rang.first+n-1
		}
		return fmt.Sprintf("%s %d-%d %x %s", name, first, last, sum, arg)
	})
}

// digestVerb returns what performs one of the commands from before HASH, which
// have one algorithm each. No document specifies them; the reply is the digest
// alone, as servers and clients have it in common.
func digestVerb(verb, name string) func(*session, context.Context, string) {
	a, ok := algorithmNamed(name)
	if !ok {
		return nil
	}
	return func(s *session, ctx context.Context, arg string) {
		arg, rang, ok := s.digestOf(arg)
		if !ok {
			s.reply(badSyntax, verb+` takes a pathname, or "a pathname" and maybe where to start and to end`)
			return
		}
		s.digest(ctx, verb, arg, rang, a, fileActionDone, func(sum []byte, _ int64) string {
			return strings.ToUpper(hex.EncodeToString(sum))
		})
	}
}

// digestOf reads the argument of a command from before HASH: a pathname, as it is; or one
// in quotes, behind which there may be the numbers of the first byte and of the one
// behind the last, as Serv-U and ProFTPD have it. A file whose name has the quotes comes
// first. Without numbers the range is that of RANG.
func (s *session) digestOf(arg string) (path string, rang *octets, ok bool) {
	rang = s.takeRange()
	path, rest, quoted := unquote(arg)
	if !quoted || s.isThere(arg) {
		return arg, rang, true
	}
	bounds := strings.Fields(rest)
	if len(bounds) == 0 {
		return path, rang, true
	}
	if len(bounds) != 2 {
		return "", nil, false
	}
	o, err := parseOctets(bounds[0], bounds[1])
	o.last--
	return path, &o, err == nil && o.first <= o.last
}

// digest starts to compute the digest of a plain file, or of a range of it. It runs beside the session
// as a transfer does, so that the end of the control connection breaks it off.
// But there is no preliminary reply: every other command waits for its end.
func (s *session) digest(ctx context.Context, verb, arg string, rang *octets, a algorithm, o outcome, text func(sum []byte, n int64) string) {
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	f, size, err := s.openSource(name, 0)
	from := io.Reader(f)
	if err == nil && rang != nil {
		var count int64
		if count, err = rang.seek(f, size); err == nil && count == 0 {
			err = &rangeError{fmt.Sprintf("The range begins beyond the end, %d", size)}
		}
		if err != nil {
			_ = f.Close() // nothing was written to it
		}
		from = io.LimitReader(f, count)
	}
	if err != nil {
		s.refuse(name, err)
		return
	}
	t := &transfer{record: "digest", verb: verb, path: name, outcome: o, events: make(chan event, 1)}
	ctx, t.cancel = context.WithCancel(ctx)
	s.started(t)
	go t.digest(ctx, f, from, size, a, text)
	s.interruptTransfer()
}

// digest reads to the end of from, which is of f, a file of that size, and closes f.
func (t *transfer) digest(ctx context.Context, f *os.File, from io.Reader, size int64, a algorithm, text func(sum []byte, n int64) string) {
	defer t.cancel()
	h, buf := a.new(), make([]byte, max(1, min(size, digestChunk)))
	var err error
	for err == nil && ctx.Err() == nil {
		var n int
		n, err = from.Read(buf)
		_, _ = h.Write(buf[:n]) // has no errors (hash.Hash)
		t.bytes.Add(int64(n))
	}
	// Nothing was written to the file: closing it cannot lose anything.
	_ = f.Close()
	switch err {
	case io.EOF:
		t.closing = text(h.Sum(nil), t.bytes.Load())
		err = nil
	case nil:
		err = errAborted
	default:
		err = &fileError{err}
	}
	t.events <- event{over: true, err: err}
}
