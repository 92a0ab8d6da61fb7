package ftp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftp/listing"
)

const (
	// timeVal is the form of a time in RFC 3659 section 2.3, in UTC.
	timeVal = "20060102150405"

	// setMDTM is what MDTM with a time before the pathname goes by among the
	// commands that a server may know. Others take it for a question.
	setMDTM = "MDTM with a time"

	// shortUTIME is what SITE UTIME with one time goes by there. It is known
	// where the server takes no other form.
	shortUTIME = "SITE UTIME with one time"

	// trueUTIME is known where MDTM has told the time that SITE UTIME had set.
	trueUTIME = "SITE UTIME as MDTM tells it"

	// grain is how far apart the times may be that some file systems keep.
	grain = 2 * time.Second
)

// modified returns when a file was modified (MDTM, RFC 3659 section 3). A time
// that nobody understands is no time.
func (s *Session) modified(ctx context.Context, path string) (time.Time, error) {
	reply, err := s.try(ctx, "MDTM "+path)
	if err != nil {
		return time.Time{}, err
	}
	at, _ := listing.Time(reply.Last())
	return at, nil
}

// Modified returns when a file was modified (MDTM, RFC 3659 section 3): zero where the
// server is not known to tell, or tells nothing that is understood.
func (f *Site) Modified(ctx context.Context, path string) (at time.Time, err error) {
	if f.Knows("MDTM") != Yes {
		return at, nil
	}
	err = f.with(ctx, func(s *Session) error {
		at, err = s.modified(ctx, path)
		return err
	})
	return at, sites.During("look at", sites.Pathname{Site: f.config.Name, Path: path}, err)
}

// SetModified sets the modified time of a file or directory, to the second: by
// MFMT, by MDTM with a time, or by SITE UTIME. The last two are in no document,
// and are believed only where MDTM does not tell another time afterwards, once for
// each site. What a server was found not to know it is not sent again.
func (f *Site) SetModified(ctx context.Context, path string, at time.Time) error {
	at = at.UTC().Truncate(time.Second)
	err := f.with(ctx, func(s *Session) error { return s.setModified(ctx, path, at) })
	return sites.During("set the time of", sites.Pathname{Site: f.config.Name, Path: path}, f.unchanged(ctx, path, err))
}

func (s *Session) setModified(ctx context.Context, path string, at time.Time) error {
	if year := at.Year(); year < 0 || year > 9999 {
		return &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: fmt.Sprintf("a server can be told no time of the year %d", year)}
	}
	if err := s.setByMFMT(ctx, path, at); sites.KindOf(err) != sites.Unsupported {
		return err
	}
	refusal := s.setByMDTM(ctx, path, at)
	if sites.KindOf(refusal) != sites.Unsupported {
		return refusal
	}
	err := s.setByUTIME(ctx, path, at)
	if sites.KindOf(err) != sites.Unsupported {
		return err
	}
	e := &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: "the server knows no MFMT, no MDTM with a time and no SITE UTIME"}
	if r, ok := refusal.(*sites.Error); ok && r.Code != 0 {
		e.Msg, e.Code, e.Text = "the server knows no MFMT and no SITE UTIME, and refused MDTM with a time", r.Code, r.Text
	}
	return e
}

// SizeModified sets the modified time of a file, as SetModified does, and returns its size,
// in one piece. done is false, and nothing wrong, where the server is not known to take
// both, or refuses either.
func (f *Site) SizeModified(ctx context.Context, path string, at time.Time) (size int64, done bool, err error) {
	at = at.UTC().Truncate(time.Second)
	verb := "MFMT"
	if f.Knows(verb) != Yes && f.Knows(setMDTM) == Yes {
		verb = "MDTM"
	}
	ahead, _ := f.Ahead()
	if year := at.Year(); !ahead || f.Knows(verb) != Yes || f.Knows("SIZE") != Yes || year < 0 || year > 9999 {
		return 0, false, nil
	}
	err = f.with(ctx, func(s *Session) error {
		if err := s.setType(ctx, 'I'); err != nil {
			return err
		}
		xs, err := s.all(ctx, verb+" "+at.Format(timeVal)+" "+path, "SIZE "+path)
		if err != nil || xs[0].Refusal() != nil || xs[1].Refusal() != nil {
			return err
		}
		size, err = parseSize(xs[1].reply)
		done = err == nil
		return err
	})
	return size, done, sites.During("look at", sites.Pathname{Site: f.config.Name, Path: path}, err)
}

// setByMFMT sets a time by MFMT (draft-somers-ftp-mfxx section 3).
func (s *Session) setByMFMT(ctx context.Context, path string, at time.Time) error {
	_, err := s.try(ctx, "MFMT "+at.Format(timeVal)+" "+path)
	return err
}

// setByMDTM sets a time by MDTM with a time before the pathname, as vsftpd and
// servers of the nineties have it. A server that takes both for one pathname
// refuses, or tells the time of such a file.
func (s *Session) setByMDTM(ctx context.Context, path string, at time.Time) error {
	if s.site.Knows(setMDTM) == No || s.site.Knows("MDTM") == No {
		return s.unknown(setMDTM)
	}
	_, err := s.Must(ctx, "MDTM "+at.Format(timeVal)+" "+path)
	switch {
	case s.site.Knows(setMDTM) == Yes:
		s.Heard(setMDTM, err)
		return err
	case err != nil:
		return s.refusedMDTM(ctx, path, at, err)
	}
	told, err := s.modified(ctx, path)
	switch {
	case err == nil && told.Sub(at).Abs() <= grain:
		s.Heard(setMDTM, nil)
		return nil
	case s.Err() != nil || ctx.Err() != nil || sites.KindOf(err).Retryable():
		return err
	}
	s.site.setKnown(setMDTM, No)
	return s.unknown(setMDTM)
}

// refusedMDTM returns what the refusal err of MDTM with a time means: kind
// Unsupported where another way may do. It may be that of the form or of the file.
// The form is not known where the server refuses a file that is there in the words
// in which it refuses one that goes by the time alone.
func (s *Session) refusedMDTM(ctx context.Context, path string, at time.Time, err error) error {
	e, ok := err.(*sites.Error)
	if !ok || e.Code == 0 || e.Kind.Retryable() {
		return err
	}
	if e.Kind == sites.Unsupported {
		s.Heard(setMDTM, err)
		return err
	}
	stamp := at.Format(timeVal)
	xs, err := s.all(ctx, "MDTM "+path, "MDTM "+stamp)
	if err != nil {
		return err
	}
	there := xs[0].Refusal()
	s.Heard("MDTM", there)
	alone, refused := xs[1].Refusal().(*sites.Error)
	if there == nil && refused && alone.Code == e.Code &&
		strings.ReplaceAll(alone.Text, stamp, "") == strings.ReplaceAll(e.Text, stamp+" "+path, "") {
		s.site.setKnown(setMDTM, No)
		return s.unknown(setMDTM)
	}
	e.Kind = sites.Unsupported
	return e
}

// setByUTIME sets a time by SITE UTIME. A server that sets another time, such as
// one that takes it for that of its own zone, is not asked again.
func (s *Session) setByUTIME(ctx context.Context, path string, at time.Time) error {
	if err := s.sendUTIME(ctx, path, at.Format(timeVal)); err != nil || s.site.Knows(trueUTIME) == Yes {
		return err
	}
	told, err := s.modified(ctx, path)
	switch {
	case s.Err() != nil || ctx.Err() != nil:
		return err
	case err != nil || told.IsZero():
		return nil // it said that it did, and MDTM does not say otherwise
	case told.Sub(at).Abs() <= grain:
		s.site.setKnown(trueUTIME, Yes)
		return nil
	}
	s.site.setKnown("SITE UTIME", No)
	return &sites.Error{Site: s.Conn.site, Kind: sites.Conflict,
		Msg: "the server said that the time is set, and now tells " + told.UTC().Format(time.RFC3339)}
}

// sendUTIME sends SITE UTIME with the times of access, modification and creation
// behind the pathname, which say UTC, or with one time before it.
func (s *Session) sendUTIME(ctx context.Context, path, stamp string) error {
	if s.site.Knows(shortUTIME) != Yes {
		err := s.trySITE(ctx, "UTIME", path+" "+stamp+" "+stamp+" "+stamp+" UTC")
		if e, ok := err.(*sites.Error); !ok || e.Kind == sites.Unsupported || e.Code/100 != 5 {
			return err
		}
	}
	err := s.trySITE(ctx, "UTIME", stamp+" "+path)
	if err == nil {
		s.site.setKnown(shortUTIME, Yes)
	}
	return err
}
