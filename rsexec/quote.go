package rsexec

import (
	"context"
	"fmt"
	"strings"

	"rsexec/grammar"
	"rsexec/sites"
	"rsexec/sites/ftp"
)

// replyEvent is a reply to a command of QUOTE.
type replyEvent struct {
	Event string   `json:"event"` // "reply"
	Site  string   `json:"site"`
	Code  int      `json:"code"`
	Lines []string `json:"lines"` // without the code
}

// text is the reply as RFC 959 section 4.2 writes it.
func (e replyEvent) text() string {
	var b strings.Builder
	for i, line := range e.Lines {
		switch {
		case i == len(e.Lines)-1:
			fmt.Fprintf(&b, "%03d ", e.Code)
		case i == 0:
			fmt.Fprintf(&b, "%03d-", e.Code)
		}
		b.WriteString(sites.Printable(line) + "\n")
	}
	return b.String()
}

// quote performs QUOTE (SITE) name (COMMAND) word,...: the words are one command,
// and each reply to it is printed.
func (x *Executive) quote(ctx context.Context, st *grammar.Statement) error {
	name := strings.ToUpper(strings.TrimSuffix(st.Operand(0).Value(), ":"))
	site, ok := x.network.Site(name)
	if !ok {
		return &sites.Error{Op: st.Verb.Name, Site: name, Kind: sites.NotFound, Msg: "no such site", Hint: "SITES lists them"}
	}
	f, ok := site.(*ftp.Site)
	if !ok {
		return &sites.Error{Op: st.Verb.Name, Site: name, Kind: sites.Unsupported, Msg: "there is no control connection with it"}
	}
	var words []string
	for _, w := range st.List(1) {
		words = append(words, w.Value())
	}
	replies, err := f.Quote(ctx, strings.Join(words, " "))
	for _, r := range replies {
		if err := x.printer.print(replyEvent{"reply", name, r.Code, r.Lines}); err != nil {
			return err
		}
	}
	return named(st, err)
}
