package rsexec

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestOnlyCopiesServe holds that a site that keeps another file of the name serves
// nobody: it does not have what is copied.
func TestOnlyCopiesServe(t *testing.T) {
	for _, option := range []string{"--no-clobber", "--update"} {
		t.Run(option, func(t *testing.T) {
			urls, roots := make([]string, 6), make([]string, 6)
			named := make([]string, 6)
			for i := range urls {
				urls[i], roots[i] = serve(t, nil)
				named[i] = fmt.Sprintf("SITE%d=%s", i, urls[i])
			}
			now := time.Now().Truncate(time.Second)
			modifiedAt(t, roots[0], "f", "this", now.Add(-time.Hour))
			modifiedAt(t, roots[1], "f", "that", now) // of the same size and later, so it is left
			s := newShell(t, nil, named...)
			out, err := s.run(t, "COPY SITE0:f TO SITE1:, SITE2:, SITE3:, SITE4:, SITE5: "+option)
			if err != nil || !strings.Contains(out, "4 files") || !strings.Contains(out, "1 left as they were") {
				t.Errorf("%v\n%s", err, out)
			}
			for i, want := range []string{"this", "that", "this", "this", "this", "this"} {
				if got := text(t, roots[i], "f"); got != want {
					t.Errorf("SITE%d has %q, want %q", i, got, want)
				}
			}
		})
	}
}
