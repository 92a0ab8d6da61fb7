package ftptest

import (
	_ "embed"
	"strconv"
)

//go:embed pyftpdlib.py
var pyftpdlibProgram string

// pyftpdlib is a library: the server is the program above.
func pyftpdlib(p place) command {
	program := p.file("pyftpdlib.py")
	tls := "clear"
	if p.tls != nil {
		tls = "tls"
		if p.tls.Require {
			tls += "-required"
		}
		if p.tls.Implicit {
			tls += "-implicit"
		}
	}
	return command{
		args: []string{"-I", program, p.host, strconv.Itoa(p.port), p.root, strconv.Itoa(accountID),
			account, password, p.foreignAs("foreign", "strict"), strconv.Itoa(p.max), tls, p.certificate()},
		files: map[string]string{program: pyftpdlibProgram},
	}
}
