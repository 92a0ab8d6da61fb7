package rsexec

import (
	"context"

	"rsexec/grammar"
)

// delete performs DELETE (FILE) f.
func (x *Executive) delete(ctx context.Context, st *grammar.Statement) error {
	file, err := x.source(ctx, st.Operand(0).Value())
	if err != nil {
		return named(st, err)
	}
	if err := file.Site.Delete(ctx, file.Pathname.Path); err != nil {
		return err
	}
	return x.printer.print(textEvent{"text", "DELETE " + file.Pathname.String() + "\n"})
}
