package ftptest

import (
	"fmt"
	"strconv"
)

// pureftpd is configured by arguments only.
func pureftpd(p place) command {
	clients := 200 // more than a test opens
	if p.max > 0 {
		clients = p.max
	}
	args := []string{
		"--bind", fmt.Sprintf("%s,%d", p.host, p.port),
		"--login", "unix",
		"--noanonymous",
		"--chrooteveryone",
		"--dontresolve",
		"--maxclientsnumber", strconv.Itoa(clients),
		"--maxclientsperip", "200",
		"--limitrecursion", "100000:30",
		"--maxidletime", "1", // a minute; waiting for a data connection has no limit but this
		"--umask", "022:022",
		"--pidfile", p.file("pure-ftpd.pid"),
		"--altlog", "clf:" + p.file("pure-ftpd.log"),
	}
	if p.foreign {
		args = append(args, "--allowuserfxp")
	}
	return command{args: append(args, pureftpdTLS(p)...)}
}

// pureftpdTLS counts: no TLS, TLS offered, logins in the clear refused, all in the clear
// refused.
func pureftpdTLS(p place) []string {
	switch {
	case p.tls == nil:
		return []string{"--tls", "0"}
	case p.tls.Require:
		return []string{"--tls", "3", "--certfile", p.certificate()}
	}
	return []string{"--tls", "1", "--certfile", p.certificate()}
}
