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
			p.foreignAs("on", "off"), clients) + proftpdTLS(p)},
	}
}

func proftpdTLS(p place) string {
	if p.tls == nil {
		return ""
	}
	required := "off"
	if p.tls.Require {
		required = "on"
	}
	var options string
	if !p.tls.Reuse {
		options += " NoSessionReuseRequired"
	}
	if p.tls.Implicit {
		options += " UseImplicitSSL"
	}
	if options != "" {
		options = "TLSOptions" + options
	}
	return fmt.Sprintf(`LoadModule mod_tls.c
TLSEngine on
TLSRequired %[1]s
%[2]s
TLSRSACertificateFile %[3]s
TLSRSACertificateKeyFile %[3]s
TLSCACertificateFile %[4]s
TLSVerifyClient off
TLSVerifyServer on
TLSLog %[5]s
`, required, options, p.certificate(), p.authority(), p.file("tls.log"))
}
