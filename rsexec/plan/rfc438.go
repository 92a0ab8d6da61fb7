package plan

// RFC438 is the figure of RFC 438 (January 1973), at the words "the RSEXEC
// program could accomplish the APPEND in the example above as follows". X is
// the socket that the receiving server listens on, Y the one that the sending
// server will connect from; the third row keeps everyone else out.
var RFC438 = Figure{
	Name:    "rfc438",
	Origin:  "RFC 438",
	Summary: "the destination listens, and only for the source's socket",
	Old:     true,
	Rows: []Row{
		{Dest: Step{"LSTN R", "X"}},
		{Source: Step{"SOCK {dest},{X}", "Y"}},
		{Dest: Step{"SOCK {source},{Y}", ""}},
		{Source: Step{"{get} {from}", ""}, Dest: Step{"{put} {to}", ""}},
	},
}
