package ftpd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// outcome is what a command came to. The table replies says how each family of
// dialects puts it, so that no handler asks for the dialect.
type outcome int

const (
	greeting outcome = iota
	goodbye
	idleTooLong
	serviceEnds
	needPassword
	loggedIn
	reinitialized
	hostTaken
	loginFailed
	tooManyLogins
	lockedOut
	tooManySessions
	tooManyOfHost
	tooManyOfUser
	loginTooLong
	tooMuchBefore
	notLoggedIn
	needsTLS

	done
	superfluous
	fileActionDone
	renameStarted
	renamed
	copyStarted
	deleted
	directoryCreated
	workingDirectory
	restartAt
	rangeSet
	rangeReset
	fileStatus
	systemStatus
	features
	helpText
	systemType

	socketIs
	enteredPassive
	enteredExtendedPassive
	listening
	transferOpening
	transferStarted
	perfMarker
	transferDone
	noDataSetup
	noPassive
	cannotConnect
	connectionLost
	aborted
	abortDone
	nothingToAbort

	notFound
	notSent
	denied
	noRight
	notPlainFile
	nameExists
	fileBusy
	storageExhausted
	overQuota
	localError
	renameFailed
	nameNotAllowed
	badRestart
	badRange

	unknownVerb
	lineTooLong
	badSyntax
	notImplemented
	oneFileSystem
	badSequence
	badParameter
	tlsBegins
	plaintextBehindAUTH
	levelNotSupported
	needsTLSForThat
	againstPolicy
	needsPrivate
	handshakeFailed
	foreignHost
	lowPort
	wrongFamily
)

// family is a set of reply codes.
type family int

const (
	codes959  family = iota // RFC 959 section 4.2, RFC 2228, 2428 and 3659
	codes1973               // RFC 354 section VI, RFC 454
)

// phrase is how an outcome is said: its code in each family (0: that family
// says nothing) and its text, a format.
type phrase struct {
	code [2]int
	text string
}

var replies = [...]phrase{
	greeting:      {[2]int{220, 300}, "RSEXEC site server ready"},
	goodbye:       {[2]int{221, 231}, "Goodbye"},
	idleTooLong:   {[2]int{421, 430}, "No command for %s: closing"},
	serviceEnds:   {[2]int{421, 434}, "The server is going down"},
	needPassword:  {[2]int{331, 330}, "Enter password"},
	loggedIn:      {[2]int{230, 230}, "User %s is logged in"},
	reinitialized: {[2]int{220, 300}, "Ready for a new user"},
	hostTaken:     {[2]int{220, 0}, "This is the host you asked for"},
	loginFailed:   {[2]int{530, 431}, "User or password is wrong"},
	tooManyLogins: {[2]int{421, 430}, "Too many wrong passwords: closing"},
	notLoggedIn:   {[2]int{530, 451}, "Log in first with USER and PASS"},

	lockedOut:       {[2]int{421, 430}, "Too many wrong passwords came from your host: try again later"},
	tooManySessions: {[2]int{421, 430}, "This site has its %d sessions: try again later"},
	tooManyOfHost:   {[2]int{421, 430}, "Your host has its %d sessions here: try again later"},
	tooManyOfUser:   {[2]int{421, 430}, "User %s has all of %d sessions here: try again later"},
	loginTooLong:    {[2]int{421, 430}, "No login in %s: closing"},
	tooMuchBefore:   {[2]int{421, 430}, "More than %d commands before a login: closing"},

	needsTLS: {[2]int{530, 451}, "This site lets nobody log in in the clear; AUTH TLS comes first"},

	done:             {[2]int{200, 200}, "%s"},
	superfluous:      {[2]int{202, 200}, "%s is not needed here"},
	fileActionDone:   {[2]int{250, 200}, "%s"},
	renameStarted:    {[2]int{350, 200}, "%s exists; RNTO gives its new name"},
	copyStarted:      {[2]int{350, 0}, "%s exists; SITE CPTO says where its copy goes"},
	renamed:          {[2]int{250, 253}, "Renamed to %s"},
	deleted:          {[2]int{250, 254}, "Deleted %s"},
	directoryCreated: {[2]int{257, 0}, "%s created"},
	workingDirectory: {[2]int{257, 0}, "%s is the working directory"},
	restartAt:        {[2]int{350, 0}, "The next RETR or STOR starts at %d"},
	rangeSet:         {[2]int{350, 0}, "Restarting at %d. End octet number is %d"},
	rangeReset:       {[2]int{350, 0}, "The next transfer is of the whole file"},
	fileStatus:       {[2]int{213, 0}, "%s"},
	systemStatus:     {[2]int{211, 0}, "%s"},
	features:         {[2]int{211, 0}, "%s"},
	helpText:         {[2]int{214, 200}, "%s"},
	systemType:       {[2]int{215, 0}, "UNIX Type: L8"},

	socketIs:               {[2]int{255, 255}, "SOCK %d"},
	enteredPassive:         {[2]int{227, 0}, "Entering Passive Mode (%s)"},
	enteredExtendedPassive: {[2]int{229, 0}, "Entering Extended Passive Mode (|||%d|)"},
	listening:              {[2]int{200, 200}, "Listening on the default data socket"},
	transferOpening:        {[2]int{150, 0}, "%s"},
	perfMarker:             {[2]int{112, 0}, "%s"},
	transferStarted:        {[2]int{0, 250}, "%s started"},
	transferDone:           {[2]int{226, 252}, "%s"},
	noDataSetup:            {[2]int{425, 454}, "No data connection was arranged"},
	noPassive:              {[2]int{425, 454}, "Cannot listen for a data connection: %s"},
	cannotConnect:          {[2]int{425, 454}, "Cannot open the data connection: %s"},
	connectionLost:         {[2]int{426, 452}, "Data connection lost after %d bytes: %s"},
	aborted:                {[2]int{426, 452}, "Aborted after %d bytes"},
	abortDone:              {[2]int{226, 201}, "ABOR done"},
	nothingToAbort:         {[2]int{225, 202}, "No transfer to abort"},

	notFound:         {[2]int{550, 450}, "%s: not found"},
	notSent:          {[2]int{450, 0}, "%s: the other side has not sent it"},
	denied:           {[2]int{550, 451}, "%s: %s"},
	noRight:          {[2]int{550, 451}, "Permission denied: %s needs the right to %s"},
	notPlainFile:     {[2]int{550, 451}, "%s: not a regular file"},
	nameExists:       {[2]int{550, 455}, "%s: exists already"},
	fileBusy:         {[2]int{450, 455}, "%s: %s"},
	storageExhausted: {[2]int{452, 453}, "%s: no space left"},
	overQuota:        {[2]int{552, 453}, "%s: %s"},
	localError:       {[2]int{451, 455}, "%s: %s"},
	renameFailed:     {[2]int{553, 456}, "%s: %s"},
	nameNotAllowed:   {[2]int{553, 0}, "%s: %s"},
	badRestart:       {[2]int{554, 504}, "%s"},
	badRange:         {[2]int{551, 0}, "%s"},

	unknownVerb:    {[2]int{500, 500}, "Unknown command %s"},
	lineTooLong:    {[2]int{500, 500}, "Command line is longer than %d bytes"},
	badSyntax:      {[2]int{501, 501}, "%s"},
	notImplemented: {[2]int{502, 400}, "%s is not implemented"},
	oneFileSystem:  {[2]int{502, 0}, "SMNT is not implemented: this site has one file system"},
	badSequence:    {[2]int{503, 505}, "%s"},
	badParameter:   {[2]int{504, 504}, "%s"},

	// RFC 2228 and RFC 4217. The latter has two codes for data that the site wants
	// private, 521 (section 10.2) and 522 (section 11.4); with 521, a 522 always means
	// that TLS failed.
	tlsBegins:           {[2]int{234, 0}, "TLS begins"},
	plaintextBehindAUTH: {[2]int{421, 0}, "Something came behind AUTH in the clear: closing"},
	levelNotSupported:   {[2]int{536, 0}, "PROT %s is not for TLS, use C or P"},
	needsTLSForThat:     {[2]int{533, 0}, "%s needs TLS on the control connection"},
	againstPolicy:       {[2]int{534, 0}, "%s"},
	needsPrivate:        {[2]int{521, 0}, "This site has no data connection in the clear; PROT P comes first"},
	handshakeFailed:     {[2]int{522, 0}, "TLS failed on the data connection: %s"},

	foreignHost: {[2]int{504, 504}, "%s to a foreign host is refused; %s is neither your own host nor one this site allows"},
	lowPort:     {[2]int{504, 504}, "%s to port %d is refused; ports under 1024 are not for data"},
	wrongFamily: {[2]int{522, 504}, "Network protocol not supported, use (%d)"},
}

// formatReply writes a reply as RFC 959 section 4.2 wants it: lines of text in
// between begin with a blank where they would begin with a digit, so that none
// can be taken for the last. Within a line, CR, LF and NUL are replaced and the
// byte 0xFF is doubled, being Telnet's IAC (RFC 854).
func formatReply(code int, lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		switch {
		case i == len(lines)-1:
			fmt.Fprintf(&b, "%03d ", code)
		case i == 0:
			fmt.Fprintf(&b, "%03d-", code)
		case line != "" && line[0] >= '0' && line[0] <= '9':
			b.WriteByte(' ')
		}
		for j := range len(line) {
			switch c := line[j]; c {
			case '\r', '\n', 0:
				b.WriteByte('?')
			case iac:
				b.WriteString("\xff\xff")
			default:
				b.WriteByte(c)
			}
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

// reply answers a command with one line.
func (s *session) reply(o outcome, args ...any) {
	s.replyLines(o, []string{fmt.Sprintf(replies[o].text, args...)})
}

// replyLines answers a command with several lines, the first and the last of
// which carry the code.
func (s *session) replyLines(o outcome, lines []string) {
	code := replies[o].code[s.svc.dialect.codes]
	if code == 0 {
		return
	}
	if s.log.Enabled(context.Background(), slog.LevelDebug) {
		s.log.Debug("reply", "code", code, "text", loggable(lines))
	}
	s.send(formatReply(code, lines))
}

// maxLogged is how many bytes of a reply are in the log: a listing may have any number.
const maxLogged = 2 << 10

func loggable(lines []string) string {
	text := strings.Join(lines, "\n")
	if len(text) > maxLogged {
		return text[:maxLogged] + "..."
	}
	return text
}

// closing is a reply for a connection that gets no session.
func (svc *settings) closing(o outcome, args ...any) []byte {
	return []byte(formatReply(replies[o].code[svc.dialect.codes], []string{fmt.Sprintf(replies[o].text, args...)}))
}
