package plan

// RFC2428 is the figure of RFC 959 with the commands of RFC 2428, for IPv6.
// The reply to EPSV tells a port only, so the passive server's own address
// stands beside it.
var RFC2428 = Figure{
	Name:    "rfc2428",
	Origin:  "RFC 2428, sections 2 and 3",
	Summary: "the destination listens",
	IPv6:    true,
	Rows: []Row{
		{Dest: Step{"EPSV", "X"}},
		{Source: Step{"EPRT |{destfamily}|{dest}|{X}|", ""}},
		{Source: Step{"{get} {from}", ""}, Dest: Step{"{put} {to}", ""}},
	},
}

// RFC2428SourcePassive is the same figure turned round.
var RFC2428SourcePassive = Figure{
	Name:    "rfc2428",
	Origin:  "RFC 2428, sections 2 and 3",
	Summary: "the source listens",
	IPv6:    true,
	Rows: []Row{
		{Source: Step{"EPSV", "X"}},
		{Dest: Step{"EPRT |{sourcefamily}|{source}|{X}|", ""}},
		{Source: Step{"{get} {from}", ""}, Dest: Step{"{put} {to}", ""}},
	},
}
