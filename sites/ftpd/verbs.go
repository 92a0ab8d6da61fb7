package ftpd

import "context"

// gate is what has to hold before a verb is performed, and how it stands to a
// running transfer.
type gate uint16

const (
	needsLogin  gate = 1 << iota
	needsArg         // an argument has to be there
	midTransfer      // is answered while a transfer runs; others wait for its end
	interrupts       // breaks off a running transfer as soon as it is read
	notInClear       // not before AUTH, where the site requires TLS
	withTLS          // not implemented at a site without TLS
	withPeers        // nor at one that trusts no other site's certificate
	refuses          // only says why this site does not do it; HELP does not offer it
)

// The rights of which the user has to have one, in the upper byte.
const (
	reads   = gate(Read) << 8
	writes  = gate(Write) << 8
	appends = gate(Append) << 8
	deletes = gate(Delete) << 8
	lists   = gate(List) << 8
)

// Which way a transfer command has a file go, above the rights.
const (
	sends gate = 1 << (13 + iota)
	receives
)

// rights are those of which the user has to have one; 0 is none.
func (g gate) rights() Rights { return Rights(g>>8) & AllRights }

// way is that of a transfer command; "" of others.
func (g gate) way() direction {
	switch {
	case g&sends != 0:
		return sending
	case g&receives != 0:
		return receiving
	}
	return ""
}

// verb is one command of the protocol.
type verb struct {
	name     string
	dialects dialectSet
	gate     gate
	perform  func(s *session, ctx context.Context, arg string) // nil: known, not implemented
	feature  string                                            // its lines in the reply to FEAT, with " | " between them; "" is none
	help     string
}

// verbTable is the whole command set. A verb that differs between dialects has a
// row for each form.
func verbTable() []verb {
	return []verb{
		{"HOST", inModern, needsArg, (*session).hostVerb, "HOST", "HOST <name>: which host is meant; comes before USER"},
		{"USER", inAll, needsArg | notInClear, (*session).userVerb, "", "USER <name>: begin to log in"},
		{"PASS", inAll, 0, (*session).passVerb, "", "PASS <password>: log in"},
		{"ACCT", inAll, 0, (*session).acctVerb, "", "ACCT <account>: not needed"},
		{"QUIT", inAll, 0, (*session).quitVerb, "", "QUIT: end the session"},
		{"BYE", in1973, 0, (*session).quitVerb, "", "BYE: end the session"},
		{"REIN", inModern, 0, (*session).reinVerb, "", "REIN: log out"},
		{"NOOP", inModern, midTransfer, (*session).noopVerb, "", "NOOP: do nothing"},
		{"SYST", inModern, 0, (*session).systVerb, "", "SYST: the kind of system"},
		{"HELP", inAll, 0, (*session).helpVerb, "", "HELP [<verb>]: this text"},
		{"FEAT", inModern, 0, (*session).featVerb, "", "FEAT: the extensions known"},
		{"OPTS", inModern, needsArg, (*session).optsVerb, "", "OPTS UTF8 ON | OPTS MLST <fact>;... | OPTS HASH <name> | OPTS MODE B KEEP | OPTS RETR HASH | OPTS STOR HASH PERF: set an option"},
		{"LANG", inModern, 0, (*session).langVerb, "LANG EN*", "LANG [EN]: the language of replies"},
		{"CLNT", inModern, 0, (*session).clntVerb, "CLNT", "CLNT <program>: what you are"},
		{"CSID", inModern, 0, (*session).csidVerb, "CSID Name;", "CSID Name=<program>;: what you are, and what this is"},
		{"STAT", inModern, midTransfer, (*session).statVerb, "", "STAT [<path>]: status, or a listing"},

		{"AUTH", inModern, needsArg | withTLS, (*session).authVerb, "AUTH TLS", "AUTH TLS: go on over TLS"},
		{"PBSZ", inModern, needsArg | withTLS, (*session).pbszVerb, "PBSZ", "PBSZ 0: comes before PROT"},
		{"PROT", inModern, needsArg | withTLS, (*session).protVerb, "PROT", "PROT C | PROT P: data connections in the clear, or over TLS"},
		{"CCC", inModern, withTLS | refuses, (*session).cccVerb, "", "CCC: is refused; the control connection stays over TLS"},
		{"SSCN", inModern, withTLS | withPeers, (*session).sscnVerb, "SSCN", "SSCN [ON|OFF]: be the TLS client on data connections, for another site"},

		{"TYPE", inAll, needsArg, (*session).typeVerb, "", "TYPE A | TYPE I | TYPE L 8: representation"},
		{"BYTE", in1973, needsArg, (*session).byteVerb, "", "BYTE 8: byte size"},
		{"MODE", inAll, needsArg, (*session).modeVerb, "MODE B KEEP", "MODE S | MODE B: stream or block mode"},
		{"STRU", inAll, needsArg, (*session).struVerb, "", "STRU F: file structure"},
		{"ALLO", inModern, 0, (*session).alloVerb, "", "ALLO <size>: how large the next upload is; for a quota only"},
		{"REST", inModern, needsLogin | needsArg, (*session).restVerb, "REST STREAM", "REST <offset>: where the next RETR or STOR starts"},
		{"RANG", inModern, needsLogin | needsArg, (*session).rangVerb, "RANG STREAM", "RANG <first> <last>: the bytes that the next RETR, STOR or digest is of | RANG 1 0: all of them"},

		{"PASV", inModern, needsLogin, (*session).pasvVerb, "PASV", "PASV: listen for the data connection"},
		{"PASV", in478, needsLogin, (*session).barePasvVerb, "", "PASV: listen on the default data socket"},
		{"CPSV", inModern, needsLogin | withTLS | withPeers, (*session).cpsvVerb, "CPSV", "CPSV: as PASV, and be the TLS client on that data connection, for another site"},
		{"EPSV", inModern, needsLogin, (*session).epsvVerb, "EPSV", "EPSV [1|2|ALL]: listen for the data connection"},
		{"PORT", inModern, needsLogin | needsArg, (*session).portVerb, "", "PORT h1,h2,h3,h4,p1,p2: connect there for data"},
		{"EPRT", inModern, needsLogin | needsArg, (*session).eprtVerb, "EPRT", "EPRT |family|address|port|: connect there for data"},
		{"LSTN", withLSTN, needsLogin | needsArg, (*session).lstnVerb, "LSTN", "LSTN R | LSTN S: listen, to receive or to send"},
		{"SOCK", inAll, needsLogin | needsArg, (*session).sockVerb, "SOCK", "SOCK <host>,<port>: the other end of the data connection"},

		{"RETR", inAll, needsLogin | sends | needsArg | reads, (*session).retrVerb, "RETR HASH", "RETR <path>: send a file"},
		{"STOR", inAll, needsLogin | receives | needsArg | writes | appends, (*session).storVerb, "STOR HASH;PERF", "STOR <path>: receive a file"},
		{"APPE", inAll, needsLogin | receives | needsArg | writes | appends, (*session).appeVerb, "", "APPE <path>: receive what is added to a file"},
		{"STOU", inModern, needsLogin | receives | writes | appends, (*session).stouVerb, "", "STOU [<path>]: receive a file under a new name"},
		{"COMB", inModern, needsLogin | needsArg | deletes, (*session).combVerb, "COMB", `COMB "<target>" "<part>"...: add files to one and delete them`},
		{"LIST", inModern, needsLogin | sends | lists, (*session).listVerb, "", "LIST [<path>]: a listing"},
		{"NLST", inAll, needsLogin | sends | lists, (*session).nlstVerb, "", "NLST [<path>]: the names in a directory"},
		{"MLSD", inModern, needsLogin | sends | lists, (*session).mlsdVerb, "", "MLSD [<path>]: the facts of a directory's entries"},
		{"MLST", inModern, needsLogin, (*session).mlstVerb, "", "MLST [<path>]: the facts of one entry"},
		{"ABOR", inAll, interrupts, (*session).aborVerb, "", "ABOR: break off the transfer"},

		{"PWD", inModern, needsLogin, (*session).pwdVerb, "", "PWD: the working directory"},
		{"XPWD", inModern, needsLogin, (*session).pwdVerb, "", "XPWD: as PWD"},
		{"CWD", inModern, needsLogin | needsArg, (*session).cwdVerb, "", "CWD <path>: change the working directory"},
		{"XCWD", inModern, needsLogin | needsArg, (*session).cwdVerb, "", "XCWD <path>: as CWD"},
		{"CDUP", inModern, needsLogin, (*session).cdupVerb, "", "CDUP: go to the parent directory"},
		{"XCUP", inModern, needsLogin, (*session).cdupVerb, "", "XCUP: as CDUP"},
		{"MKD", inModern, needsLogin | needsArg | writes | appends, (*session).mkdVerb, "", "MKD <path>: make a directory"},
		{"XMKD", inModern, needsLogin | needsArg | writes | appends, (*session).mkdVerb, "", "XMKD <path>: as MKD"},
		{"RMD", inModern, needsLogin | needsArg | deletes, (*session).rmdVerb, "", "RMD <path>: remove an empty directory"},
		{"XRMD", inModern, needsLogin | needsArg | deletes, (*session).rmdVerb, "", "XRMD <path>: as RMD"},
		{"DELE", inAll, needsLogin | needsArg | deletes, (*session).deleVerb, "", "DELE <path>: delete a file"},
		{"RNFR", inAll, needsLogin | needsArg | writes, (*session).rnfrVerb, "", "RNFR <path>: what to rename"},
		{"RNTO", inAll, needsLogin | needsArg | writes, (*session).rntoVerb, "", "RNTO <path>: its new name"},
		{"SIZE", inModern, needsLogin | needsArg, (*session).sizeVerb, "SIZE", "SIZE <path>: the bytes a RETR would send"},
		{"AVBL", inModern, needsLogin, (*session).avblVerb, "AVBL", "AVBL [<path>]: the bytes that can be stored in a directory"},
		{"MDTM", inModern, needsLogin | needsArg, (*session).mdtmVerb, "MDTM", "MDTM <path>: when it was modified | MDTM <YYYYMMDDHHMMSS> <path>: as MFMT"},
		{"MFMT", inModern, needsLogin | needsArg | writes, (*session).mfmtVerb, "MFMT", "MFMT <YYYYMMDDHHMMSS> <path>: set when it was modified"},
		{"MFF", inModern, needsLogin | needsArg | writes, (*session).mffVerb, "MFF Modify;UNIX.mode;", "MFF <fact>=<value>;... <path>: set facts of a file"},
		{"SITE", inModern, needsLogin | needsArg, (*session).siteVerb, "SITE CHMOD | SITE COPY | SITE UTIME", siteHelp},

		{"HASH", inModern, needsLogin | needsArg | reads, (*session).hashVerb, "", "HASH <path>: the digest of a file, by the algorithm of OPTS HASH"},
		{"XSHA256", inModern, needsLogin | needsArg | reads, digestVerb("XSHA256", "SHA-256"), "XSHA256", "XSHA256 <path> | XSHA256 \"<path>\" [<start> <end>]: the SHA-256 of a file"},
		{"XSHA512", inModern, needsLogin | needsArg | reads, digestVerb("XSHA512", "SHA-512"), "XSHA512", "XSHA512 <path> | XSHA512 \"<path>\" [<start> <end>]: the SHA-512 of a file"},
		{"XSHA1", inModern, needsLogin | needsArg | reads, digestVerb("XSHA1", "SHA-1"), "XSHA1", "XSHA1 <path> | XSHA1 \"<path>\" [<start> <end>]: the SHA-1 of a file"},
		{"XMD5", inModern, needsLogin | needsArg | reads, digestVerb("XMD5", "MD5"), "XMD5", "XMD5 <path> | XMD5 \"<path>\" [<start> <end>]: the MD5 of a file"},
		{"XCRC", inModern, needsLogin | needsArg | reads, digestVerb("XCRC", "CRC32"), "XCRC", "XCRC <path> | XCRC \"<path>\" [<start> <end>]: the CRC32 of a file"},

		{"SMNT", inModern, refuses, (*session).smntVerb, "", "SMNT: not implemented; this site has one file system"},
		{name: "MAIL", dialects: in1973, help: "MAIL: not implemented"},
		{name: "MLFL", dialects: in1973, help: "MLFL: not implemented"},
	}
}
