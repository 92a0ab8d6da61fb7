package load

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestBigFile moves a big file between two site servers that are processes of
// their own, and holds what the shell's process needs for it.
func TestBigFile(t *testing.T) {
	t.Parallel()
	size := int64(256 << 20)
	if os.Getenv("RSEXEC_PEERS") == "require" {
		size = 2 << 30
	}
	source, dest := t.TempDir(), t.TempDir()
	sourceURL, destURL := serve(t, source, nil).URL(), serve(t, dest, nil).URL()
	file, err := os.Create(filepath.Join(source, "BIG"))
	if err != nil {
		t.Fatal(err)
	}
	// A hole with something at both ends.
	for _, at := range []int64{0, size - 4} {
		if _, err := file.WriteAt([]byte("mark"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		route string
		cpu   time.Duration // at most; the process may take so much to start and to end
	}{
		{"relay", time.Minute},
		{"direct", 500 * time.Millisecond},
	} {
		t.Run(c.route, func(t *testing.T) {
			command := program(t, "--site", "SITE1="+sourceURL, "--site", "SITE2="+destURL,
				"-c", "COPY SITE1:BIG SITE2:BIG --route="+c.route)
			began := time.Now()
			var out bytes.Buffer
			command.Stdout, command.Stderr = &out, &out
			most, err := runMeasured(command, nil)
			if err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			took := time.Since(began)
			info, err := os.Stat(filepath.Join(dest, "BIG"))
			if err != nil || info.Size() != size {
				t.Fatalf("%v, %v", info, err)
			}
			if tail := lastBytes(t, filepath.Join(dest, "BIG"), 4); tail != "mark" {
				t.Errorf("the file ends with %q", tail)
			}
			cpu := command.ProcessState.UserTime() + command.ProcessState.SystemTime()
			t.Logf("%d MiB by %s in %.2f s: %d MiB resident at most, %v of processor time", size>>20, c.route,
				took.Seconds(), most>>10, cpu)
			if most > 64<<10 {
				t.Errorf("%d KiB resident, more than 64 MiB", most)
			}
			if cpu > c.cpu {
				t.Errorf("%v of processor time, more than %v", cpu, c.cpu)
			}
		})
	}
}

func lastBytes(t *testing.T, name string, n int64) string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(-n, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// longScript is a script of so many statements, made as it is read.
type longScript struct {
	n, left int
	text    []byte
}

func (s *longScript) Read(b []byte) (int, error) {
	if len(s.text) == 0 {
		if s.left <= 0 {
			return 0, io.EOF
		}
		s.text = fmt.Appendf(nil, "SET x value%d\nECHO line $x of %d\nIF $x = value%d ; SET y $x ; END\n", s.left, s.n, s.left)
		s.left -= 4
	}
	n := copy(b, s.text)
	s.text = s.text[n:]
	return n, nil
}

// TestLongScript holds that a script needs no more memory the longer it is.
func TestLongScript(t *testing.T) {
	t.Parallel()
	resident := func(n int) int64 {
		command := program(t, "run", "-")
		command.Stdin = &longScript{n: n, left: n}
		// What is garbage goes soon, so that what is resident tells what is held.
		command.Env = append(os.Environ(), "GOGC=20")
		var lines lineCount
		command.Stdout, command.Stderr = &lines, os.Stderr
		began := time.Now()
		most, err := runMeasured(command, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d statements: %d KiB resident at most, %.1f µs a statement", n, most, float64(time.Since(began).Microseconds())/float64(n))
		if int(lines) != n/4 {
			t.Errorf("%d statements printed %d lines", n, lines)
		}
		return most
	}
	few, many := resident(10_000), resident(100_000)
	if many > few+4<<10 {
		t.Errorf("ten times as many statements need %d KiB more", many-few)
	}
}
