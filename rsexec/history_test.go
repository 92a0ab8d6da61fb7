package rsexec

import (
	"testing"
)

func TestHistory(t *testing.T) {
	s := newShell(t, nil)
	if out, err := s.run(t, "HISTORY"); out != "" || err != nil {
		t.Errorf("in a batch: %q, %v", out, err)
	}
	s.options.History = func() ([]string, error) { return []string{"DIRECTORY", "TYPE \x1b[2Jx", "HISTORY"}, nil }
	for statement, want := range map[string]string{
		"HISTORY":    "    1  DIRECTORY\n    2  TYPE \\x1b[2Jx\n    3  HISTORY\n",
		"HISTORY 2":  "    2  TYPE \\x1b[2Jx\n    3  HISTORY\n",
		"HISTORY 99": "    1  DIRECTORY\n    2  TYPE \\x1b[2Jx\n    3  HISTORY\n",
		"HISTORY 0":  "",
	} {
		if out, err := s.run(t, statement); out != want || err != nil {
			t.Errorf("%s: %q, %v", statement, out, err)
		}
	}
}
