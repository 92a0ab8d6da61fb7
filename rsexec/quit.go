package rsexec

import (
	"context"

	"rsexec/grammar"
)

// quit performs QUIT.
func (x *Executive) quit(context.Context, *grammar.Statement) error { return ErrQuit }
