package transfer

import (
	"testing"
	"time"

	"rsexec/sites"
)

func TestUpToDate(t *testing.T) {
	at := time.Date(2026, 11, 21, 5, 47, 20, 0, time.UTC)
	file := func(size int64, later time.Duration) sites.Entry {
		return sites.Entry{Type: sites.File, Size: size, Modified: at.Add(later)}
	}
	coarse := func(size int64, later time.Duration) sites.Entry {
		e := file(size, later)
		e.Coarse = true
		return e
	}
	untold := sites.Entry{Type: sites.File, Size: 5}
	for name, test := range map[string]struct {
		source, dest sites.Entry
		want         bool
	}{
		"earlier":             {file(5, -time.Second), file(5, 0), true},
		"the same":            {file(5, 0), file(5, 0), true},
		"the same second":     {file(5, time.Millisecond), file(5, 0), true},
		"later":               {file(5, time.Second), file(5, 0), false},
		"another size":        {file(6, -time.Second), file(5, 0), false},
		"no size":             {file(-1, -time.Second), file(-1, 0), false},
		"no time":             {untold, file(5, 0), false},
		"no time there":       {file(5, 0), untold, false},
		"a coarse time":       {coarse(5, -time.Hour), file(5, 0), false},
		"a coarse time there": {file(5, 0), coarse(5, time.Hour), false},
		"a directory there":   {file(5, 0), sites.Entry{Type: sites.Directory, Size: 5, Modified: at}, false},
	} {
		if got := UpToDate(test.source, test.dest); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
