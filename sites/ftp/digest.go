package ftp

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rsexec/sites"
)

// A server says nothing before a digest is done, so the wait for it depends on the
// file's size.
const (
	digestRate = 10 << 20 // bytes a second that a server digests at the least
	digestTime = 24 * time.Hour
)

// digest is an algorithm by which servers compute digests.
type digest struct {
	name  string   // as HASH has it (draft-ietf-ftpext2-hash)
	size  int      // of the result, in hexadecimal digits
	verbs []string // the commands that ask for it where there is no HASH
}

// digests are the algorithms that are known, the best first.
var digests = []digest{
	{"SHA-256", 64, []string{"XSHA256"}},
	{"SHA-512", 128, []string{"XSHA512"}},
	{"SHA-1", 40, []string{"XSHA1", "XSHA"}},
	{"MD5", 32, []string{"XMD5", "MD5"}},
	{"CRC32", 8, []string{"XCRC"}},
}

// Digests returns the names of the algorithms that the server lists, the best
// first. It may be called after Meet.
func (f *Site) Digests() []string {
	var names []string
	for _, d := range digests {
		if len(f.ways(d)) > 0 {
			names = append(names, d.name)
		}
	}
	return names
}

// ways returns the commands by which the server computes d, as far as it lists
// them and has not refused to know them. HASH is the first: its reply tells the
// algorithm and the range of bytes, and its pathname goes to the end of the line.
func (f *Site) ways(d digest) []string {
	features, _, _ := f.knowledge()
	var hash []string
	for name := range strings.FieldsFuncSeq(features["HASH"], func(r rune) bool { return r == ';' || r == ' ' }) {
		hash = append(hash, strings.TrimSuffix(strings.ToUpper(name), "*"))
	}
	var ways []string
	if slices.Contains(hash, d.name) && f.Knows("HASH") != No {
		ways = append(ways, "HASH")
	}
	for _, verb := range d.verbs {
		if _, listed := features[verb]; listed && f.Knows(verb) != No {
			ways = append(ways, verb)
		}
	}
	return ways
}

// Digest returns the digest of a whole file by an algorithm of Digests, in
// small hexadecimal digits. The error is of kind Conflict if the file changed
// meanwhile.
func (f *Site) Digest(ctx context.Context, path, algorithm string) (hex string, err error) {
	err = f.with(ctx, func(s *Session) error {
		hex, err = s.digest(ctx, path, algorithm)
		return err
	})
	return hex, sites.During("compute the digest of", sites.Pathname{Site: f.config.Name, Path: path}, err)
}

func (s *Session) digest(ctx context.Context, path, algorithm string) (string, error) {
	var err error = &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: "the server computes no " + algorithm}
	i := slices.IndexFunc(digests, func(d digest) bool { return d.name == algorithm })
	if i < 0 {
		return "", err
	}
	for _, verb := range s.site.ways(digests[i]) {
		var sum string
		if sum, err = s.ask(ctx, digests[i], verb, path); sites.KindOf(err) != sites.Unsupported {
			return sum, err
		}
	}
	return "", err
}

// ask asks for a digest by one of the commands for it.
func (s *Session) ask(ctx context.Context, d digest, verb, path string) (string, error) {
	if ctx.Err() != nil {
		return "", cancelled(s.Conn.site, ctx)
	}
	if err := s.Image(ctx); err != nil { // SIZE depends on it
		return "", err
	}
	// The algorithm is chosen each time: which is in force differs from session
	// to session. The reply to HASH shows whether the server did as it was told.
	lines := []string{"OPTS HASH " + d.name, "SIZE " + path, "HASH " + path}
	if verb != "HASH" {
		if looksRanged(path) {
			return "", &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported,
				Msg: "a number behind a blank in a name could be taken for a range of bytes by " + verb}
		}
		lines = []string{"SIZE " + path, verb + " " + path}
	}
	xs, err := s.Send(ctx, nil, lines...)
	if err != nil {
		return "", err
	}
	last := len(xs) - 1
	for _, x := range xs[:last] {
		if err := x.Wait(ctx); err != nil {
			return "", err
		}
	}
	size := int64(-1) // not known
	if x := xs[last-1]; x.Refusal() == nil {
		if n, err := parseSize(x.reply); err == nil { // a size that nobody understands is no size
			size = n
		}
	}
	seconds := min(size/digestRate, int64(digestTime/time.Second))
	xs[last].await(ctx, xs[last].ended, time.Duration(seconds)*time.Second)
	if err := xs[last].Wait(ctx); err != nil {
		return "", err
	}
	err = xs[last].Refusal()
	s.Heard(verb, err)
	if verb != "HASH" {
		if err != nil {
			return "", err
		}
		return loneDigest(xs[last].reply, path, d)
	}
	if err == nil {
		err = refusedAlgorithm(xs[0].Refusal())
	}
	if e, ok := err.(*sites.Error); ok && e.Code == 552 {
		e.Kind = sites.Permission // to use HASH (draft-ietf-ftpext2-hash-03 section 3.5)
	}
	if err != nil {
		return "", err
	}
	return hashReply(xs[last].reply, path, d, size)
}

// refusedAlgorithm makes of a refusal of OPTS HASH one after which another
// command is tried.
func refusedAlgorithm(err error) error {
	if e, ok := err.(*sites.Error); ok && e.Code/100 == 5 {
		e.Kind = sites.Unsupported
	}
	return err
}

// looksRanged reports whether a server that splits the arguments of XCRC and its
// like at blanks could read a range of bytes in the path; it would answer with
// the digest of a part of another file.
func looksRanged(path string) bool {
	_, rest, _ := strings.Cut(path, " ")
	for word := range strings.FieldsSeq(rest) {
		if strings.Trim(word, "0123456789") == "" {
			return true
		}
	}
	return false
}

// hashReply reads the reply to HASH: the algorithm, the range of bytes, the
// digest and the pathname (draft-ietf-ftpext2-hash-03 section 3). Lines before the
// last say that the server is still at it. size is the file's, or -1. The end of
// the range is the last byte's number in the draft's examples of RANG and the
// number of bytes at ProFTPD.
func hashReply(r Reply, path string, d digest, size int64) (string, error) {
	words := strings.Fields(r.Last())
	if len(words) < 3 {
		return "", protocolError("the reply to HASH has no digest: %s", clip(r.Text()))
	}
	if !strings.EqualFold(words[0], d.name) {
		return "", protocolError("asked for %s, the server answered %s", d.name, clip(r.Text()))
	}
	from, to, _ := strings.Cut(words[1], "-")
	start, err1 := strconv.ParseInt(from, 10, 64)
	end, err2 := strconv.ParseInt(to, 10, 64)
	if err1 != nil || err2 != nil {
		return "", protocolError("the reply to HASH has no range of bytes: %s", clip(r.Text()))
	}
	sum := strings.ToLower(strings.Trim(words[2], `"'`))
	if !d.fits(sum) {
		return "", protocolError("the reply to HASH has no digest: %s", clip(r.Text()))
	}
	// What follows is the pathname, in whatever form, and not that of another file.
	_, rest, _ := strings.Cut(r.Last(), words[2])
	if len(words) > 3 && !strings.Contains(rest, sites.Pathname{Path: path}.Base()) {
		return "", protocolError("the digest is of another file: %s", clip(r.Text()))
	}
	if start != 0 || size >= 0 && end != size && end != size-1 {
		return "", &sites.Error{Kind: sites.Conflict, Code: r.Code, Text: r.Text(),
			Msg:  fmt.Sprintf("the digest is of bytes %d to %d and not of the whole file", start, end),
			Hint: "the file may be growing"}
	}
	return sum, nil
}

// loneDigest finds the digest in the reply to a command that no document
// specifies: the word of the right number of hexadecimal digits. The pathname,
// which some servers repeat, may hold such words too, and those are not counted.
func loneDigest(r Reply, path string, d digest) (string, error) {
	if words := words(r.Last()); len(words) == 1 && d.fits(words[0]) {
		return words[0], nil
	}
	found := slices.DeleteFunc(words(r.Text()), func(w string) bool { return !d.fits(w) })
	for _, word := range words(path) {
		if i := slices.Index(found, word); i >= 0 {
			found = slices.Delete(found, i, i+1)
		}
	}
	slices.Sort(found)
	if found = slices.Compact(found); len(found) != 1 {
		return "", protocolError("which is the digest in this reply? %s", clip(r.Text()))
	}
	return found[0], nil
}

// words returns the runs of ASCII letters and digits in text, in small letters.
func words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z')
	})
}

// fits reports whether a word can be the result of d.
func (d digest) fits(word string) bool {
	_, err := hex.DecodeString(word)
	return err == nil && len(word) == d.size
}
