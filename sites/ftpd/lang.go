package ftpd

import (
	"context"
	"strings"
)

// langVerb performs LANG (RFC 2640 section 4.1). Replies are in English whatever is
// asked for, so there is nothing to remember.
func (s *session) langVerb(_ context.Context, arg string) {
	if arg = strings.TrimSpace(arg); arg != "" && !strings.EqualFold(arg, "EN") {
		s.reply(badParameter, "Replies are in English only")
		return
	}
	s.reply(done, "Replies are in English")
}
