package ftp

import (
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
