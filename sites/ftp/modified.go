package ftp

import (
	"context"
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

// SetModified sets the modified time of a file or directory, to the second: by
// MFMT, by MDTM with a time, or by SITE UTIME. The last two are in no document,
// and are believed only where MDTM does not tell another time afterwards.
func (f *Site) SetModified(ctx context.Context, path string, at time.Time) error {
	stamp := at.UTC().Format(timeVal)
	err := f.with(ctx, func(s *Session) error { return s.setModified(ctx, path, stamp) })
	return sites.During("set the time of", sites.Pathname{Site: f.config.Name, Path: path}, f.unchanged(ctx, path, err))
}

func (s *Session) setModified(ctx context.Context, path, stamp string) error {
	if err := s.setByMFMT(ctx, path, stamp); sites.KindOf(err) != sites.Unsupported {
		return err
	}
	refusal := s.setByMDTM(ctx, path, stamp)
	if sites.KindOf(refusal) != sites.Unsupported {
		return refusal
	}
	err := s.setByUTIME(ctx, path, stamp)
	if sites.KindOf(err) != sites.Unsupported {
		return err
	}
	e := &sites.Error{Site: s.Conn.site, Kind: sites.Unsupported, Msg: "the server knows no MFMT, no MDTM with a time and no SITE UTIME"}
	if r, ok := refusal.(*sites.Error); ok && r.Code != 0 {
		e.Msg, e.Code, e.Text = "the server knows no MFMT and no SITE UTIME, and refused MDTM with a time", r.Code, r.Text
	}
	return e
}

// setByMFMT sets a time by MFMT (draft-somers-ftp-mfxx section 3).
func (s *Session) setByMFMT(ctx context.Context, path, stamp string) error {
	_, err := s.try(ctx, "MFMT "+stamp+" "+path)
	return err
}

// setByMDTM sets a time by MDTM with a time before the pathname, as vsftpd and
// servers of the nineties have it. A server that takes both for one pathname
// refuses, or tells the time of such a file.
func (s *Session) setByMDTM(ctx context.Context, path, stamp string) error {
	if s.site.Knows(setMDTM) == No || s.site.Knows("MDTM") == No {
		return s.unknown(setMDTM)
	}
	_, err := s.Must(ctx, "MDTM "+stamp+" "+path)
	if err != nil {
		// It does not tell whether the form is refused or the file, unless the
		// form was accepted before. So only what is said of the command is kept.
		s.Heard(setMDTM, err)
		if e, ok := err.(*sites.Error); ok && e.Code != 0 && !e.Kind.Retryable() && s.site.Knows(setMDTM) != Yes {
			e.Kind = sites.Unsupported
		}
		return err
	}
	at, err := s.modified(ctx, path)
	switch {
	case err == nil && at.UTC().Format(timeVal) == stamp:
		s.Heard(setMDTM, nil)
		return nil
	case s.Err() != nil || ctx.Err() != nil:
		return err
	}
	s.site.setKnown(setMDTM, No)
	return s.unknown(setMDTM)
}

// setByUTIME sets a time by SITE UTIME: with the times of access, modification
// and creation behind the pathname, which say UTC, or with one time before it.
func (s *Session) setByUTIME(ctx context.Context, path, stamp string) error {
	err := s.trySITE(ctx, "UTIME", path+" "+stamp+" "+stamp+" "+stamp+" UTC")
	if e, ok := err.(*sites.Error); ok && e.Kind != sites.Unsupported && e.Code/100 == 5 {
		err = s.trySITE(ctx, "UTIME", stamp+" "+path)
	}
	if err != nil {
		return err
	}
	at, err := s.modified(ctx, path)
	switch {
	case s.Err() != nil || ctx.Err() != nil:
		return err
	case err != nil || at.IsZero() || at.UTC().Format(timeVal) == stamp:
		return nil // it said that it did, and MDTM does not say otherwise
	}
	return &sites.Error{Site: s.Conn.site, Kind: sites.Conflict,
		Msg: "the server said that the time is set, and now tells " + at.UTC().Format(time.RFC3339)}
}
