package load

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// runMeasured runs a command, and returns how much memory of it was resident at most, in
// KiB. now is called each second with how much is; it may be nil. What the system says of
// a process that has ended counts what this one had when it was started.
func runMeasured(command *exec.Cmd, now func(kib int64)) (most int64, err error) {
	if err := command.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	look, second := time.NewTicker(5*time.Millisecond), time.NewTicker(time.Second)
	defer look.Stop()
	defer second.Stop()
	for {
		select {
		case err := <-ended:
			return most, err
		case <-look.C:
			if kib, ok := memoryOf(command.Process.Pid, "VmHWM:"); ok {
				most = max(most, kib)
			}
		case <-second.C:
			if kib, ok := memoryOf(command.Process.Pid, "VmRSS:"); ok && now != nil {
				now(kib)
			}
		}
	}
}

// memoryOf returns what the system says of a process's memory, in KiB (proc(5)).
func memoryOf(pid int, field string) (kib int64, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, false // it has just ended
	}
	_, line, _ := strings.Cut(string(status), field)
	n, err := fmt.Sscan(line, &kib)
	return kib, n == 1 && err == nil
}

// lineCount counts the lines that are written to it.
type lineCount int

func (n *lineCount) Write(b []byte) (int, error) {
	*n += lineCount(bytes.Count(b, []byte("\n")))
	return len(b), nil
}
