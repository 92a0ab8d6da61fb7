package profile

import (
	"os/exec"
	"os/user"
	"strings"
	"testing"
)

func TestReadRclone(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	checkImport(t, "rclone", `type = ftp
# written by rclone 1.60
[one]
type = ftp
host = h
user = ann
pass = yQQ3ms5bX1xWwHx5Ts9Cvs8S2jdu8w
port = 2121
concurrency = 3

[my archive]
type = ftp
host=h
pass = L7c7g-_f0LX1-MBqB-T8Hg
concurrency = 0
; a comment = no

[gibberish]
type = ftp
host = h
user = u
pass = AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA

[clear]
type = ftp
host = h
user = u
pass = in the clear

[implicit]
type = ftp
host = h
tls = true
[explicit]
type = ftp
host = h
user = u
explicit_tls = true
no_check_certificate = true
[plain]
type = ftp
host = h
user = u
tls = false
explicit_tls = false
[nohost]
type = ftp
user = u
[many]
type = ftp
host = h
user = u
concurrency = 5000
[drive]
type = drive
[empty]
`, []outcome{
		{from: "one", name: "ONE", url: "ftp://ann:secret@h:2121?max-sessions=3"},
		{from: "my archive", name: "MY-ARCHIVE", url: "ftp://" + strings.ReplaceAll(me.Username, `\`, "%5c") + "@h", note: "rclone names no user, so it is " + me.Username},
		{from: "gibberish", name: "GIBBERISH", url: "ftp://u@h", note: "its password cannot be read"},
		{from: "clear", name: "CLEAR", url: "ftp://u@h", note: "its password cannot be read"},
		{from: "implicit", name: "IMPLICIT", url: "ftps://" + strings.ReplaceAll(me.Username, `\`, "%5c") + "@h", note: "no user"},
		{from: "explicit", name: "EXPLICIT", url: "ftp://u@h?tls=require", note: "rclone does not check its certificate"},
		{from: "plain", name: "PLAIN", url: "ftp://u@h"},
		{from: "nohost", problem: "it has no host"},
		{from: "many", problem: "option max-sessions: expected a number from 1 to 1000"},
		{from: "drive", problem: `it is of type "drive", not ftp`},
		{from: "empty", problem: `it is of type "", not ftp`},
	})
	checkImport(t, "rclone", "", nil)
	checkImport(t, "rclone", "nonsense\n= x\n[]\n[\n]", []outcome{{from: "", problem: "not ftp"}})
}

func TestReadRcloneEncrypted(t *testing.T) {
	_, err := readRclone(strings.NewReader("# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nabcd"))
	if err == nil || !strings.HasSuffix(err.Error(), "use rclone config show | rsexec import rclone -") {
		t.Error(err)
	}
}

// TestReveal uses what "rclone obscure" of rclone 1.60.1 printed.
func TestReveal(t *testing.T) {
	for obscured, want := range map[string]string{
		"yQQ3ms5bX1xWwHx5Ts9Cvs8S2jdu8w": "secret",
		"j3O-7Z0uCPA0omdgzMweQPUoJ4-Mbw": "secret",
		"L7c7g-_f0LX1-MBqB-T8Hg":         "",
		"8fhN7OuVzmVPAma3IM5cK6rD0bUHww": `p@ ö"`,
		"OFdc0K-i3ZuY2IovXwHGBh4":        "x",
		"":                               "",
	} {
		if got, err := reveal(obscured); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", obscured, got, err, want)
		}
	}
	for _, bad := range []string{"AAAA", "secret!", "yQQ3ms5bX1xWwHx5Ts9Cvs8S2jdu8w==", strings.Repeat("A", 64)} {
		if got, err := reveal(bad); err == nil {
			t.Errorf("%s: %q", bad, got)
		}
	}
}

// TestRevealRclone asks the rclone that is installed.
func TestRevealRclone(t *testing.T) {
	rclone, err := exec.LookPath("rclone")
	if err != nil {
		t.Skip("rclone is not installed")
	}
	for _, want := range []string{"p", "a longer password with blanks in it", `"\'%$é`} {
		obscured, err := exec.Command(rclone, "obscure", want).Output()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := reveal(strings.TrimSpace(string(obscured))); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

func FuzzReadRclone(f *testing.F) {
	f.Add("[a]\ntype = ftp\nhost = h\nuser = u\npass = yQQ3ms5bX1xWwHx5Ts9Cvs8S2jdu8w\nport = 21\nconcurrency = 1")
	f.Add("[]\ntype=ftp\n=\n[a]\ntls=T")
	fuzzImport(f, "rclone")
}
