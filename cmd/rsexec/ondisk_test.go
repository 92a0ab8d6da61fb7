package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
	"rsexec/sites/ftptest/fault"
)

// desk is a shell in this process, with a state file and sites.
type desk struct {
	t     *testing.T
	flags []string
}

// newDesk returns a shell that knows these sites as SITE1, SITE2 and so on.
func newDesk(t *testing.T, urls ...string) *desk {
	d := &desk{t: t, flags: []string{"--yes", "--state", filepath.Join(t.TempDir(), "state.db")}}
	for i, url := range urls {
		d.flags = append(d.flags, "--site", fmt.Sprintf("SITE%d=%s", i+1, url))
	}
	rsexecRun(t, "-c", "HELP") // what a process starts once
	return d
}

// do performs a statement, which is to end with a status, to print these texts on
// standard error, or nothing, and to leave nothing open in this process.
func (d *desk) do(statement string, status int, texts ...string) {
	d.t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(d.t)
	got, stdout, stderr := rsexecRun(d.t, append(d.flags, "-c", statement)...)
	wrong := got != status || len(texts) == 0 && stderr != ""
	for _, text := range texts {
		wrong = wrong || !strings.Contains(stderr, text)
	}
	if wrong {
		d.t.Errorf("%s: status %d, want %d and %q\n%s%s", statement, got, status, texts, stdout, stderr)
	}
	settled(d.t, goroutines, files)
}

// left checks what JOBS tells: one of the texts for each job, in order.
func (d *desk) left(texts ...string) {
	d.t.Helper()
	_, stdout, stderr := rsexecRun(d.t, append(d.flags, "-c", "JOBS")...)
	wrong := strings.Count(stdout, "\n") != len(texts) || stderr != "" // a job a line
	for _, text := range texts {
		wrong = wrong || !strings.Contains(stdout, text)
	}
	if wrong {
		d.t.Errorf("JOBS, want %q\n%s%s", texts, stdout, stderr)
	}
}

// holds checks what is in a folder, by path; folders are left out.
func holds(t *testing.T, root string, want map[string]string) {
	t.Helper()
	got := files(t, root)
	for name := range got {
		if strings.HasSuffix(name, "/") {
			delete(got, name)
		}
	}
	if diff := different(want, got); diff != "" {
		t.Errorf("on disk (-want +got):\n%s", diff)
	}
}

// before returns the URL of a site as it is seen through a proxy with a fault; at that
// moment struck is called.
func before(t *testing.T, site string, f fault.Fault, struck func()) string {
	t.Helper()
	u, err := url.Parse(site)
	if err != nil {
		t.Fatal(err)
	}
	p := fault.Start(t, u.Host, fault.Options{Faults: fault.Plan{f}, Struck: func(fault.Fault) { struck() }})
	t.Cleanup(func() {
		if len(p.Hit()) == 0 {
			t.Errorf("%v did not happen", f)
		}
	})
	u.Host = p.Addr()
	return u.String()
}

// large is a file of which a part is still at the source when the first has arrived:
// more than all buffers hold.
func large() string { return strings.Repeat("0123456789abcdef", 1<<20) }

// inTheMiddle is a moment at which a part of a large file has passed.
func inTheMiddle(where fault.Where, pause time.Duration) fault.Fault {
	return fault.Fault{What: fault.Delay, Where: where, Byte: 1 << 20, Delay: pause}
}

// TestFullDisk fills the disk of real servers, which leave what they have got there.
func TestFullDisk(t *testing.T) {
	for _, p := range []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD, ftptest.PureFTPd} {
		for _, route := range []string{"direct", "relay"} {
			t.Run(fmt.Sprintf("%s %s", p, route), func(t *testing.T) {
				dest, enlarge := onSmallDisk(t, p)
				source := t.TempDir()
				big := large()[:6<<20]
				write(t, source, "BIG", big)
				write(t, dest.Root, "PROG2.PL1", "old\n")
				d := newDesk(t, serveSite(t, source, nil), dest.URL())

				d.do("COPY SITE1:BIG SITE2:PROG2.PL1 --route="+route, 1, "COPY SITE2:/PROG2.PL1: the server said ")
				holds(t, dest.Root, map[string]string{"PROG2.PL1": "old\n"})
				d.left()
				d.do("APPEND SITE1:BIG SITE2:PROG2.PL1 --route="+route, 1, "APPEND SITE2:/PROG2.PL1: the server said ",
					fmt.Sprintf(" of %d bytes were appended to the 4 that were there; RESUME 2 goes on with it", len(big)))
				d.left("failed      0/1 ")
				if got := read(t, dest.Root, "PROG2.PL1"); !strings.HasPrefix("old\n"+big, got) || got == "old\n" {
					t.Errorf("it holds %d bytes", len(got))
				}
				enlarge()
				d.do("RESUME 2", 0)
				holds(t, dest.Root, map[string]string{"PROG2.PL1": "old\n" + big})
				d.do("COPY SITE1:BIG SITE2:PROG2.PL1 --route="+route, 0)
				holds(t, dest.Root, map[string]string{"PROG2.PL1": big})
				d.left()
			})
		}
	}
}

// TestFullSite copies files to two sites, of which one has no room: the other gets all.
func TestFullSite(t *testing.T) {
	small, enlarge := onSmallDisk(t, ftptest.ProFTPD)
	source, other := t.TempDir(), t.TempDir()
	want := make(map[string]string)
	for i := range 50 {
		name := fmt.Sprintf("f%02d", i)
		want[name] = strings.Repeat(name, 70_000)
		write(t, source, name, want[name])
	}
	d := newDesk(t, serveSite(t, source, nil), small.URL(), serveSite(t, other, nil))
	goroutines, open := runtime.NumGoroutine(), openFiles(t)
	status, _, stderr := rsexecRun(t, append(d.flags, "-c", "COPY SITE1:/f* SITE2:, SITE3:")...)
	settled(t, goroutines, open)
	t.Log(stderr)
	for _, text := range []string{"COPY: no more is tried there: COPY SITE2:/f", "; JOBS 1 lists what is left, RESUME 1 goes on with it"} {
		if status != 3 || !strings.Contains(stderr, text) {
			t.Errorf("status %d, want 3 and %q", status, text)
		}
	}
	holds(t, other, want)
	got := files(t, small.Root)
	if len(got) == 0 || len(got) > 40 {
		t.Errorf("%d files at the small site", len(got))
	}
	for name, text := range got {
		if text != want[name] {
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
	enlarge()
	d.do("RESUME 1", 0)
	holds(t, small.Root, want)
	d.left()
}

// TestFromFullSite holds that what a site has can be had from it when it has no room.
func TestFromFullSite(t *testing.T) {
	source, full, other := t.TempDir(), smallDisk(t, "from the full site"), t.TempDir()
	write(t, source, "big", large())
	d := newDesk(t, serveSite(t, source, nil), serveSite(t, full, nil), serveSite(t, other, nil))
	d.do("COPY SITE1:/big, SITE2:/PROG2.PL1 SITE2:, SITE3: --max-sessions=1", 3, "COPY SITE2:/big: the server said 452", "COPY: 1 of 3 failed")
	holds(t, other, map[string]string{"big": large(), "PROG2.PL1": "from the full site"})
	holds(t, full, map[string]string{"PROG2.PL1": "from the full site"})
	d.left("failed      2/3 ")
}

// TestReadOnly writes to a directory, and to a file, that the server may not change.
func TestReadOnly(t *testing.T) {
	for _, p := range []ftptest.Peer{ftptest.VSFTPD, ftptest.ProFTPD} {
		t.Run(string(p), func(t *testing.T) {
			dest := ftptest.Start(t, p, ftptest.Options{})
			source := t.TempDir()
			plant(t, source, map[string]string{"a": "new\n", "all/a": "new\n", "all/b": "new\n"})
			plant(t, dest.Root, map[string]string{"dir/b": "old\n", "dir/all/c": "old\n"})
			protect := func(mode os.FileMode) {
				for _, name := range []string{"dir/all/c", "dir/b", "dir/all", "dir"} {
					m := mode
					if !strings.Contains(filepath.Base(name), "b") && name != "dir/all/c" {
						m |= 0o111
					}
					if err := os.Chmod(filepath.Join(dest.Root, name), m); err != nil {
						t.Fatal(err)
					}
				}
			}
			protect(0o444)
			before := map[string]string{"dir/b": "old\n", "dir/all/c": "old\n"}
			d := newDesk(t, serveSite(t, source, nil), dest.URL())
			d.do("COPY SITE1:a SITE2:dir/b", 1, "COPY SITE2:/dir/b: the server said 55")
			d.do("COPY SITE1:a SITE2:dir/new", 1, "COPY SITE2:/dir/new: the server said 55")
			d.do("APPEND SITE1:a SITE2:dir/b", 1, "APPEND SITE2:/dir/b: the server said 55")
			d.left()
			holds(t, dest.Root, before)
			d.do("COPY SITE1:/all SITE2:/dir --recursive", 3, "COPY SITE2:/dir/all/a: the server said 55", "COPY SITE2:/dir/all/b: the server said 55", "RESUME 4")
			d.left("failed      0/2 ")
			d.do("APPEND SITE1:/all/a, SITE1:/all/b SITE2:dir/b", 1, "APPEND SITE2:/dir/b: the server said 55", "RESUME 5")
			d.left("failed      0/2 ", "stopped     0/2 ")
			holds(t, dest.Root, before)
			protect(0o666)
			d.do("RESUME ALL", 0)
			holds(t, dest.Root, map[string]string{"dir/b": "old\nnew\nnew\n", "dir/all/a": "new\n", "dir/all/b": "new\n", "dir/all/c": "old\n"})
			d.left()
		})
	}
}

// TestSourceVanishes deletes a source when it is known and not yet begun.
func TestSourceVanishes(t *testing.T) {
	for _, c := range []struct {
		statement, line string
		status          int
		without, want   map[string]string // what the destination holds after the first, and after RESUME
	}{
		{
			"COPY SITE1:/from SITE2:/to --recursive --max-sessions=1", "COPY SITE1:/from/c: the server said 550 /from/c: not found", 3,
			map[string]string{"log": "old\n", "to/a": "a", "to/b": "b", "to/d": "d"},
			map[string]string{"log": "old\n", "to/a": "a", "to/b": "b", "to/c": "c", "to/d": "d"},
		},
		{
			"APPEND SITE1:/from/a, SITE1:/from/b, SITE1:/from/c, SITE1:/from/d SITE2:/log", "APPEND SITE1:/from/c: the server said 550 /from/c: not found", 3,
			map[string]string{"log": "old\nab"},
			map[string]string{"log": "old\nabcd"},
		},
	} {
		verb, _, _ := strings.Cut(c.statement, " ")
		t.Run(verb, func(t *testing.T) {
			source, dest := t.TempDir(), t.TempDir()
			plant(t, source, map[string]string{"from/a": "a", "from/b": "b", "from/c": "c", "from/d": "d"})
			write(t, dest, "log", "old\n")
			vanish := func() {
				if err := os.Remove(filepath.Join(source, "from/c")); err != nil {
					t.Error(err)
				}
			}
			d := newDesk(t, before(t, serveSite(t, source, nil), fault.Fault{What: fault.Delay, Where: fault.Command, Verb: "RETR", Delay: time.Millisecond}, vanish),
				serveSite(t, dest, nil))
			d.do(c.statement, c.status, c.line)
			holds(t, dest, c.without)
			d.left("/4 ")
			d.do("RESUME 1", 3, "SITE1:/from/c") // it is not there yet
			holds(t, dest, c.without)
			write(t, source, "from/c", "c")
			d.do("RESUME 1", 0)
			holds(t, dest, c.want)
			d.left()
		})
	}
}

// TestSourceGrows has a source grow while it is read: the destination gets all of it.
func TestSourceGrows(t *testing.T) {
	for _, verb := range []string{"COPY", "APPEND"} {
		for _, route := range []string{"direct", "relay"} {
			t.Run(verb+" "+route, func(t *testing.T) {
				source, dest := t.TempDir(), t.TempDir()
				text := large()
				write(t, source, "a", text)
				write(t, dest, "b", "old\n")
				grow := func() {
					f, err := os.OpenFile(filepath.Join(source, "a"), os.O_APPEND|os.O_WRONLY, 0)
					if err == nil {
						_, err = f.WriteString("more\n")
						f.Close()
					}
					if err != nil {
						t.Error(err)
					}
				}
				// Through this host the data passes the source's proxy, else the destination's.
				from, to := serveSite(t, source, nil), serveSite(t, dest, nil)
				if route == "relay" {
					from = before(t, from, inTheMiddle(fault.Down, time.Millisecond), grow)
				} else {
					to = before(t, to, inTheMiddle(fault.Up, time.Millisecond), grow)
				}
				d := newDesk(t, from, to)
				d.do(verb+" SITE1:a SITE2:b --route="+route, 0)
				holds(t, dest, map[string]string{"b": map[string]string{"COPY": "", "APPEND": "old\n"}[verb] + text + "more\n"})
				holds(t, source, map[string]string{"a": text + "more\n"})
				d.left()
			})
		}
	}
}

// TestDestinationChanges has somebody else change the destination in the middle.
func TestDestinationChanges(t *testing.T) {
	text := large()
	for _, c := range []struct {
		verb, line string
		status     int
		want       string
		job        bool // is left
	}{
		{"COPY", "COPY SITE2:/b: somebody changed it meanwhile, from 4 bytes to 9, and it was not replaced", 1, "old\nmore\n", false},
		{"APPEND", fmt.Sprintf("APPEND SITE2:/b: it held 4 bytes before and holds %d now, which SITE1:/a of %d bytes does not explain", len("old\nmore\n")+len(text), len(text)), 1, "", true},
	} {
		for _, route := range []string{"direct", "relay"} {
			t.Run(c.verb+" "+route, func(t *testing.T) {
				source, server := t.TempDir(), ftptest.Start(t, ftptest.Pyftpdlib, ftptest.Options{}) // which writes at the end, wherever that is
				dest := server.Root
				write(t, source, "a", text)
				write(t, dest, "b", "old\n")
				change := func() {
					f, err := os.OpenFile(filepath.Join(dest, "b"), os.O_APPEND|os.O_WRONLY, 0)
					if err == nil {
						_, err = f.WriteString("more\n")
						f.Close()
					}
					if err != nil {
						t.Error(err)
					}
				}
				// What was seen less than two seconds ago is not looked at again.
				d := newDesk(t, serveSite(t, source, nil), before(t, server.URL(), inTheMiddle(fault.Up, 2100*time.Millisecond), change))
				statement := c.verb + " SITE1:a SITE2:b --route=" + route
				d.do(statement, c.status, c.line)
				got := files(t, dest)
				if len(got) != 1 {
					t.Errorf("left at the destination: %d files", len(got))
				}
				if c.verb == "COPY" {
					holds(t, dest, map[string]string{"b": c.want})
					d.left()
					d.do(statement, 0) // which replaces what is there now
					holds(t, dest, map[string]string{"b": text})
					return
				}
				if n := len(got["b"]); n != len("old\nmore\n")+len(text) {
					t.Errorf("it holds %d bytes", n)
				}
				d.left("failed      0/1 ")
				d.do("RESUME 1", 1, "APPEND SITE2:/b: it held 4 bytes before")
				d.do("FORGET 1", 0)
				d.left()
				if diff := different(got, files(t, dest)); diff != "" {
					t.Errorf("on disk (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestDirectoryVanishes takes the directory of the destination away in the middle, and
// brings it back.
func TestDirectoryVanishes(t *testing.T) {
	text := large()
	for _, c := range []struct{ verb, want string }{{"COPY", text}, {"APPEND", "old\n" + text}} {
		t.Run(c.verb, func(t *testing.T) {
			source, dest := t.TempDir(), t.TempDir()
			write(t, source, "a", text)
			plant(t, dest, map[string]string{"dir/b": "old\n"})
			rename := func(from, to string) {
				if err := os.Rename(filepath.Join(dest, from), filepath.Join(dest, to)); err != nil {
					t.Error(err)
				}
			}
			to := before(t, serveSite(t, dest, nil), inTheMiddle(fault.Up, time.Millisecond), func() { rename("dir", "gone") })
			d := newDesk(t, serveSite(t, source, nil), to)
			d.do(c.verb+" SITE1:a SITE2:dir/b --route=relay", 5, c.verb+" SITE2:/dir/b: no such directory as SITE2:/dir", "RESUME 1 goes on with it")
			d.left("failed      0/1 ")
			d.do("RESUME 1", 5, c.verb+" SITE2:/dir/b: no such directory as SITE2:/dir", "RESUME 1 goes on with it")
			rename("gone", "dir")
			d.do("RESUME 1", 0)
			holds(t, dest, map[string]string{"dir/b": c.want})
			d.left()
		})
	}
}
