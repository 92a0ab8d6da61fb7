package ftptest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
)

// FreshHost returns a loopback address that hardly anybody else uses: Linux answers on
// all of 127.0.0.0/8. It is drawn by lot, as test binaries run beside each other and
// share no memory. Elsewhere only 127.0.0.1 answers.
func FreshHost() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1"
	}
	return fmt.Sprintf("127.0.%d.%d", 64+rand.IntN(192), 1+rand.IntN(254))
}

// freePort returns a port of host at which nobody listens.
func freePort(host string) (int, error) {
	l, err := net.Listen("tcp4", net.JoinHostPort(host, "0"))
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}
