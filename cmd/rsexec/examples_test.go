package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/grammar"
	"rsexec/rsexec"
)

// TestVerbExamples performs the example of each verb as a script, on a demo network
// of its own.
func TestVerbExamples(t *testing.T) {
	for _, v := range grammar.Verbs() {
		t.Run(v.Name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			network, err := startDemo(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := network.stop(); err != nil {
					t.Error(err)
				}
			}()
			var out, errs bytes.Buffer
			x, err := rsexec.New(rsexec.Options{
				Sites: network.sites,
				State: filepath.Join(network.dir, "state.db"),
				Out:   &out,
				Err:   &errs,
				Edit: func(_ context.Context, file string, _ []string) error {
					return os.WriteFile(file, []byte("edited\n"), 0o600)
				},
				History: func() ([]string, error) { return []string{"SITES"}, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := x.Close(); err != nil {
					t.Error(err)
				}
			}()
			if status := x.RunScript(t.Context(), "example", strings.NewReader(v.Example)); status != 0 {
				t.Errorf("status %d\n%s\n%s%s", status, v.Example, out.String(), errs.String())
			}
		})
	}
}

// TestHelpShowsExamples holds that HELP of each verb ends with its example.
func TestHelpShowsExamples(t *testing.T) {
	for _, v := range grammar.Verbs() {
		status, out, errs := rsexecRun(t, "-c", "HELP "+v.Name)
		if status != 0 {
			t.Errorf("%s: status %d\n%s", v.Name, status, errs)
		}
		shown := "\nExample\n    " + strings.ReplaceAll(v.Example, "\n", "\n    ") + "\n"
		if v.Example == "" || !strings.HasSuffix(out, shown) {
			t.Errorf("HELP shows\n%s\nwithout\n%s", out, shown)
		}
	}
}
