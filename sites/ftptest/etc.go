package ftptest

import (
	"fmt"
	"path/filepath"
)

// accountID is the uid and gid that the user's files belong to.
const accountID = 6099

// emptyFolder is the home of the account that has nothing. It is in the servers' own /etc.
const emptyFolder = "/etc/empty"

// passwordHash is the password as crypt(3) keeps it. It is a cheap one: tests log in often.
const passwordHash = "$5$rounds=1000$rsexec$31h7x3eKKDR7cCryi6kDXjXsTVhUCW.pZ4sdMOVZTd3"

const pam = `auth required pam_unix.so
account required pam_unix.so
session required pam_permit.so
`

// etcFiles returns the files of the /etc that a server is run with, for a user whose home
// is root. It takes the place of the machine's: the account exists nowhere else, and
// nothing that the machine's administrator configured has a say.
func etcFiles(etc, root string) map[string]string {
	files := make(map[string]string)
	for name, text := range map[string]string{
		"passwd": fmt.Sprintf("root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::%s:/bin/false\n%s:x:%d:%[3]d::%s:/bin/sh\n",
			emptyFolder, account, accountID, root),
		"group":  fmt.Sprintf("root:x:0:\nnogroup:x:65534:\n%s:x:%d:\n", account, accountID),
		"shadow": fmt.Sprintf("root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n%s:%s:19000:0:99999:7:::\n", account, passwordHash),

		"nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\n",
		"hosts":         "127.0.0.1 localhost\n",
		"services":      "ftp 21/tcp\nftp-data 20/tcp\n",
		"shells":        "/bin/sh\n",
		"ftpchroot":     account + "\n", // inetutils-ftpd confines these to their homes
		"pam.d/vsftpd":  pam,
		"pam.d/ftp":     pam,
		"pam.d/other":   "auth required pam_deny.so\naccount required pam_deny.so\nsession required pam_deny.so\n",
	} {
		files[filepath.Join(etc, name)] = text
	}
	return files
}
