package load

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// copying is a COPY of a directory between two sites, all in processes of their own.
type copying struct {
	seconds   float64
	resident  []int64 // of the shell, in KiB, each second
	most      int64   // of those and of what was between them
	state     int64   // bytes of the state file and of what is beside it, at most
	stateLast int64   // when all was done
}

// copyFiles makes directories of as many empty files each as the shape says, and copies
// them all with a shell that has this added to its environment.
func copyFiles(t testing.TB, shape []int, env ...string) (c copying) {
	t.Helper()
	from, to, total := t.TempDir(), t.TempDir(), 0
	for i, n := range shape {
		dir := filepath.Join(from, "tree", fmt.Sprintf("d%04d", i))
		if err := os.MkdirAll(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		for k := range n {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%07d", k)), nil, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		total += n
	}
	state := filepath.Join(t.TempDir(), "state.db")
	source, dest := serve(t, from, nil), serve(t, to, nil)
	command := program(t, "--state", state, "--site", "SITE1="+source.URL(), "--site", "SITE2="+dest.URL(),
		"-c", "COPY --recursive --verify=size SITE1:/tree TO SITE2:/copy")
	var errs bytes.Buffer
	command.Env = append(os.Environ(), env...)
	command.Stderr = &errs // what it prints of each file goes nowhere
	began := time.Now()
	most, err := runMeasured(command, func(kib int64) {
		c.resident = append(c.resident, kib)
		c.state = max(c.state, stateSize(state))
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &errs)
	}
	c.most, c.seconds = most, time.Since(began).Seconds()
	c.stateLast = stateSize(state)
	copied := 0
	err = filepath.WalkDir(filepath.Join(to, "copy"), func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			copied++
		}
		return err
	})
	if err != nil || copied != total {
		t.Errorf("%d of %d files were copied, %v", copied, total, err)
	}
	return c
}

// stateSize returns the bytes of the files that are the state.
func stateSize(state string) (bytes int64) {
	for _, name := range []string{state, state + "-wal", state + "-shm"} {
		if info, err := os.Stat(name); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// repeated returns n times a number.
func repeated(n, number int) (list []int) {
	for range n {
		list = append(list, number)
	}
	return list
}

// TestManyFiles holds that a shell needs no more memory the more files it copies, in one
// directory and in many.
func TestManyFiles(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it copies 13,000 files")
	}
	resident := func(large, many, small int) int64 {
		// What is garbage goes soon, so that what is resident tells what is held.
		c := copyFiles(t, append(repeated(many, small), large), "GOGC=20")
		n := large + many*small
		t.Logf("%d files: %d KiB resident at most, %.0f files/s, a state file of %d KiB, %d at the end", n, c.most, float64(n)/c.seconds, c.state>>10, c.stateLast>>10)
		return c.most
	}
	few, many := resident(1500, 10, 150), resident(5000, 10, 500) // more than are on their way at a time
	if many > few+4<<10 {
		t.Errorf("7,000 files more need %d KiB more", many-few)
	}
}

// BenchmarkMillion copies a million files, in directories of a thousand and in one. It
// takes an hour and some 6 GiB below TMPDIR, so it has to be named:
//
//	go test -run xxx -bench Million -benchtime 1x -timeout 3h ./cmd/rsexec/load
func BenchmarkMillion(b *testing.B) {
	if !strings.Contains(flag.Lookup("test.bench").Value.String(), "Million") {
		b.Skip("it takes long, so it has to be named: -bench Million")
	}
	for _, shape := range []struct {
		name string
		dirs []int
	}{
		{"in1000directories", repeated(1000, 1000)},
		{"in1directory", []int{1_000_000}},
	} {
		b.Run(shape.name, func(b *testing.B) {
			for b.Loop() {
				c := copyFiles(b, shape.dirs)
				var curve []int64
				for i := range 20 {
					curve = append(curve, c.resident[i*len(c.resident)/20]>>10)
				}
				b.Logf("MiB resident in the course of it: %d", curve)
				b.ReportMetric(float64(c.most)/1024, "MiB-resident")
				b.ReportMetric(1e6/c.seconds, "files/s")
				b.ReportMetric(float64(c.state)/(1<<20), "MiB-state")
				b.ReportMetric(float64(c.stateLast)/(1<<20), "MiB-state-after")
			}
		})
	}
}
