package ftpd

// dialectSet is a set of dialects, one bit each.
type dialectSet uint8

const (
	inModern dialectSet = 1 << iota
	in438
	in478

	in1973   = in438 | in478
	inAll    = inModern | in1973
	withLSTN = inModern | in438
)

// ownSocket is the local port from which a server connects after SOCK.
type ownSocket int

const (
	freshSocket          ownSocket = iota // a free port, held from the reply to SOCK on
	defaultSocket                         // the default data socket, L-1
	defaultOrFreshSocket                  // L-1 if it can be bound
)

// dialect is what the rest of the package has to know of one.
type dialect struct {
	set   dialectSet // the one bit of this dialect
	codes family
	own   ownSocket
}

var dialects = map[Dialect]dialect{
	Modern: {inModern, codes959, defaultOrFreshSocket},
	RFC438: {in438, codes1973, freshSocket},
	RFC478: {in478, codes1973, defaultSocket},
}
