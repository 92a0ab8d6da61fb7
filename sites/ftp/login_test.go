package ftp

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"rsexec/sites"
	"rsexec/sites/ftptest"
)

// rounds holds the verbs that were sent in each session, in the pieces between replies.
type rounds struct {
	mu    sync.Mutex
	of    map[int][]string // by session
	heard map[int]bool     // a reply, since the last command
}

// under has the commands counted that are sent under the context.
func (r *rounds) under(ctx context.Context) context.Context {
	r.of, r.heard = make(map[int][]string), make(map[int]bool)
	return sites.WithTrace(ctx, &sites.Trace{
		Command: func(_ string, n int, line string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if verb := verbOf(line); r.of[n] == nil || r.heard[n] {
				r.of[n] = append(r.of[n], verb)
			} else {
				r.of[n][len(r.of[n])-1] += " " + verb
			}
			r.heard[n] = false
		},
		Reply: func(_ string, n int, _ int, _ string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.heard[n] = true
		},
	})
}

// in returns the pieces of a session.
func (r *rounds) in(n int) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.of[n])
}

// TestLoginRounds holds in how many pieces sessions log in.
func TestLoginRounds(t *testing.T) {
	a := ftptest.NewAuthority(t)
	careful := []string{"AUTH", "USER", "PASS", "FEAT PWD", "TYPE OPTS"}
	for _, test := range []struct {
		name, greeting  string
		tls             bool
		then            func(*Site) // after the first session
		first, second   []string
		withoutFeatures bool
	}{
		{"unknown", "220 ready", false, func(*Site) {}, careful, []string{"USER", "PASS", "TYPE OPTS"}, false},
		{"proved", "220 ready", false, (*Site).Proved, careful, []string{"USER PASS TYPE OPTS"}, false},
		{"known", "220 (vsFTPd 3.0.3)", false, func(*Site) {}, []string{"AUTH", "USER PASS FEAT PWD TYPE OPTS"}, []string{"USER PASS TYPE OPTS"}, false},
		{"without UTF8", "220 (vsFTPd 3.0.3)", false, func(*Site) {}, []string{"AUTH", "USER PASS FEAT PWD TYPE OPTS"}, []string{"USER PASS TYPE"}, true},
		{"doubted", "220 (vsFTPd 3.0.3)", false, func(f *Site) { f.Doubt("it hung up") }, []string{"AUTH", "USER PASS FEAT PWD TYPE OPTS"}, []string{"USER", "PASS", "TYPE OPTS"}, false},
		{"pyftpdlib", "220 pyftpdlib 1.5.7 ready.", false, (*Site).Proved, careful, []string{"USER", "PASS", "TYPE OPTS"}, false},
		{"1973", "300 RSEXEC site server ready", false, (*Site).Proved, []string{"USER", "PASS", "TYPE"}, []string{"USER", "PASS", "TYPE"}, false},
		{"unknown, TLS", "220 ready", true, func(*Site) {}, []string{"AUTH", "USER", "PASS", "FEAT PWD", "TYPE PBSZ PROT OPTS"}, []string{"AUTH", "USER", "PASS", "TYPE PBSZ PROT OPTS"}, false},
		{"known, TLS", "220 (vsFTPd 3.0.3)", true, func(*Site) {}, []string{"AUTH", "USER PASS FEAT PWD TYPE PBSZ PROT OPTS"}, []string{"AUTH", "USER PASS TYPE PBSZ PROT OPTS"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			features := "C: FEAT\nS! \"211-Features:\\r\\n UTF8\\r\\n SIZE\\r\\n211 End\\r\\n\"\n"
			if test.withoutFeatures || test.greeting[0] == '3' {
				features = "C? FEAT\nS: 502 none\n"
			}
			script := "S: " + test.greeting + "\n" + features
			s, options := (*ftptest.Server)(nil), ""
			if test.tls {
				s, options = ftptest.AnswerTLS(t, a, script), "tls=require&tls-ca="+a.File()
			} else {
				s = ftptest.Answer(t, script)
			}
			f := siteWith(t, s, "ftp", options, Options{})
			var count rounds
			ctx := count.under(within(t, patience))
			first, err := f.Take(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Put(first[0])
			if d := cmp.Diff(test.first, count.in(1)); d != "" {
				t.Errorf("the first session: %s", d)
			}
			test.then(f)
			second, err := f.Take(ctx, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Put(second[0])
			if d := cmp.Diff(test.second, count.in(2)); d != "" {
				t.Errorf("the second session: %s", d)
			}
		})
	}
}

// TestLoginWaitsForAll has a server say nothing to who logs in before all has come.
func TestLoginWaitsForAll(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, `
		S: 220 ProFTPD Server (ProFTPD) [127.0.0.1]
		C: USER anchor
		C: PASS secret
		C: FEAT
		C: PWD
		C: TYPE I
		C: OPTS UTF8 ON
		S! "331 password\r\n230 in\r\n211-Features:\r\n SIZE\r\n211 End\r\n257 \"/d\"\r\n200 ok\r\n501 what\r\n"
		C: QUIT
	`), "")
	if home, err := f.Home(within(t, patience)); home != "/d" || err != nil || f.Knows("SIZE") != Yes || f.Knows("MLST") != No {
		t.Errorf("home %q, %v, features %v", home, err, f.Features())
	}
}

// TestLoginOutcome holds that it makes no difference to what comes of it whether the user
// logs in step by step or in one piece.
func TestLoginOutcome(t *testing.T) {
	a := ftptest.NewAuthority(t)
	const features = "C: FEAT\nS! \"211-Features:\\r\\n MLST type*;\\r\\n UTF8\\r\\n211 End\\r\\n\"\n"
	// What comes behind a refusal is answered so.
	const out = "C? FEAT\nS: 530 log in\nC? PWD\nS: 530 log in\nC? TYPE *\nS: 530 log in\nC? OPTS *\nS: 530 log in\n"
	for _, test := range []struct {
		name, script, options string
		tls                   bool
		want                  sites.Kind // Other for success
		says                  string     // the error
	}{
		{name: "331", script: features, want: sites.Other},
		{name: "no FEAT", script: "C: FEAT\nS: 500 what\nC? OPTS UTF8 ON\nS: 500 what", want: sites.Other},
		{name: "no PWD", script: features + "C: PWD\nS: 502 what", want: sites.Other},
		{name: "230 after USER", script: features + "C: USER *\nS: 230 in", want: sites.Other},
		{name: "230 after USER, 202 after PASS", script: features + "C: USER *\nS: 230 in\nC? PASS *\nS: 202 superfluous", want: sites.Other},
		{name: "230 after USER, 503 after PASS", script: features + "C: USER *\nS: 230 in\nC? PASS *\nS: 503 USER first", want: sites.Other},
		{name: "230 after USER, 530 after PASS", script: features + "C: USER *\nS: 230 in\nC? PASS *\nS: 530 not now", want: sites.Other},
		{name: "wrong password", script: out + "C: PASS *\nS: 530 no", want: sites.Login, says: "the server said 530 no; check its user and password"},
		{name: "wrong password, 430", script: out + "C: PASS *\nS: 430 no", want: sites.Login, says: "the server said 430 no; check its user and password"},
		{name: "wrong password, hung up", script: "C: PASS *\nS: 530 no\nX", want: sites.Login, says: "the server said 530 no; check"},
		{name: "wrong user", script: out + "C: USER *\nS: 530 no\nC? PASS *\nS: 503 USER first", want: sites.Login, says: "the server said 530 no; check"},
		{name: "wrong user, hung up", script: "C: USER *\nS: 530 no\nX", want: sites.Login, says: "the server said 530 no; check"},
		{name: "account at USER", script: out + "C: USER *\nS: 332 account\nC? PASS *\nS: 530 no", want: sites.Unsupported, says: "332 account"},
		{name: "account at PASS", script: out + "C: PASS *\nS: 332 account", want: sites.Unsupported, says: "332 account"},
		{name: "full", script: out + "C: PASS *\nS: 530 Sorry, the maximum number of clients", want: sites.Busy, says: "maximum number"},
		{name: "421 at USER", script: "C: USER *\nS: 421 enough\nX", want: sites.Busy, says: "421 enough"},
		{name: "421 at PASS", script: "C: PASS *\nS: 421 enough\nX", want: sites.Busy, says: "421 enough"},
		{name: "gone at USER", script: "C: USER *\nX", want: sites.Unreachable, says: "closed the control connection"},
		{name: "gone at PASS", script: "C: PASS *\nX", want: sites.Unreachable, says: "closed the control connection"},
		{name: "gone at FEAT", script: "C: FEAT\nX", want: sites.Unreachable, says: "closed the control connection"},
		{name: "gone at TYPE", script: "C: TYPE *\nX", want: sites.Unreachable, says: "closed the control connection"},
		{name: "no TYPE I", script: "C: TYPE *\nS: 504 no", want: sites.Refused, says: "504 no"},
		{name: "330", script: "C: USER *\nS: 330 password\nC? FEAT\nS: 500 what\nC? PWD\nS: 500 what", want: sites.Other},
		{name: "TLS", script: features, tls: true, want: sites.Other},
		{name: "TLS, wrong password", script: out + "C: PASS *\nS: 530 no\nC? PBSZ *\nS: 530 log in\nC? PROT *\nS: 530 log in", tls: true, want: sites.Login, says: "530 no; check"},
		{name: "TLS, no PROT", script: "C: PROT *\nS: 504 no", tls: true, want: sites.Unsupported, says: "it protects no data connections"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			type outcome struct {
				Kind     sites.Kind
				Error    string
				Home     string
				Features []string
				Known    bool
				FEAT     bool
			}
			var got [2]outcome
			for i, greeting := range []string{"220 ready", "220 (vsFTPd 3.0.3)"} {
				script, options := "S: "+greeting+"\n"+test.script, "timeout=3s"
				var s *ftptest.Server
				if test.tls {
					s = ftptest.AnswerTLS(t, a, script)
					options += "&tls=require&tls-ca=" + a.File()
				} else {
					s = ftptest.Answer(t, script)
				}
				f := siteWith(t, s, "ftp", options, Options{})
				var count rounds
				home, err := f.Home(count.under(within(t, patience)))
				o := outcome{Home: home, Features: f.Features(), Kind: sites.KindOf(err)}
				features, _, known := f.knowledge()
				o.Known, o.FEAT = known, features != nil
				slices.Sort(o.Features)
				if err != nil {
					o.Error = err.Error()
				}
				got[i] = o
				switch e := (*sites.Error)(nil); {
				case test.want == sites.Other && err != nil, test.want != sites.Other && (sites.KindOf(err) != test.want || !strings.Contains(o.Error, test.says)):
					t.Errorf("%s: %v (%v), want kind %v, %s", greeting, err, sites.KindOf(err), test.want, test.says)
				case errors.As(err, &e) && e.Site != "TEST":
					t.Errorf("%s: the error is of site %q", greeting, e.Site)
				case strings.Contains(o.Error, "secret"):
					t.Errorf("%s: %s", greeting, o.Error)
				}
				if n := strings.Count(strings.Join(count.in(1), " "), "PASS"); n > 1 {
					t.Errorf("%s: the password was sent %d times", greeting, n)
				}
			}
			if d := cmp.Diff(got[0], got[1]); d != "" {
				t.Errorf("in one piece it is different: %s", d)
			}
		})
	}
}
