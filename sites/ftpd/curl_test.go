package ftpd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rsexec/sites/ftptest"
)

// run runs a program and returns its output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath(name)
	if err != nil {
		missingPeer(t, name)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// curl runs curl on a path of s and returns its output.
func curl(t *testing.T, s *site, path string, args ...string) string {
	t.Helper()
	return curlURL(t, "ftp://"+s.addr+path, args...)
}

func curlURL(t *testing.T, url string, args ...string) string {
	t.Helper()
	return run(t, "curl", append([]string{"-q", "-sS", "--user", "u:p", url}, args...)...)
}

func TestCurl(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	here := filepath.Join(t.TempDir(), "here")
	content := strings.Repeat("0123456789\n", 100_000)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(here, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, mode := range [][]string{{"--ftp-pasv"}, {"--disable-epsv"}, {"--ftp-port", "127.0.0.1"}, {"--ftp-port", "127.0.0.1", "--disable-eprt"}} {
		t.Run(strings.Join(mode, " "), func(t *testing.T) {
			write(content)
			curl(t, s, "/sub/file", append(mode, "-T", here, "--ftp-create-dirs")...)
			if s.read("sub/file") != content {
				t.Error("upload differs")
			}
			if curl(t, s, "/sub/file", mode...) != content {
				t.Error("download differs")
			}
			write(content[:1234])
			curl(t, s, "/sub/file", append(mode, "-C", "-", "-o", here)...)
			if b, err := os.ReadFile(here); string(b) != content || err != nil {
				t.Errorf("resumed download: %d bytes, %v", len(b), err)
			}
			s.write("sub/file", content[:4321])
			curl(t, s, "/sub/file", append(mode, "-C", "-", "-T", here)...)
			if s.read("sub/file") != content {
				t.Error("resumed upload differs")
			}
			if got := curl(t, s, "/sub/", append(mode, "--list-only")...); strings.TrimSpace(got) != "file" {
				t.Errorf("names %q", got)
			}
			if got := curl(t, s, "/sub/", mode...); !strings.Contains(got, "1100000") {
				t.Errorf("listing %q", got)
			}
			write("more")
			curl(t, s, "/sub/file", append(mode, "-a", "-T", here)...)
			if s.read("sub/file") != content+"more" {
				t.Error("append differs")
			}
		})
	}
}

// curl over TLS: of both versions, from IPv4 and IPv6, and implicit. It verifies the
// server's certificate. It is always passive: curl 7.88 cannot be active over TLS.
func TestCurlTLS(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, _ := certified(authority)
	trusted := authority.File()
	content := strings.Repeat("0123456789\n", 100_000)
	for _, test := range []struct {
		name, scheme, host string
		args               []string
	}{
		{"TLS 1.3", "ftp", "127.0.0.1", []string{"--tlsv1.3"}},
		{"PASV and TLS 1.2", "ftp", "127.0.0.1", []string{"--disable-epsv", "--tls-max", "1.2"}},
		{"IPv6", "ftp", "::1", nil},
		{"implicit", "ftps", "127.0.0.1", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // curl waits for whole seconds with nothing to wait for
			here := filepath.Join(t.TempDir(), "here")
			write := func(text string) {
				t.Helper()
				if err := os.WriteFile(here, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			s := startSite(t, test.host, Server{TLS: server, RequireTLS: true, Implicit: test.scheme == "ftps"})
			get := func(path string, args ...string) string {
				t.Helper()
				args = append(append([]string{"--ssl-reqd", "--cacert", trusted}, test.args...), args...)
				return curlURL(t, test.scheme+"://"+s.addr+path, args...)
			}
			write(content)
			get("/sub/file", "-T", here, "--ftp-create-dirs")
			if s.read("sub/file") != content {
				t.Error("upload differs")
			}
			if get("/sub/file") != content {
				t.Error("download differs")
			}
			write(content[:1234])
			get("/sub/file", "-C", "-", "-o", here)
			if b, err := os.ReadFile(here); string(b) != content || err != nil {
				t.Errorf("resumed download: %d bytes, %v", len(b), err)
			}
			s.write("sub/file", content[:4321])
			get("/sub/file", "-C", "-", "-T", here)
			if s.read("sub/file") != content {
				t.Error("resumed upload differs")
			}
			if got := get("/sub/", "--list-only"); strings.TrimSpace(got) != "file" {
				t.Errorf("names %q", got)
			}
			if got := get("/sub/"); !strings.Contains(got, "1100000") {
				t.Errorf("listing %q", got)
			}
			s.write("a", "A")
			s.write("b", "B")
			if got := get("/{a,b,a,b}"); got != "ABAB" { // one session
				t.Errorf("several files %q", got)
			}
			write("more")
			get("/sub/file", "-a", "-T", here)
			if s.read("sub/file") != content+"more" {
				t.Error("append differs")
			}
			write("")
			get("/empty", "-T", here)
			if s.read("empty") != "" {
				t.Error("an empty file differs")
			}
			if log := s.log.String(); strings.Contains(log, "protection=clear") || strings.Contains(log, "code=426") || strings.Contains(log, "code=522") {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

// lftp over TLS, with and without sessions resumed, verifying the certificate.
func TestLftpTLS(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	server, _ := certified(authority)
	for _, scheme := range []string{"ftp", "ftps"} {
		for _, passive := range []string{"true", "false"} {
			t.Run(scheme+" passive "+passive, func(t *testing.T) {
				s := startSite(t, "127.0.0.1", Server{TLS: server, RequireTLS: true, Implicit: scheme == "ftps"})
				here, content := t.TempDir(), strings.Repeat("0123456789\n", 100_000)
				for name, text := range map[string]string{"one": content, "two": "2", "empty": ""} {
					if err := os.WriteFile(filepath.Join(here, name), []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				out := run(t, "lftp", "--norc", "-c", strings.Join([]string{
					"set net:max-retries 1", "set net:timeout 5", "set ssl:ca-file " + authority.File(),
					"set ftp:ssl-force yes", "set ftp:ssl-protect-data yes", "set ftp:passive-mode " + passive,
					"open -u u,p " + scheme + "://" + s.addr,
					"mirror -R " + here + " up", "mirror up " + here + "/back", "cls -1 up",
				}, "; "))
				for _, name := range []string{"one", "two"} {
					there, err := os.ReadFile(filepath.Join(here, "back", name))
					if want := map[string]string{"one": content, "two": "2"}[name]; s.read("up/"+name) != want || string(there) != want || err != nil {
						t.Errorf("%s differs, %v", name, err)
					}
				}
				if !strings.Contains(out, "up/one") {
					t.Errorf("listing %q", out)
				}
				if log := s.log.String(); strings.Contains(log, "protection=clear") || strings.Contains(log, "code=426") || strings.Contains(log, "code=522") {
					t.Errorf("log:\n%s", log)
				}
			})
		}
	}
}
