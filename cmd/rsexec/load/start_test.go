package load

import (
	"os/exec"
	"testing"
	"time"
)

// BenchmarkStart is a whole process that does next to nothing, and lftp in turn
// with it where there is one.
func BenchmarkStart(b *testing.B) {
	lftp, err := exec.LookPath("lftp")
	if err != nil {
		b.Log(err)
	}
	time1 := func(name string, args ...string) time.Duration {
		began := time.Now()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			b.Fatalf("%s: %v\n%s", name, err, out)
		}
		return time.Since(began)
	}
	var ours, theirs time.Duration
	for b.Loop() {
		ours += time1("rsexec", "-c", "ECHO hi")
		if lftp != "" {
			theirs += time1(lftp, "-c", "echo hi")
		}
	}
	b.ReportMetric(ours.Seconds()*1000/float64(b.N), "ms/start")
	if lftp != "" {
		b.ReportMetric(theirs.Seconds()*1000/float64(b.N), "ms/lftp")
		b.ReportMetric(ours.Seconds()/theirs.Seconds(), "ratio")
	}
}
