package rsexec

import (
	"context"
	"io"
	"unicode/utf8"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// typeChunk is how many bytes of a file TYPE prints at once.
const typeChunk = 32 << 10

// typ performs TYPE (FILE) f,...
func (x *Executive) typ(ctx context.Context, st *grammar.Statement) error {
	return x.each(ctx, st, st.List(0), func(file resolver.Place) error {
		return sites.During(st.Verb.Name, file.Pathname, x.typeOne(ctx, file))
	})
}

// typeOne prints one file as it comes.
func (x *Executive) typeOne(ctx context.Context, file resolver.Place) (err error) {
	r, err := file.Site.Open(ctx, file.Pathname.Path, 0)
	if err != nil {
		return err
	}
	defer func() {
		if closed := r.Close(); err == nil {
			err = closed
		}
	}()
	buffer := make([]byte, 0, typeChunk)
	for {
		n, err := r.Read(buffer[len(buffer):cap(buffer)])
		buffer = buffer[:len(buffer)+n]
		whole := len(buffer)
		if err == nil && whole < cap(buffer) {
			whole -= begunRune(buffer)
		}
		if whole > 0 {
			if err := x.printer.print(newDataEvent(file.Pathname, buffer[:whole], x.options.Terminal)); err != nil {
				return err
			}
			buffer = append(buffer[:0], buffer[whole:]...)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// begunRune returns how many bytes at the end of b begin a character that is
// not whole yet.
func begunRune(b []byte) int {
	for n := 1; n <= min(len(b), utf8.UTFMax); n++ {
		tail := b[len(b)-n:]
		if utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}
