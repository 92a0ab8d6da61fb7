package ftp

import (
	"context"
	"strings"
	"sync"

	"rsexec/sites"
)

// Quote sends one command as it stands and returns all replies to it, the final
// one last. The session is a new one and ends with it: whatever the command does
// to a session, no other work meets it. A refusal is an error, beside the
// replies; a reply that wants a further command is none.
//
// A command for a data connection is refused with kind Usage, as there is none.
func (f *Site) Quote(ctx context.Context, line string) (replies []Reply, err error) {
	pathname := sites.Pathname{Site: f.config.Name}
	verb, _, _ := strings.Cut(line, " ")
	switch {
	case verb == "" || strings.ContainsFunc(verb, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		// Another verb than the server would see could not be told from these.
		return nil, &sites.Error{Site: pathname.Site, Kind: sites.Usage, Msg: "a command begins with its verb"}
	case isTransfer(strings.ToUpper(verb)):
		return nil, &sites.Error{Site: pathname.Site, Kind: sites.Usage, Msg: strings.ToUpper(verb) + " needs a data connection, and there is none here",
			Hint: "TYPE, COPY, APPEND and DIRECTORY make one"}
	}
	s, err := f.pool.TakeFresh(ctx)
	if err != nil {
		return nil, sites.During("quote to", pathname, err)
	}
	defer f.pool.Put(s)
	s.spent.Store(true)
	var mu sync.Mutex
	ctx = sites.WithTrace(ctx, &sites.Trace{Reply: func(_ string, _ int, code int, text string) {
		mu.Lock()
		defer mu.Unlock()
		if s.dialect.Outcome(verb, code) == Preliminary {
			replies = append(replies, Reply{code, []string{text}})
		}
	}})
	x, err := s.Do(ctx, line)
	mu.Lock()
	defer mu.Unlock()
	if err == nil {
		replies = append(replies, x.reply)
		err = x.Refusal()
	}
	return replies, sites.During("quote to", pathname, err)
}
