package rsexec

import (
	"context"
	"strings"

	"rsexec/grammar"
	"rsexec/sites"
)

// echo performs ECHO (WORDS) w,... On a terminal control characters are escaped:
// a word may be the name of a file, which a site chose. A URL is shown without its
// password.
func (x *Executive) echo(_ context.Context, st *grammar.Statement) error {
	words := make([]string, len(st.List(0)))
	for i, w := range st.List(0) {
		words[i] = w.Value()
	}
	line := strings.Join(words, " ")
	if st.Output == nil { // what goes to a file is what the person wants in it
		line = sites.Masked(line)
	}
	if x.options.Terminal {
		line = sites.Printable(line)
	}
	return x.printer.print(textEvent{"text", line + "\n"})
}
