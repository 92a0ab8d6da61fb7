package ftp

import (
	"testing"

	"rsexec/sites"
)

func TestOutcome(t *testing.T) {
	for _, test := range []struct {
		d    *Dialect
		verb string
		code int
		want Outcome
	}{
		{Modern, "RETR", 125, Preliminary}, {Modern, "RETR", 150, Preliminary},
		{Modern, "RETR", 226, Done}, {Modern, "STOR", 250, Done}, {Modern, "STOR", 252, Done},
		{Modern, "USER", 331, More}, {Modern, "REST", 350, More},
		{Modern, "RETR", 426, Transient}, {Modern, "RETR", 550, Permanent},
		{Modern, "NOOP", 0, Nonsense}, {Modern, "NOOP", 99, Nonsense}, {Modern, "NOOP", 600, Nonsense},
		{Modern, "NOOP", 999, Nonsense}, {Modern, "NOOP", -1, Nonsense}, {Modern, "NOOP", 1000, Nonsense},
		{Old, "RETR", 250, Preliminary}, {Old, "STOR", 250, Preliminary}, {Old, "NLST", 255, Preliminary},
		{Old, "APPE", 252, Done}, {Old, "APPE", 150, Preliminary}, {Old, "APPE", 226, Done},
		{Old, "LSTN", 255, Done}, {Old, "SOCK", 255, Done}, {Old, "DELE", 254, Done}, {Old, "RNTO", 253, Done},
		{Old, "NOOP", 0, Preliminary}, {Old, "USER", 330, More}, {Old, "USER", 331, More},
		{Old, "RETR", 450, Permanent}, {Old, "RETR", 452, Transient}, {Old, "RETR", 454, Transient}, {Old, "RETR", 500, Permanent},
		{Old, "RETR", 600, Nonsense},
	} {
		if got := test.d.Outcome(test.verb, test.code); got != test.want {
			t.Errorf("%s: %d to %s is %d, want %d", test.d.Name, test.code, test.verb, got, test.want)
		}
	}
}

func TestKindOfRefusal(t *testing.T) {
	for _, test := range []struct {
		d    *Dialect
		line string
		code int
		text string
		want sites.Kind
	}{
		{Modern, "NOOP", 421, "Timeout", sites.Busy},
		{Modern, "RETR /a", 425, "Can't open", sites.Refused},
		{Modern, "RETR /a", 426, "Lost", sites.Unreachable},
		{Modern, "RETR /a", 450, "In use", sites.Busy},
		{Modern, "STOR /a", 452, "Full", sites.NoSpace},
		{Modern, "STOR /a", 552, "Quota", sites.NoSpace},
		{Modern, "MLSD", 500, "What?", sites.Unsupported},
		{Modern, "MLSD", 502, "Not implemented", sites.Unsupported},
		{Modern, "REST 1", 503, "Bad sequence", sites.Refused},
		{Modern, "PASS x", 530, "Login incorrect.", sites.Login},
		{Modern, "PASS x", 530, "Sorry, the maximum number of allowed clients (2) are already connected.", sites.Busy},
		{Modern, "PASS x", 530, "Sorry, you have exceeded the number of connections.", sites.Busy},
		{Modern, "PASS x", 550, "Too many users", sites.Busy},
		{Modern, "USER x", 530, "Maximum logons reached.", sites.Busy},
		{Modern, "USER maximum", 530, "User maximum may not log in.", sites.Login},
		{Modern, "PASS x", 530, "Too many login attempts.", sites.Login},
		{Modern, "USER x", 530, "Too many authentication failures", sites.Login},
		{Modern, "USER x", 421, "Too many authentication failures", sites.Busy},
		{Modern, "", 421, "There are too many connections from your internet address.", sites.Busy},
		{Modern, "", 421, "2 users (the maximum) are already logged in, sorry", sites.Busy},
		{Modern, "", 530, "Too many connections", sites.Busy},
		{Modern, "", 554, "Too many connections", sites.Busy},
		{Modern, "", 500, "OOPS: vsftpd: cannot locate user entry:nobody", sites.Unsupported},
		{Modern, "CWD /", 530, "Please login with USER and PASS.", sites.Login},
		{Modern, "MKD /a", 550, "Too many links", sites.Permission},
		{Modern, "RETR /a", 499, "", sites.Busy},
		{Modern, "RETR /a", 350, "", sites.Protocol},

		{Modern, "RETR /a", 550, "Failed to open file.", sites.NotFound},
		{Modern, "RETR /a", 550, "/a: No such file or directory", sites.NotFound},
		{Modern, "RETR /a", 550, "/a: Permission denied", sites.Permission},
		{Modern, "RETR /no such thing", 550, "/no such thing: Permission denied", sites.Permission},
		{Modern, "RETR /DENIED", 550, "/DENIED: gone", sites.NotFound},
		{Modern, "RETR /a", 550, "Not enough privileges.", sites.Permission},
		{Modern, "RETR /d", 550, "/d is a directory", sites.Usage},
		{Modern, "SIZE /gone", 550, "/gone: not a plain file.", sites.NotFound}, // inetutils-ftpd
		{Modern, "RMD /d", 550, "/d: Directory not empty", sites.Refused},
		{Modern, "RMD /d", 550, "Remove directory operation failed.", sites.Permission},
		{Modern, "MKD /d", 550, "/d: File exists", sites.Refused},
		{Modern, "MKD /d", 550, "Create directory operation failed.", sites.Permission},
		{Modern, "STOR /d/a", 553, "Could not create file.", sites.Permission},
		{Modern, "STOR /d/a", 550, "/d/a: No such file or directory", sites.NotFound},
		{Modern, "STOR /a", 550, "Disk full", sites.NoSpace},
		{Modern, "SITE CPFR /a", 550, "/a: No such file or directory", sites.NotFound}, // ProFTPD
		{Modern, "SITE CPFR /a", 550, "/a: Operation not permitted", sites.Permission}, // and where mod_copy is limited
		{Modern, "SITE CPFR /a", 550, "failed", sites.NotFound},
		{Modern, "SITE CPTO /a", 550, "CPTO: Permission denied", sites.Permission},
		{Modern, "SITE CPTO /a", 550, "CPTO: No such file or directory", sites.NotFound},
		{Modern, "SITE CPTO /a", 550, "failed", sites.Permission},

		{Modern, "PORT 1,2,3,4,5,6", 500, "Illegal PORT command.", sites.Refused},
		{Modern, "PORT 1,2,3,4,5,6", 500, "I won't open a connection to 1.2.3.4 (only to 5.6.7.8)", sites.Refused},
		{Modern, "EPRT |1|1.2.3.4|5|", 500, "'EPRT': command not understood.", sites.Unsupported},
		{Modern, "EPRT |1|1.2.3.4|5|", 500, "Unknown command.", sites.Unsupported},
		{Modern, "SOCK 1.2.3.4,5", 504, "Foreign", sites.Refused},

		{Old, "RETR a", 450, "a: not found", sites.NotFound},
		{Old, "RETR a", 451, "a: denied", sites.Permission},
		{Old, "RETR a", 454, "Cannot connect", sites.Refused},
		{Old, "STOR a", 453, "Full", sites.NoSpace},
		{Old, "SIZE a", 400, "Not implemented", sites.Unsupported},
		{Old, "PASS x", 431, "Wrong", sites.Login},
		{Old, "USER x", 430, "Too many", sites.Busy},
	} {
		if got := test.d.kindOf(test.line, Reply{test.code, []string{test.text}}); got != test.want {
			t.Errorf("%s: %d %s to %s is of kind %v, want %v", test.d.Name, test.code, test.text, test.line, got, test.want)
		}
	}
}
