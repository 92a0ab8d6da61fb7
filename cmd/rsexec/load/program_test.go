package load

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
)

func TestMain(m *testing.M) { os.Exit(withProgram(m)) }

// withProgram runs the tests with the program, as people have it, in PATH, and with a
// profile and a state of their own: nothing of the person who runs them takes part.
func withProgram(m *testing.M) (status int) {
	dir, err := os.MkdirTemp("", "rsexec-load-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin, home := filepath.Join(dir, "bin"), filepath.Join(dir, "home")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", bin+string(filepath.Separator), "rsexec/cmd/rsexec")
	build.Stderr = os.Stderr
	err = errors.Join(build.Run(),
		os.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH")),
		os.Setenv("XDG_CONFIG_HOME", home), os.Setenv("XDG_STATE_HOME", home))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// program returns the program with arguments, as a command that is killed if it has not
// ended with the test.
//
// It reads the folders of the module. "go test" does not know of what TestMain builds, and
// would tell again what came of an older program; but it knows what folders a test has
// read, and forgets what came of it when a file in one of them has changed.
func program(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	root := filepath.Join("..", "..", "..")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err == nil && path != root && e.IsDir() && strings.HasPrefix(e.Name(), ".") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), "rsexec", args...)
}

// perform runs the program, and returns its exit status and what it printed.
func perform(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	command := program(t, args...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := command.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), out.String(), errs.String()
}

// ours names the program as a server, beside the peers.
const ours ftptest.Peer = "rsexec"

// startServer starts a peer, or the program as a server.
func startServer(t testing.TB, p ftptest.Peer, o ftptest.Options) *ftptest.Server {
	t.Helper()
	if p != ours {
		return ftptest.Start(t, p, o)
	}
	return serve(t, t.TempDir(), o.TLS)
}

// serve starts the program as a server on a folder. Like other servers, it leaves it to the
// system when what it has stored gets to the disk.
func serve(t testing.TB, root string, secure *ftptest.TLS) *ftptest.Server {
	t.Helper()
	host, options := ftptest.FreshHost(), []string{"--sync=none"}
	if secure != nil {
		cert, key := secure.Authority.IssueFiles(host)
		options = append(options, "--tls-cert", cert, "--tls-key", key)
	}
	return ftptest.Serve(t, host, root, options...)
}
