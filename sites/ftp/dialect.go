package ftp

import "rsexec/sites"

// Outcome says what a reply means for what comes next.
type Outcome uint8

// The outcomes of a reply.
const (
	Preliminary Outcome = iota // begun; another reply follows
	Done                       // completed
	More                       // accepted; the next command of the sequence is wanted
	Transient                  // refused this time
	Permanent                  // refused
	Nonsense                   // no reply of this dialect
)

// Dialect is a table from reply code to outcome. Two exist, because the codes
// changed their meaning (DESIGN section 3): in 1973 250 said that a transfer
// had started and 252 that it was completed; since RFC 959 250 is a completion.
type Dialect struct {
	Name     string
	byClass  [10]Outcome     // by the code's first digit
	byCode   map[int]Outcome // exceptions
	transfer map[int]Outcome // exceptions in the replies to a transfer command
	aborted  map[int]bool    // the replies to an aborted transfer and to ABOR
	kinds    map[int]sites.Kind
}

// Modern is the dialect of RFC 959 section 4.2 and what follows it.
var Modern = &Dialect{
	Name:    "modern",
	byClass: [10]Outcome{Nonsense, Preliminary, Done, More, Transient, Permanent, Nonsense, Nonsense, Nonsense, Nonsense},
	aborted: map[int]bool{225: true, 226: true, 426: true},
	kinds: map[int]sites.Kind{
		421: sites.Busy,
		425: sites.Refused, 426: sites.Unreachable,
		430: sites.Login, 530: sites.Login, 332: sites.Login, 532: sites.Login,
		450: sites.Busy, 451: sites.Other, 452: sites.NoSpace, 552: sites.NoSpace,
		500: sites.Unsupported, 501: sites.Refused, 502: sites.Unsupported, 504: sites.Refused, 522: sites.Refused,
		550: sites.NotFound, 551: sites.Refused, 553: sites.Permission,
	},
}

// Old is the dialect of 1973 (RFC 354, and as TENEX spoke it).
var Old = &Dialect{
	Name:    "1973",
	byClass: [10]Outcome{Preliminary, Preliminary, Done, More, Permanent, Permanent, Nonsense, Nonsense, Nonsense, Nonsense},
	byCode: map[int]Outcome{
		452: Transient, 453: Transient, 454: Transient,
	},
	transfer: map[int]Outcome{250: Preliminary, 255: Preliminary},
	aborted:  map[int]bool{201: true, 202: true, 252: true, 452: true},
	kinds: map[int]sites.Kind{
		400: sites.Unsupported, 401: sites.Unreachable, 430: sites.Busy, 431: sites.Login,
		434: sites.Login, 450: sites.NotFound, 451: sites.Permission, 452: sites.Unreachable,
		453: sites.NoSpace, 454: sites.Refused,
		500: sites.Unsupported, 501: sites.Refused, 502: sites.Unsupported, 504: sites.Refused,
	},
}

// Outcome returns what code means as a reply to a command with the verb given.
func (d *Dialect) Outcome(verb string, code int) Outcome {
	if code < 0 || code > 999 {
		return Nonsense
	}
	if isTransfer(verb) {
		if o, ok := d.transfer[code]; ok {
			return o
		}
	}
	if o, ok := d.byCode[code]; ok {
		return o
	}
	return d.byClass[code/100]
}

// Kind returns the kind of error that a refusal with this code is.
func (d *Dialect) Kind(code int) sites.Kind {
	if k, ok := d.kinds[code]; ok {
		return k
	}
	switch d.byClass[code/100%10] {
	case Transient:
		return sites.Busy
	case Permanent:
		return sites.Refused
	}
	return sites.Protocol
}

// isLast reports whether no other command belongs to one with this verb, so that a reply
// that wants one (3yz) is no completion of it (RFC 959 section 5.4, RFC 3659).
func isLast(verb string) bool {
	switch verb {
	case "RNTO", "DELE", "MKD", "RMD", "CWD", "PWD", "TYPE", "PASV", "EPSV", "PORT", "EPRT", "SIZE", "MDTM", "MLST", "MFMT", "FEAT", "NOOP":
		return true
	}
	return isTransfer(verb)
}

// isTransfer reports whether verb is a command whose replies speak of a data
// connection.
func isTransfer(verb string) bool {
	switch verb {
	case "RETR", "STOR", "APPE", "STOU", "LIST", "NLST", "MLSD":
		return true
	}
	return false
}

// changesData reports whether a command with this verb prepares a data connection, or
// uses up what was prepared.
func changesData(verb string) bool {
	switch verb {
	case "PASV", "EPSV", "CPSV", "PORT", "EPRT", "LSTN", "SOCK", "ABOR", "REIN":
		return true
	}
	return isTransfer(verb)
}

// strays reports whether a final reply of the modern dialect to a command with this verb
// can only be the answer to another one: servers that do not keep the order answer what
// prepares the next data connection before the end of a transfer.
func strays(verb string, code int) bool {
	switch verb {
	case "PASV", "EPSV":
		return code == 226 || code == 426
	}
	return isTransfer(verb) && (code == 227 || code == 229)
}
