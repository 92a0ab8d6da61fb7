package transfer

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
	"slices"

	"golang.org/x/sync/errgroup"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// An Algorithm computes digests of files.
type Algorithm struct {
	Name string // as sites have it: the IANA registry "Hash Function Textual Names"
	New  func() hash.Hash
}

// Algorithms returns those known, the best first.
func Algorithms() []Algorithm {
	return []Algorithm{
		{"SHA-256", sha256.New},
		{"SHA-512", sha512.New},
		{"SHA-1", sha1.New},
		{"MD5", md5.New},
		{"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
	}
}

// ReadDigest reads a file from an offset on and returns the digest of that, in small
// hexadecimal digits.
func ReadDigest(ctx context.Context, site sites.Site, p sites.Pathname, offset int64, a Algorithm) (string, error) {
	r, err := site.Open(ctx, p.Path, offset)
	if err != nil {
		return "", err
	}
	h := a.New()
	_, err = io.Copy(h, r)
	if closed := r.Close(); err == nil {
		err = closed
	}
	return hex.EncodeToString(h.Sum(nil)), sites.During("read", p, err)
}

// verify compares the contents, as the request wants it. The sizes were compared.
func (w *work) verify(ctx context.Context) (err error) {
	var same bool
	switch w.ask.Verify {
	case BySize:
		if w.verified == "none" {
			return w.wrong(w.ask.Dest, sites.Unsupported, "its size cannot be compared, for a site does not tell sizes")
		}
		return nil
	case ByRead:
		same, err = w.sameRead(ctx)
		w.verified = ByRead
	default:
		if w.told != nil {
			same = w.told[plan.Source] == w.told[plan.Dest]
			w.verified, w.algorithm = ByDigest, w.told[plan.Dest].Algorithm
			break
		}
		algorithm := w.common()
		if w.ask.Verify == "" && (algorithm == "" || w.row.Size < 0) {
			return nil
		}
		if algorithm == "" {
			e := w.wrong(w.ask.Dest, sites.Unsupported, fmt.Sprintf("%s and %s have no digest in common", w.ask.Source.Site, w.ask.Dest.Site))
			e.Hint = "--verify=read reads both files back"
			return e
		}
		same, err = w.sameDigest(ctx, algorithm)
		if w.ask.Verify == "" && err != nil && ctx.Err() == nil {
			return nil // it was not asked for, and the sizes agree
		}
		w.verified, w.algorithm = ByDigest, algorithm
	}
	switch {
	case err != nil:
		return sites.During("verify", w.ask.Dest, err)
	case same:
		return nil
	case w.ask.appends():
		return w.wrong(w.ask.Dest, sites.Conflict, "what was appended is not what the source holds")
	}
	if err := w.lookAgain(ctx); err != nil {
		return err
	}
	return w.wrong(w.ask.Dest, sites.Conflict, "the copy has the size of the source and other contents")
}

// common returns an algorithm by which both ends can compute a digest; "" if there
// is none. This host computes any, if it is asked to.
func (w *work) common() string {
	if w.ask.appends() || w.ask.ASCII {
		return ""
	}
	from, to := w.digestsOf(w.ask.From), w.digestsOf(w.ask.To)
	for _, a := range from {
		if slices.Contains(to, a) {
			return a
		}
	}
	return ""
}

func (w *work) digestsOf(s sites.Site) (names []string) {
	if f, ok := s.(*ftp.Site); ok {
		return f.Digests()
	}
	if w.ask.Verify == ByDigest || w.ask.SameDigest {
		for _, a := range Algorithms() {
			names = append(names, a.Name)
		}
	}
	return names
}

// sameDigest compares the digests that both ends compute.
func (w *work) sameDigest(ctx context.Context, algorithm string) (bool, error) {
	return w.sameMarks(ctx, func(ctx context.Context, s sites.Site, p sites.Pathname, _ int64) (string, error) {
		if f, ok := s.(*ftp.Site); ok {
			return f.Digest(ctx, p.Path, algorithm)
		}
		list := Algorithms()
		return ReadDigest(ctx, s, p, 0, list[slices.IndexFunc(list, func(a Algorithm) bool { return a.Name == algorithm })])
	})
}

// isImage reports whether the destination has the digest of the source; not if its
// site, or the other, computes none.
func (w *work) isImage(ctx context.Context) (bool, error) {
	algorithm := w.common()
	if algorithm == "" {
		return false, nil
	}
	w.plan.Dest.Path = w.ask.Dest.Path
	return w.sameDigest(ctx, algorithm)
}

// sameRead compares what both ends send when they are read.
func (w *work) sameRead(ctx context.Context) (bool, error) {
	return w.sameMarks(ctx, func(ctx context.Context, s sites.Site, p sites.Pathname, offset int64) (string, error) {
		return ReadDigest(ctx, s, p, offset, Algorithms()[0])
	})
}

// sameMarks compares the marks of both files; of the destination from where the
// source begins in it. Each end is asked with one session, so that both may be one
// site.
func (w *work) sameMarks(ctx context.Context, mark func(context.Context, sites.Site, sites.Pathname, int64) (string, error)) (bool, error) {
	var marks [2]string
	written := sites.Pathname{Site: w.ask.Dest.Site, Path: w.plan.Dest.Path}
	group, reading := errgroup.WithContext(ctx)
	group.Go(func() error {
		return w.again(reading, func() (err error) { marks[0], err = mark(reading, w.ask.From, w.ask.Source, 0); return err })
	})
	group.Go(func() error {
		return w.again(reading, func() (err error) {
			marks[1], err = mark(reading, w.ask.To, written, max(w.row.Before, 0))
			return err
		})
	})
	err := group.Wait()
	return marks[0] == marks[1], err
}

// carryTime gives the copy the modified time of the source, where both sites have
// one. A copy without it is a copy still.
func (w *work) carryTime(ctx context.Context) {
	if w.ask.ASCII || w.dated {
		return
	}
	carryModified(ctx, w.ask.To, w.plan.Dest.Path, w.row.Modified) // see above
}
