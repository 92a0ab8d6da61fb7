package plan

// Relay joins two data connections at the user's host: the road between any
// two sites, where servers refuse each other. Nothing is kept on the way.
var Relay = Figure{
	Name:    "relay",
	Origin:  "RFC 959, section 2.3, twice",
	Summary: "through the user's host, which keeps nothing",
	Rows: []Row{
		{Source: Step{"{sourcelisten}", "X"}},
		{Source: Step{"{get} {from}", ""}, User: "connects to X"},
		{Dest: Step{"{destlisten}", "Y"}},
		{Dest: Step{"{put} {to}", ""}, User: "connects to Y and passes on what comes from X"},
	},
}

// LocalGet takes a file from a site to the user's own host.
var LocalGet = Figure{
	Name:    "local",
	Origin:  "RFC 959, section 2.3",
	Summary: "the destination is the user's host",
	Rows: []Row{
		{Source: Step{"{sourcelisten}", "X"}},
		{Source: Step{"{get} {from}", ""}, User: "connects to X and writes {to}"},
	},
}

// LocalPut brings a file from the user's own host to a site.
var LocalPut = Figure{
	Name:    "local",
	Origin:  "RFC 959, section 2.3",
	Summary: "the source is the user's host",
	Rows: []Row{
		{Dest: Step{"{destlisten}", "Y"}},
		{Dest: Step{"{put} {to}", ""}, User: "connects to Y and sends {from}"},
	},
}

// LocalCopy moves a file within the user's own host.
var LocalCopy = Figure{
	Name:    "local",
	Origin:  "the user's host",
	Summary: "both ends are the user's host",
	Rows:    []Row{{User: "writes {from} to {to}"}},
}
