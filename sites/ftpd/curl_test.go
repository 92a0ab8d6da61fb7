package ftpd

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// curl runs curl on a path of s and returns its output.
func curl(t *testing.T, s *site, path string, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("curl")
	if err != nil {
		if os.Getenv("RSEXEC_PEERS") == "require" {
			t.Fatal("peer curl not installed")
		}
		t.Skip("peer curl not installed")
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args = append([]string{"-sS", "--user", "u:p", "ftp://" + s.addr + path}, args...)
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %q: %v\n%s", args, err, out)
	}
	return string(out)
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
