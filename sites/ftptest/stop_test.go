package ftptest

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestStopEndsSessions(t *testing.T) {
	for _, p := range Peers() {
		t.Run(string(p), func(t *testing.T) {
			s := Start(t, p, Options{})
			c := login(t, s)
			data := c.passive(s)
			c.do("125 150", "STOR partial")
			family := descendants(t, os.Getpid())
			if len(family) < 2 {
				t.Fatalf("the server is made of processes %v; expected it and the shell above it", family)
			}

			s.Stop()
			for _, id := range family {
				if _, err := os.Stat(filepath.Join("/proc", id)); err == nil {
					t.Errorf("process %s has not ended", id)
				}
			}
			if _, err := c.r.ReadByte(); err == nil {
				t.Error("the control connection is alive")
			}
			if err := data.Close(); err != nil {
				t.Error(err)
			}
			if conn, err := net.Dial("tcp4", s.Addr()); err == nil {
				t.Errorf("somebody listens at %s", conn.RemoteAddr())
			}
			s.Stop()
		})
	}
}

func TestStopLeavesNoFiles(t *testing.T) {
	for _, p := range Peers() {
		var base string
		t.Run(string(p), func(t *testing.T) {
			base = filepath.Dir(Start(t, p, Options{}).Root)
		})
		if _, err := os.Stat(base); base != "" && !os.IsNotExist(err) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// descendants returns the processes below one, by id.
func descendants(t *testing.T, ancestor int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := make(map[string][]string)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // It has just ended.
		}
		// pid (name) state parent ...; the name may hold anything.
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
		if fields := strings.Fields(rest); len(fields) > 1 {
			children[fields[1]] = append(children[fields[1]], filepath.Base(filepath.Dir(path)))
		}
	}
	var all []string
	for next := children[strconv.Itoa(ancestor)]; len(next) > 0; next = next[1:] {
		all = append(all, next[0])
		next = append(next, children[next[0]]...)
	}
	return all
}
