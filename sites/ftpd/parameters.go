package ftpd

import (
	"context"
	"strconv"
	"strings"
)

// accepted are the arguments of the verbs whose only use here is to agree (RFC
// 959 section 5.1, and RFC 354 for BYTE).
var accepted = map[string][]string{
	"BYTE": {"8"},
	"STRU": {"F"},
}

// imageTypes maps the types that are known to whether they are sent as they are.
// A is ASCII, I image, L 8 the same as I on a host of 8-bit bytes.
var imageTypes = map[string]bool{"A": false, "A N": false, "I": true, "L 8": true, "L8": true}

func (s *session) agree(verb, arg string) {
	arg = strings.ToUpper(strings.TrimSpace(arg))
	for _, a := range accepted[verb] {
		if a == arg {
			s.reply(done, verb+" is "+a)
			return
		}
	}
	s.reply(badParameter, verb+" can only be "+strings.Join(accepted[verb], ", "))
}

func (s *session) byteVerb(_ context.Context, arg string) { s.agree("BYTE", arg) }
func (s *session) struVerb(_ context.Context, arg string) { s.agree("STRU", arg) }

// modeVerb performs MODE (RFC 959 section 5.1). The blocks of before RFC 959 are others.
func (s *session) modeVerb(_ context.Context, arg string) {
	mode := strings.ToUpper(strings.TrimSpace(arg))
	modern := s.svc.dialect.set == inModern
	switch {
	case mode == "S", mode == "B" && modern:
		if block := mode == "B"; block != s.block {
			s.setKept(nil)
			s.block = block
		}
		s.reply(done, "MODE is "+mode)
	case modern:
		s.reply(badParameter, "MODE can only be S, B")
	default:
		s.reply(badParameter, "MODE can only be S")
	}
}

// chooseKeeping performs OPTS MODE (RFC 2389 section 4): whether data connections stay open
// in MODE B. RFC 959 section 3.3 leaves that to the server, and has it tell by a 250, in
// place of a 226, that this one has.
func (s *session) chooseKeeping(arg string) {
	switch strings.Join(strings.Fields(strings.ToUpper(arg)), " ") {
	case "B KEEP":
		s.keep = true
		s.reply(done, "Data connections stay open in MODE B")
	case "B":
		s.keep = false
		s.setKept(nil)
		s.reply(done, "Data connections are closed in MODE B")
	default:
		s.reply(badSyntax, "OPTS MODE takes B or B KEEP")
	}
}

func (s *session) typeVerb(_ context.Context, arg string) {
	arg = strings.ToUpper(strings.TrimSpace(arg))
	image, ok := imageTypes[arg]
	if !ok {
		s.reply(badParameter, "TYPE can only be A, I, L 8")
		return
	}
	s.image = image
	s.reply(done, "TYPE is "+arg)
}

// restVerb performs REST (RFC 3659 section 5). The offset is for the next RETR
// or STOR only; any transfer command uses it up.
func (s *session) restVerb(_ context.Context, arg string) {
	n, err := strconv.ParseUint(strings.TrimSpace(arg), 10, 63)
	if err != nil {
		s.reply(badSyntax, "REST takes a number of bytes")
		return
	}
	s.restart, s.rang = int64(n), nil
	s.reply(restartAt, s.restart)
}

// takeRestart uses the offset of REST up, and a range of RANG with it.
func (s *session) takeRestart() int64 {
	n := s.restart
	s.restart, s.rang = 0, nil
	return n
}

// optsVerb performs OPTS (RFC 2389 section 4).
func (s *session) optsVerb(_ context.Context, arg string) {
	name, value, _ := strings.Cut(arg, " ")
	switch strings.ToUpper(name) {
	case "MLST":
		s.facts = parseFacts(value)
		s.reply(done, strings.TrimSuffix("MLST OPTS "+s.facts.String(), " "))
	case "HASH":
		s.chooseHash(value)
	case "MODE":
		s.chooseKeeping(value)
	case "RETR", "STOR":
		s.chooseExtras(strings.ToUpper(name), value)
	case "UTF8", "UTF-8":
		if v := strings.ToUpper(strings.TrimSpace(value)); v != "" && v != "ON" {
			s.reply(badParameter, "UTF8 is always on")
			return
		}
		s.reply(done, "UTF8 is on")
	default:
		s.reply(badSyntax, "OPTS knows UTF8, MLST, HASH, MODE, RETR and STOR")
	}
}
