package ftpd

import "context"

// clntVerb performs CLNT, by which some users say what program they are. No document
// specifies it. The log has it, as it has every command.
func (s *session) clntVerb(context.Context, string) { s.reply(done, "Noted") }

// csidVerb performs CSID, in which both sides say what programs they are. It is as
// Serv-U has it; of what that server tells only the name is told here.
func (s *session) csidVerb(context.Context, string) { s.reply(done, "Name=RSEXEC;") }
