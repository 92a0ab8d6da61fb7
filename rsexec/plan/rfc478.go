package plan

// RFC478 is the figure of RFC 478 (March 1973). No reply tells a socket: both
// servers use the data sockets "as specified by the protocol", and the PASV
// goes to the server that stores.
var RFC478 = Figure{
	Name:    "rfc478",
	Origin:  "RFC 478",
	Summary: "the destination listens at its default data socket",
	Old:     true,
	Rows: []Row{
		{Source: Step{"SOCK {dest},{destsocket}", ""}, Dest: Step{"SOCK {source},{sourcesocket}", ""}},
		{Dest: Step{"PASV", ""}},
		{Source: Step{"{get} {from}", ""}, Dest: Step{"{put} {to}", ""}},
	},
}
