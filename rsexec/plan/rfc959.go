package plan

// RFC959 is the figure of RFC 959 section 5.2: the server that receives
// listens, the one that sends connects. X is the address in the 227 reply.
var RFC959 = Figure{
	Name:    "rfc959",
	Origin:  "RFC 959, section 5.2",
	Summary: "the destination listens",
	IPv4:    true,
	Rows: []Row{
		{Dest: Step{"PASV", "X"}},
		{Source: Step{"PORT {X}", ""}},
		{Source: Step{"{get} {from}", ""}, Dest: Step{"{put} {to}", ""}},
	},
}

// RFC959SourcePassive is the same figure turned round, for a source that may
// not connect to strangers or a destination that may not listen for them.
var RFC959SourcePassive = Figure{
	Name:    "rfc959",
	Origin:  "RFC 959, section 5.2",
	Summary: "the source listens",
	IPv4:    true,
	Rows: []Row{
		{Source: Step{"PASV", "X"}},
		{Dest: Step{"PORT {X}", ""}},
		{Source: Step{"{get} {from}", ""}, Dest: Step{"{put} {to}", ""}},
	},
}
