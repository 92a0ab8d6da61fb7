package rsexec

import (
	"context"
	"strings"

	"rsexec/grammar"
	"rsexec/sites"
)

// echo performs ECHO (WORDS) w,... On a terminal control characters are escaped:
// a word may be the name of a file, which a site chose.
func (x *Executive) echo(_ context.Context, st *grammar.Statement) error {
	words := make([]string, len(st.List(0)))
	for i, w := range st.List(0) {
		words[i] = w.Value()
	}
	line := strings.Join(words, " ")
	if x.options.Terminal {
		line = sites.Printable(line)
	}
	return x.printer.print(textEvent{"text", line + "\n"})
}
