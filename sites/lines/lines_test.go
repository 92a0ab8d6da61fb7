package lines

import (
	"io"
	"strings"
	"testing"
)

// TestPieces converts a text in pieces of every size.
func TestPieces(t *testing.T) {
	const text = "a\r\n\r\rb\n\r"
	for size := 1; size <= len(text); size++ {
		var in, out strings.Builder
		file, network := FromNetwork(&in), ToNetwork(&out)
		for at := 0; at < len(text); at += size {
			piece := []byte(text[at:min(at+size, len(text))])
			for _, w := range []io.Writer{file, network} {
				if n, err := w.Write(piece); n != len(piece) || err != nil {
					t.Fatal(n, err)
				}
			}
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		if in.String() != "a\n\r\rb\n\r" || out.String() != "a\r\n\r\rb\r\n\r" {
			t.Errorf("in pieces of %d: %q, %q", size, in.String(), out.String())
		}
	}
}
