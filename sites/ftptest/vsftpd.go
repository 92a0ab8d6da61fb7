package ftptest

import "fmt"

// vsftpd authenticates by PAM. It leaves the isolation of its sessions to the namespaces
// that it is started in.
func vsftpd(p place) command {
	config := p.file("vsftpd.conf")
	return command{
		args: []string{config},
		files: map[string]string{config: fmt.Sprintf(`listen=YES
listen_address=%[1]s
listen_port=%[2]d
background=NO
max_clients=%[6]d
max_per_ip=0
anonymous_enable=NO
local_enable=YES
pam_service_name=vsftpd
write_enable=YES
local_umask=022
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir=%[3]s
nopriv_user=nobody
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
accept_timeout=5
connect_timeout=5
pasv_promiscuous=%[4]s
port_promiscuous=%[4]s
xferlog_enable=YES
xferlog_std_format=NO
log_ftp_protocol=YES
vsftpd_log_file=%[5]s
`, p.host, p.port, emptyFolder, p.foreignAs("YES", "NO"), p.file("vsftpd.log"), p.max) + vsftpdTLS(p)},
	}
}

// vsftpdTLS names the ciphers, for the one of vsftpd's own choice is of 1999.
func vsftpdTLS(p place) string {
	if p.tls == nil {
		return ""
	}
	yes := map[bool]string{true: "YES", false: "NO"}
	return fmt.Sprintf(`ssl_enable=YES
allow_anon_ssl=NO
force_local_logins_ssl=%[1]s
force_local_data_ssl=%[1]s
require_ssl_reuse=%[2]s
implicit_ssl=%[3]s
ssl_ciphers=HIGH
rsa_cert_file=%[4]s
rsa_private_key_file=%[4]s
debug_ssl=YES
`, yes[p.tls.Require], yes[p.tls.Reuse], yes[p.tls.Implicit], p.certificate())
}
