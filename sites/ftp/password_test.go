package ftp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// TestPasswordIsAskedForOnce logs in several times at once: the password is asked for
// until the site takes it, and not again.
func TestPasswordIsAskedForOnce(t *testing.T) {
	s := own(t, "127.0.0.1", ftpd.Modern)
	config, err := sites.ParseURL("TEST", s.URL())
	if err != nil {
		t.Fatal(err)
	}
	answers := []string{"wrong", config.Password}
	config.Password = ""
	var asked atomic.Int32
	f := New(config, Options{Password: func(context.Context, sites.Config) (string, error) {
		return answers[min(int(asked.Add(1)), len(answers))-1], nil
	}})
	if err := f.Meet(t.Context()); sites.KindOf(err) != sites.Login {
		t.Error(err)
	}
	var group sync.WaitGroup
	sessions := make([]*Session, 4)
	failures := make([]error, len(sessions))
	for i := range sessions {
		group.Go(func() {
			var taken []*Session
			if taken, failures[i] = f.Take(t.Context(), 1); failures[i] == nil {
				sessions[i] = taken[0]
			}
		})
	}
	group.Wait()
	for _, session := range sessions {
		if session != nil {
			f.Put(session)
		}
	}
	if err := errors.Join(append(failures, f.Close())...); err != nil || asked.Load() != 2 {
		t.Errorf("asked %d times; %v", asked.Load(), err)
	}
}

// TestPasswordIsRepeated logs in at a server that repeats what it was sent.
func TestPasswordIsRepeated(t *testing.T) {
	server := ftptest.Play(t, `
		S: 220 ready
		C: USER anchor
		S: 331 password
		C: PASS secret
		S: 530-'PASS secret': secretly
		S: 530 no (secret), secret
	`)
	var traced []string
	ctx := sites.WithTrace(within(t, patience), &sites.Trace{Reply: func(_ string, _, code int, text string) {
		traced = append(traced, text)
	}})
	_, err := site(t, server, "tls=off").Quote(ctx, "NOOP")
	checkKind(t, "log in", err, sites.Login)
	want := "'PASS xxxxx': secretly / no (xxxxx), xxxxx"
	if err == nil || !strings.Contains(err.Error(), want) || !slices.Contains(traced, want) {
		t.Errorf("%v; traced %q", err, traced)
	}
}
