package transfer

import (
	"errors"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// failure is why a figure was given up.
type failure struct {
	role    plan.Role
	verb    string
	setUp   bool // the servers had not been told to transfer
	deaf    bool // a server waits for a data connection that will not come
	nothing bool // it is certain that no byte arrived
	over    bool // the destination writes no more
	loose   bool // the destination was told to write and has not answered: it may yet begin
	known   bool // another job has told of the refusal already
	err     error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// said reports whether it is what a server said, and not the loss of a connection.
func (f *failure) said() bool {
	var e *sites.Error
	return errors.As(f.err, &e) && e.Code != 0
}

// protection reports whether a server refused the way in which the data connection is
// protected (RFC 4217 section 10).
func (f *failure) protection() bool {
	var e *sites.Error
	return !f.setUp && errors.As(f.err, &e) && (e.Code == 521 || e.Code == 522)
}

// refusal reports whether a server said, or showed, that it does not want to
// do it in this way, whichever file it is.
func (f *failure) refusal() bool {
	var e *sites.Error
	switch {
	case f.deaf:
		return true
	case !errors.As(f.err, &e) || f.verb == "REST":
		return false
	case !f.setUp:
		return noConnection[e.Code]
	}
	switch e.Kind {
	case sites.Busy, sites.Unreachable, sites.Protocol, sites.Cancelled, sites.Usage, sites.Other:
		return false
	case sites.NotFound:
		return f.verb != "SITE CPFR" // which names the file
	}
	return true
}

// another reports whether another figure may succeed where err came up.
func another(err error) bool {
	var f *failure
	switch {
	case !errors.As(err, &f) || f.verb == "REST": // the other figures need it too
		return false
	case f.refusal():
		return true
	}
	switch sites.KindOf(err) {
	case sites.Refused, sites.Unsupported, sites.Unreachable, sites.Protocol:
		return true
	case sites.Other, sites.Busy:
		return f.setUp
	}
	return false
}

// The replies to a transfer command from which it is certain that no byte was
// moved.
var (
	// noConnection says that there was no data connection, in both dialects, or none that
	// was protected as it has to be (RFC 4217 sections 9 and 12.4).
	noConnection = map[int]bool{425: true, 454: true, 521: true, 522: true}

	// notBegun are the refusals that are not certain though no preliminary
	// reply came before: some servers send none.
	notBegun = map[int]bool{401: true, 421: true, 426: true, 451: true, 452: true, 453: true, 552: true}
)

// moved reports whether the transfer x may have moved a byte.
func moved(x *ftp.Exchange) bool {
	if x == nil {
		return false
	}
	if !answered(x) || x.Refusal() == nil {
		return true
	}
	reply, _, _ := x.Outcome() // answered
	return !noConnection[reply.Code] && (x.Began() || notBegun[reply.Code])
}

// weight tells how much the error of a transfer command says of what is wrong.
// The loss of the data connection, or that there was none, may be the other
// server's doing.
func weight(err error) int {
	var e *sites.Error
	switch {
	case errors.As(err, &e) && e.Code == 0:
		return 3 // the control connection itself is lost
	case sites.KindOf(err) == sites.Unreachable, sites.KindOf(err) == sites.Other:
		return 0
	case sites.KindOf(err) == sites.Refused:
		return 1
	case sites.KindOf(err) == sites.Busy:
		return 2
	}
	return 3
}
