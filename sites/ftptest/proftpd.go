package ftptest

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// proftpd finds its modules, which Debian keeps beside the program, relative to it.
func proftpd(p place) command {
	config := p.file("proftpd.conf")
	clients := "none"
	if p.max > 0 {
		clients = strconv.Itoa(p.max)
	}
	return command{
		args: []string{"-n", "-q", "-c", config},
		files: map[string]string{config: fmt.Sprintf(`ModulePath %[1]s
LoadModule mod_copy.c
LoadModule mod_digest.c
ControlsEngine off
ServerType standalone
DefaultAddress %[2]s
Port %[3]d
SocketBindTight on
UseIPv6 off
UseReverseDNS off
User nobody
Group nogroup
PidFile %[4]s/proftpd.pid
ScoreboardFile %[4]s/proftpd.scoreboard
SystemLog %[4]s/proftpd.log
ExtendedLog %[4]s/commands.log ALL
TransferLog none
WtmpLog off
AuthPAM off
AuthOrder mod_auth_unix.c
DefaultRoot ~
DelayEngine off
MaxInstances none
MaxClients %[6]s
Umask 022
AllowOverwrite on
AllowStoreRestart on
AllowRetrieveRestart on
AllowForeignAddress %[5]s
`, filepath.Join(filepath.Dir(p.program), "../lib/proftpd"), p.host, p.port, p.run,
			p.foreignAs("on", "off"), clients)},
	}
}
