package ftptest

import (
	"os"
	"os/exec"
	"path/filepath"
)

// A Peer names a real server, by its Debian package.
type Peer string

// The peers.
const (
	VSFTPD    Peer = "vsftpd"
	ProFTPD   Peer = "proftpd"
	PureFTPd  Peer = "pure-ftpd"
	Pyftpdlib Peer = "pyftpdlib"
	Inetutils Peer = "inetutils-ftpd"
)

// Peers returns all peers.
func Peers() []Peer {
	return []Peer{VSFTPD, ProFTPD, PureFTPd, Pyftpdlib, Inetutils}
}

// Options say how a server is configured. The zero value is a server that takes part in
// third-party transfers.
type Options struct {
	// Addr is the host to listen at, for example "127.0.11.1"; "" takes a fresh
	// 127.0.x.y for each server.
	Addr string

	// RefuseForeign leaves the server at its own default, which is to refuse data
	// connections to and from hosts other than the client's. Without it they are
	// allowed. inetutils-ftpd cannot allow PORT to others, whatever is said here, and
	// accepts anybody at its passive socket. A Pure-FTPd that refuses says nothing: it hangs
	// up and goes on listening, for a minute at most.
	RefuseForeign bool

	// MaxSessions is how many sessions the server allows at once; 0 is no limit.
	// pyftpdlib counts those of each host by itself. inetutils-ftpd knows no limit,
	// whatever is said here.
	MaxSessions int

	// TLS says how the server protects its connections; nil is a server without TLS.
	TLS *TLS
}

// A daemon tells how to run a peer.
type daemon struct {
	// program is what to run: a path, or a name that is looked for.
	program string

	// needs is a file that must be there besides; "" is none.
	needs string

	// command returns the arguments and the configuration files.
	command func(place) command

	// perSession means that a process serves one control connection, which is its
	// standard input and output.
	perSession bool
}

// A command is what follows the program's path, and the files that the arguments name.
type command struct {
	args  []string
	files map[string]string // by path
}

// A place is where a server runs.
type place struct {
	program string // path of the program
	host    string
	port    int
	root    string // the user's home
	run     string // folder for configuration, logs and whatever else it writes
	foreign bool   // third-party transfers are allowed
	max     int    // sessions at once; 0 is no limit
	tls     *TLS
}

// file returns the path of a file of the server's own.
func (p place) file(name string) string { return filepath.Join(p.run, name) }

// foreignAs returns how a server's configuration says that third-party transfers are
// allowed, or that they are refused.
func (p place) foreignAs(allowed, refused string) string {
	if p.foreign {
		return allowed
	}
	return refused
}

// daemons is never written to.
var daemons = map[Peer]daemon{
	VSFTPD:    {program: "vsftpd", command: vsftpd},
	ProFTPD:   {program: "proftpd", command: proftpd},
	PureFTPd:  {program: "pure-ftpd", command: pureftpd},
	Pyftpdlib: {program: "/usr/bin/python3", needs: "/usr/lib/python3/dist-packages/pyftpdlib", command: pyftpdlib},
	Inetutils: {program: "ftpd", command: inetutils, perSession: true},
}

// find returns the path of the program, or false if the peer is not installed. A name is
// looked for where .ci/install-peers unpacks, then in PATH and /usr/sbin.
func (d daemon) find() (string, bool) {
	if d.needs != "" {
		if _, err := os.Stat(d.needs); err != nil {
			return "", false
		}
	}
	root := os.Getenv("RSEXEC_PEERS_ROOT")
	if root == "" {
		root = "/opt/rsexec-peers"
	}
	candidates := []string{d.program}
	if !filepath.IsAbs(d.program) {
		candidates = []string{
			filepath.Join(root, "usr/sbin", d.program),
			d.program,
			filepath.Join("/usr/sbin", d.program),
		}
	}
	for _, c := range candidates {
		if path, err := exec.LookPath(c); err == nil {
			return path, true
		}
	}
	return "", false
}
