package ftp

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"rsexec/sites"
)

// telling is the algorithm of digests that a server is asked to tell at the end of each
// transfer.
const telling = "SHA-256"

// Tells reports whether the site tells the digest of a file at the end of its transfer,
// whichever way the file goes: it lists RETR HASH and STOR HASH, as RSEXEC's own server
// does.
func (f *Site) Tells() bool {
	features, _, _ := f.knowledge()
	return features["RETR"] == "HASH" && strings.HasPrefix(features["STOR"], "HASH") && slices.Contains(f.Digests(), telling)
}

// Marks reports whether the site tells how far an upload is, meanwhile: it lists PERF for
// STOR.
func (f *Site) Marks() bool {
	features, _, _ := f.knowledge()
	return slices.Contains(strings.Split(features["STOR"], ";"), "PERF")
}

// Tell has the server tell of the files that it sends, if verb is RETR, or receives, if it
// is STOR: how far it is with these, and at the end the digest, if that is wanted; as far as it
// knows how to. It does not wait for the replies: a server that refuses tells nothing. That
// ends with the next transfer with this host.
func (s *Session) Tell(ctx context.Context, verb string, digest bool) error {
	var words []string
	if digest && s.site.Tells() {
		words = append(words, "HASH")
	}
	if verb == "STOR" && s.site.Marks() {
		words = append(words, "PERF")
	}
	line := strings.Join(append([]string{"OPTS", verb}, words...), " ")
	if len(words) == 0 || s.tells[verb] == line {
		return nil
	}
	if s.tells == nil {
		s.tells = make(map[string]string)
	}
	s.tells[verb] = line
	_, err := s.Send(ctx, nil, "OPTS HASH "+telling, line)
	return err
}

// silence returns the commands that end what Tell began.
func (s *Session) silence() (lines []string) {
	for verb := range s.tells {
		lines = append(lines, "OPTS "+verb)
	}
	s.tells = nil
	return lines
}

// mark takes note of a performance marker, in the form of GridFTP's (GFD.20 section 3.8.1),
// and reports whether the reply is one.
func (x *Exchange) mark(r Reply) bool {
	for _, line := range r.Lines {
		if _, count, ok := strings.Cut(line, "Stripe Bytes Transferred:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(count), 10, 64)
			if err == nil && n >= 0 && n < math.MaxInt64 {
				x.marked.Store(n + 1)
				return true
			}
		}
	}
	return false
}

// Marked returns how many bytes the server has received, as it told last; ok is false if it
// told nothing.
func (x *Exchange) Marked() (bytes int64, ok bool) {
	n := x.marked.Load()
	return n - 1, n > 0
}

// Told is what a server told of a file at the end of its transfer.
type Told struct {
	Algorithm string // as HASH names it
	Digest    string // in small hexadecimal digits
	Bytes     int64
}

// Told returns what the server told of a whole file, that it has sent or received under
// that path, in its last reply: the form is that of the reply to HASH
// (draft-ietf-ftpext2-hash-03 section 3). ok is false if it told nothing.
func (x *Exchange) Told(path string) (t Told, ok bool) {
	reply, outcome, err := x.Outcome()
	if err != nil || outcome != Done {
		return Told{}, false
	}
	words := strings.SplitN(reply.Last(), " ", 4)
	if len(words) < 4 || !strings.HasSuffix(words[3], sites.Pathname{Path: path}.Base()) {
		return Told{}, false
	}
	i := slices.IndexFunc(digests, func(d digest) bool { return d.name == words[0] })
	size, whole := strings.CutPrefix(words[1], "0-")
	t = Told{Algorithm: words[0], Digest: strings.ToLower(words[2])}
	t.Bytes, err = strconv.ParseInt(size, 10, 64)
	return t, i >= 0 && whole && err == nil && t.Bytes >= 0 && digests[i].fits(t.Digest)
}
