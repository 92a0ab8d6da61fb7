package ftptest

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Serve starts "rsexec serve" at a host, such as FreshHost, with a folder as the site, and
// ends it when the test ends. The program is the rsexec in PATH; further options of its
// command line may be given. The site takes part in third-party transfers, and what it logs
// goes nowhere.
func Serve(t testing.TB, host, root string, options ...string) *Server {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("rsexec", append([]string{"serve", "--listen", net.JoinHostPort(host, "0"), "--root", root,
		"--user", account, "--password-file", secret, "--allow-peer", "127.0.0.0/8"}, options...)...)
	address, end, err := Serving(command)
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	stop := sync.OnceFunc(func() {
		if err := end(); err != nil {
			t.Errorf("ftptest: rsexec serve at %s: %v", address, err)
		}
	})
	t.Cleanup(stop)
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatalf("ftptest: %v", err)
	}
	return &Server{Host: host, Port: int(at.Port()), User: account, Password: password, Root: root,
		Log: func() string { return "" }, Stop: stop}
}

// Serving starts a command that is a "rsexec serve", and waits until it says its address.
// stop ends it and waits for it.
func Serving(command *exec.Cmd) (address string, stop func() error, err error) {
	out, err := command.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := command.Start(); err != nil {
		return "", nil, err
	}
	stop = func() error {
		return errors.Join(command.Process.Signal(os.Interrupt), command.Wait())
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(line), " at ")
	if err == nil && !ok {
		err = fmt.Errorf("serve says %q", line)
	}
	if err != nil {
		return "", nil, errors.Join(err, stop())
	}
	return address, stop, nil
}
