package plan

import "slices"

// Of two servers on a protected data connection one has to be the client of TLS, which
// RFC 4217 leaves to the user's host. The commands that make one of them the client are
// in no RFC: SSCN came with glFTPd and RaidenFTPD, CPSV with drftpd, and ProFTPD has the
// first.

// overTLS returns a figure with one of its servers the client of TLS.
//
// The server that receives is the better client. In TLS 1.3 a client is sent tickets; one
// that only sends, and closes with these unread, as ProFTPD 1.3.8 does, resets the
// connection, and the other server loses what it has not read yet and may not notice.
func overTLS(f Figure, client Role) Figure {
	first, rest := f.Rows[0], f.Rows[1:]
	if first.At(client).Command != "" {
		first, rest = Row{}, f.Rows
	}
	if on := (Step{Command: "SSCN ON"}); client == Source {
		first.Source = on
	} else {
		first.Dest = on
	}
	f.Rows = slices.Concat([]Row{first}, rest)
	f.Name, f.Origin, f.Private, f.Client = "sscn", f.Origin+", and SSCN", true, client
	f.Summary += ", the " + client.String() + " is the client of TLS"
	return f
}

// overCPSV returns a figure with CPSV in the place of PASV: the server that listens is the
// client of TLS.
func overCPSV(f Figure) Figure {
	f.Name, f.Origin, f.Private = "cpsv", f.Origin+", and CPSV", true
	f.Summary += ", and is the client of TLS"
	f.Rows = slices.Clone(f.Rows)
	for role, s := range map[Role]*Step{Source: &f.Rows[0].Source, Dest: &f.Rows[0].Dest} {
		if s.Command == "PASV" {
			s.Command, f.Client = "CPSV", role
		}
	}
	return f
}

// protected returns the figures whose data connection is protected, in the order in which
// they are tried.
func protected() []Figure {
	return []Figure{
		overTLS(RFC959SourcePassive, Dest), overTLS(RFC959, Dest), overCPSV(RFC959),
		overTLS(RFC959, Source), overTLS(RFC959SourcePassive, Source), overCPSV(RFC959SourcePassive),
		overTLS(RFC2428SourcePassive, Dest), overTLS(RFC2428, Dest),
		overTLS(RFC2428, Source), overTLS(RFC2428SourcePassive, Source),
	}
}
