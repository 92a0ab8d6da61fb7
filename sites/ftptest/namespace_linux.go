package ftptest

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// initScript is the first process of the namespaces. It stays: the kernel ends everything
// in a process namespace when its first process ends, and that one has to wait for
// processes that have lost their parent.
const initScript = `mount --bind "$0" /etc && "$@"; exit $?`

// start starts a process in mount and process namespaces of its own. A connection, if
// given, becomes its standard input and output. It ends if the test binary does.
func (l launcher) start(conn *os.File) (p *running, err error) {
	output, err := os.OpenFile(l.output, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, output.Close()) }()
	cmd := exec.Command("/bin/sh", append([]string{"-c", initScript, l.etc}, l.argv...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = output, output
	if conn != nil {
		// The servers expect calls to block; the runtime set the socket not to.
		if err := syscall.SetNonblock(int(conn.Fd()), false); err != nil {
			return nil, err
		}
		cmd.Stdin, cmd.Stdout = conn, conn
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid: true,
		// Go makes all mounts private in a namespace that it unshares, so that ours are
		// not seen outside.
		Unshareflags: syscall.CLONE_NEWNS,
		Cloneflags:   syscall.CLONE_NEWPID,
		Pdeathsig:    syscall.SIGKILL,
	}
	ended := make(chan struct{})
	started := make(chan error)
	go func() {
		// The kernel sends Pdeathsig when the thread ends that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // How a server ends says nothing: most are killed.
			close(ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	stop := func() {
		_ = cmd.Process.Kill() // It fails only for a process that has ended.
		<-ended
	}
	return &running{stop: stop, ended: ended}, nil
}
