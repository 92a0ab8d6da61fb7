package plan

import "slices"

// Of two servers on a protected data connection one has to be the client of TLS, which
// RFC 4217 leaves to the user's host. The commands that make one of them the client are
// in no RFC: SSCN came with glFTPd and RaidenFTPD, CPSV with drftpd, and ProFTPD has the
// first.

// The figures of SSCN: those of RFC 959 and RFC 2428, with one server the client. That
// which connects is the better client, as in all else that uses TLS.
var (
	SSCN                  = overTLS(RFC959, Source)
	SSCNSourcePassive     = overTLS(RFC959SourcePassive, Dest)
	SSCNDest              = overTLS(RFC959, Dest)
	SSCNSource            = overTLS(RFC959SourcePassive, Source)
	SSCNIPv6              = overTLS(RFC2428, Source)
	SSCNIPv6SourcePassive = overTLS(RFC2428SourcePassive, Dest)
	SSCNIPv6Dest          = overTLS(RFC2428, Dest)
	SSCNIPv6Source        = overTLS(RFC2428SourcePassive, Source)
)

// overTLS returns a figure with one of its servers the client of TLS.
func overTLS(f Figure, client Role) Figure {
	on := Row{Dest: Step{Command: "SSCN ON"}}
	if client == Source {
		on = Row{Source: on.Dest}
	}
	f.Name, f.Origin, f.Private = "sscn", f.Origin+", and SSCN", true
	f.Summary += ", the " + client.String() + " is the client of TLS"
	f.Rows = slices.Concat([]Row{on}, f.Rows)
	return f
}

// CPSV is the figure of RFC 959 with CPSV in the place of PASV: the server that listens
// is the client of TLS.
var CPSV = listeningClient(RFC959)

// CPSVSourcePassive is the same figure turned round.
var CPSVSourcePassive = listeningClient(RFC959SourcePassive)

func listeningClient(f Figure) Figure {
	f.Name, f.Origin, f.Private = "cpsv", f.Origin+", and CPSV", true
	f.Summary += ", and is the client of TLS"
	f.Rows = slices.Clone(f.Rows)
	for _, s := range []*Step{&f.Rows[0].Source, &f.Rows[0].Dest} {
		if s.Command == "PASV" {
			s.Command = "CPSV"
		}
	}
	return f
}
