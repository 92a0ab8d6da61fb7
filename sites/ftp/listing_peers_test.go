package ftp

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// listedNames are names that listings and their readers break.
var listedNames = []string{
	"plain", "a b", " leading", "trailing ", "two  blanks", "-dash", "-a", "--help", "-la x",
	`quo"te`, "it's", "a[b]c", "[x]", "{a,b}", "*", "?", "~", "~root", "100%", "%41", `back\slash`, "semi;colon=x", "LOGIN.COM;3", "a -> b",
	"é (NFC)", "e\u0301 (NFD)", "日本語", ".hidden", "...", "tab\tx", "#", "&", "a:b", "|", "total 12", "Nov 20 12:00 x",
	strings.Repeat("n", 255), strings.Repeat("ü", 127),
}

// unlisted are names that a peer keeps to itself.
var unlisted = map[string]string{string(ftptest.PureFTPd): "tab\tx"}

// TestListPeers has every server list odd names, and directories that have such
// names, and look at each.
func TestListPeers(t *testing.T) {
	stamp := time.Date(2020, 2, 29, 12, 30, 0, 0, time.UTC)
	for _, p := range peers() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := p.start(t)
			for _, d := range []string{"files", "dirs", "empty", "closed"} {
				if err := os.Mkdir(filepath.Join(s.Root, d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			listed := slices.DeleteFunc(slices.Clone(listedNames), func(name string) bool { return name == unlisted[p.name] })
			for i, name := range listedNames {
				file := filepath.Join(s.Root, "files", name)
				inside := filepath.Join(s.Root, "dirs", name)
				if err := os.WriteFile(file, make([]byte, i), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(file, stamp, stamp); err != nil {
					t.Fatal(err)
				}
				if err := os.Mkdir(inside, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(inside, "in"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			f := site(t, s, "")
			ctx := within(t, 4*patience)
			entries := func(dir string) map[string]sites.Entry {
				got := make(map[string]sites.Entry)
				if err := f.List(ctx, dir, func(e sites.Entry) bool { got[e.Name] = e; return true }); err != nil {
					t.Errorf("%q: %v", dir, err)
				}
				return got
			}
			files, dirs := entries("/files"), entries("/dirs")
			if len(files) != len(listed) || len(dirs) != len(listed) {
				t.Errorf("%d files and %d directories are listed, want %d of each", len(files), len(dirs), len(listed))
			}
			for _, name := range listed {
				i := slices.Index(listedNames, name)
				e := files[name]
				if e.Type != sites.File || e.Size != int64(i) || e.Modified.Truncate(24*time.Hour) != stamp.Truncate(24*time.Hour) {
					t.Errorf("%q is listed as %+v", name, e)
				}
				if d := dirs[name]; d.Type != sites.Directory || d.Size != -1 {
					t.Errorf("%q is listed as %+v", name, d)
				}
				if e, err := f.Stat(ctx, "/files/"+name); err != nil || e.Name != name || e.Type != sites.File || e.Size != int64(i) || !e.Modified.Equal(stamp) {
					t.Errorf("%q is %+v, %v", name, e, err)
				}
				if e, err := f.Stat(ctx, "/dirs/"+name); err != nil || e.Name != name || e.Type != sites.Directory {
					t.Errorf("the directory %q is %+v, %v", name, e, err)
				}
				inside := entries("/dirs/" + name)
				if _, ok := inside["in"]; !ok || len(inside) != 1 {
					t.Errorf("in %q is %v", name, inside)
				}
			}
			if got := entries("/empty"); len(got) > 0 {
				t.Errorf("an empty directory holds %v", got)
			}
			// What may be entered and not read. Our own server runs as root;
			// Pure-FTPd says of it what it says of a missing one.
			if err := os.Chmod(filepath.Join(s.Root, "closed"), 0o711); err != nil {
				t.Fatal(err)
			}
			if p.name == string(ftptest.PureFTPd) {
				_, err := names(t, f, "/closed")
				checkKind(t, "a directory that may not be read", err, sites.NotFound)
			} else if !strings.HasPrefix(p.name, "ftpd") {
				_, err := names(t, f, "/closed")
				checkKind(t, "a directory that may not be read", err, sites.Permission)
			}
			_, err := names(t, f, "/gone")
			checkKind(t, "a missing directory", err, sites.NotFound)
		})
	}
}

// BenchmarkList20000 lists 20,000 files on vsftpd, and has lftp and rclone do it
// too, by turns. All start from nothing: they log in for each listing. The
// ratios are the time that each takes to ours.
func BenchmarkList20000(b *testing.B) {
	const count = 20_000
	s := ftptest.Start(b, ftptest.VSFTPD, ftptest.Options{})
	for i := range count {
		if err := os.WriteFile(filepath.Join(s.Root, fmt.Sprintf("some-file-name-%06d.txt", i)), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	others := []struct {
		name string
		argv []string
	}{
		{"lftp", []string{"lftp", "-c", fmt.Sprintf("set net:timeout 10; open -u %s,%s ftp://%s; cls -1", s.User, s.Password, s.Addr())}},
		{"rclone", []string{"rclone", "--config", os.DevNull, "lsf", ":ftp:/", "--ftp-host", s.Host, "--ftp-port", fmt.Sprint(s.Port), "--ftp-user", s.User}},
	}
	times := make(map[string]time.Duration)
	ours := time.Duration(0)
	var before, after runtime.MemStats
	allocs, bytesKept := uint64(0), uint64(0)
	for b.Loop() {
		for _, o := range others {
			path, err := exec.LookPath(o.argv[0])
			if err != nil {
				continue
			}
			argv := o.argv[1:]
			if o.name == "rclone" {
				hidden, err := exec.Command(path, "obscure", s.Password).Output()
				if err != nil {
					b.Fatal(err)
				}
				argv = append(argv[:len(argv):len(argv)], "--ftp-pass", strings.TrimSpace(string(hidden)))
			}
			cmd := exec.Command(path, argv...)
			cmd.Env = append(os.Environ(), "HOME="+b.TempDir())
			start := time.Now()
			out, err := cmd.Output()
			times[o.name] += time.Since(start)
			if n := bytes.Count(out, []byte("\n")); err != nil || n != count {
				b.Fatalf("%s: %d lines, %v", o.name, n, err)
			}
		}
		runtime.ReadMemStats(&before)
		start := time.Now()
		f := site(b, s, "")
		n := 0
		err := f.List(context.Background(), "/", func(sites.Entry) bool { n++; return true })
		if err == nil {
			err = f.Close()
		}
		ours += time.Since(start)
		runtime.ReadMemStats(&after)
		allocs += after.Mallocs - before.Mallocs
		bytesKept += after.TotalAlloc - before.TotalAlloc
		if err != nil || n != count {
			b.Fatalf("%d entries, %v", n, err)
		}
	}
	rounds := float64(b.N)
	b.ReportMetric(ours.Seconds()*1000/rounds, "ms/list")
	b.ReportMetric(float64(allocs)/rounds/count, "allocs/entry")
	b.ReportMetric(float64(bytesKept)/rounds/count, "B/entry")
	for name, d := range times {
		b.ReportMetric(float64(d)/float64(ours), name+"/ours")
	}
}
