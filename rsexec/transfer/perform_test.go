package transfer

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"rsexec/rsexec/plan"
	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/ftptest"
)

// Parts of dialogues.
const (
	loggedIn = `
		S: 220 ready
		C: USER *
		S: 331 password
		C: PASS *
		S: 230 in
		C: FEAT
		C: PWD
		S: 502 no
		S: 257 "/" is it
		C: TYPE I
		S: 200 ok
	`

	in1973 = `
		S: 300 ready
		C: USER *
		S: 330 password
		C: PASS *
		S: 230 in
		C: TYPE I
		S: 200 ok
	`

	listens  = "C: PASV\nS: 227 ({pasv})\n"
	connects = "C: PORT *\nS: 200 ok\n"
	sends    = "C: RETR /a\nS: 150 go\nD> \"hello\"\nDX\nS: 226 done\n"
	stores   = "C: STOR /b\nS: 150 go\nD< \"hello\"\nS: 226 done\n"

	aborted = "C: ABOR\nS: 426 cut\nS: 226 done\n" + inStep
	inStep  = "C: NOOP\nS: 200 ok\n"
	idle    = "C: QUIT\n" // the session is in step, and ends in good order
	dropped = "W\n"       // the session is closed
)

// dialogue is what two scripted servers and perform say to each other.
type dialogue struct {
	mu    sync.Mutex
	lines []string
	names *strings.Replacer
}

var address = regexp.MustCompile(`\(([^()]+)\)`)

// under watches. The hosts and the addresses in the replies stand in the lines
// as SITE1, SITE2 and X.
func (d *dialogue) under(ctx context.Context, source, dest *ftptest.Server) context.Context {
	known := []string{source.Host, "SITE1", dest.Host, "SITE2"}
	d.names = strings.NewReplacer(known...)
	add := func(site, line string) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if m := address.FindStringSubmatch(line); m != nil {
			known = append([]string{strings.Trim(m[1], "|"), "X"}, known...)
			d.names = strings.NewReplacer(known...)
		}
		d.lines = append(d.lines, site+" "+d.names.Replace(line))
	}
	return sites.WithTrace(ctx, &sites.Trace{
		Command: func(site string, _ int, line string) { add(site, line) },
		Reply:   func(site string, _ int, code int, text string) { add("      "+site, fmt.Sprint(code, " ", text)) },
	})
}

// commands returns the lines that are commands.
func (d *dialogue) commands() string {
	var b strings.Builder
	for _, l := range d.lines {
		if l[0] != ' ' {
			b.WriteString(l + "\n")
		}
	}
	return b.String()
}

// play performs rows between two scripted servers, in sessions that are logged
// in and given back afterwards.
func play(t *testing.T, rows []plan.Row, source, dest string) (*dialogue, error) {
	t.Helper()
	from, to := ftptest.Play(t, source), ftptest.Play(t, dest)
	ctx := within(t)
	take := func(name string, s *ftptest.Server) *ftp.Session {
		f := siteAt(t, name, s.URL(), "timeout=2s")
		taken, err := f.Take(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Put(taken[0]) })
		return taken[0]
	}
	s, d := take("SITE1", from), take("SITE2", to)
	p, err := plan.Make(plan.Request{Put: "STOR",
		Source: plan.End{Site: planSite(s.Site()), Path: "/a"}, Dest: plan.End{Site: planSite(d.Site()), Path: "/b"}})
	if err != nil {
		t.Fatal(err)
	}
	vars := p.Vars()
	vars["sourcesocket"], vars["destsocket"] = "1001", "2001"
	talk := &dialogue{}
	return talk, perform(talk.under(ctx, from, to), *hasty(), rows, vars, s, d)
}

// TestFigures performs each figure, with servers that answer in each way that
// is allowed: the commands are those of the RFC, in its order.
func TestFigures(t *testing.T) {
	t.Parallel()
	const eprt = "C: EPRT |1|*\nS: 200 ok\n"
	const epsv = "C: EPSV\nS: 229 (|||{port}|)\n"
	for _, test := range []struct {
		name         string
		figure       plan.Figure
		source, dest string
		want         string
	}{
		{"rfc959", plan.RFC959, loggedIn + connects + sends, loggedIn + listens + stores, `
			SITE2 PASV
			SITE1 PORT X
			SITE2 STOR /b
			SITE1 RETR /a`},
		{"rfc959, the source listens", plan.RFC959SourcePassive, loggedIn + listens + sends, loggedIn + connects + stores, `
			SITE1 PASV
			SITE2 PORT X
			SITE2 STOR /b
			SITE1 RETR /a`},
		{"rfc2428", plan.RFC2428, loggedIn + eprt + sends, loggedIn + epsv + stores, `
			SITE2 EPSV
			SITE1 EPRT |1|SITE2|X|
			SITE2 STOR /b
			SITE1 RETR /a`},
		{"rfc2428, the source listens", plan.RFC2428SourcePassive, loggedIn + epsv + sends, loggedIn + eprt + stores, `
			SITE1 EPSV
			SITE2 EPRT |1|SITE1|X|
			SITE2 STOR /b
			SITE1 RETR /a`},
		{"rfc438", plan.RFC438,
			in1973 + "C: SOCK *\nS: 255 SOCK 1003\nC: RETR /a\nS: 250 started\nS: 252 done\n",
			in1973 + "C: LSTN R\nS: 255 SOCK 2003\nC: SOCK *\nS: 255 SOCK 2003\nC: STOR /b\nS: 250 started\nS: 252 done\n", `
			SITE2 LSTN R
			SITE1 SOCK SITE2,2003
			SITE2 SOCK SITE1,1003
			SITE2 STOR /b
			SITE1 RETR /a`},
		{"rfc478", plan.RFC478,
			in1973 + "C: SOCK *\nS: 200 ok\nC: RETR /a\nS: 250 started\nS: 252 done\n",
			in1973 + "C: SOCK *\nS: 255 SOCK 2001\nC: PASV\nS: 200 ok\nC: STOR /b\nS: 250 started\nS: 252 done\n", `
			SITE2 SOCK SITE1,1001
			SITE1 SOCK SITE2,2001
			SITE2 PASV
			SITE2 STOR /b
			SITE1 RETR /a`},
		{"150 only when the data is there", plan.RFC959, loggedIn + connects + sends,
			loggedIn + listens + "C: STOR /b\nD< \"hello\"\nS: 150 go\nS: 226 done\n", ""},
		{"several preliminaries", plan.RFC959,
			loggedIn + connects + strings.Replace(sends, "S: 150", "S: 120 wait\nS: 150-well\nS: 150 now\nS: 125", 1),
			loggedIn + listens + strings.Replace(stores, "S: 150", "S: 120 wait\nS: 150 now\nS: 125", 1), ""},
		{"no 150", plan.RFC959, loggedIn + connects + strings.Replace(sends, "S: 150 go\n", "", 1),
			loggedIn + listens + strings.Replace(stores, "S: 150 go\n", "", 1), ""},
		{"250 for 226", plan.RFC959, loggedIn + connects + strings.Replace(sends, "226", "250", 1),
			loggedIn + listens + strings.Replace(stores, "226", "250", 1), ""},
		{"the source is done first", plan.RFC959,
			loggedIn + connects + "C: RETR /a\nS: 150 go\nD> \"hello\"\nS: 226 done\nDX\n", loggedIn + listens + stores, ""},
		{"the destination is done first", plan.RFC959,
			loggedIn + connects + "C: RETR /a\nS: 150 go\nD> \"hello\"\nD<\nS: 226 done\n",
			loggedIn + listens + "C: STOR /b\nS: 150 go\nD< 5\nS: 226 done\nDX\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			talk, err := play(t, test.figure.Rows, test.source+idle, test.dest+idle)
			if err != nil {
				t.Error(err)
			}
			want := strings.ReplaceAll(strings.TrimPrefix(test.want, "\n"), "\t", "") + "\n"
			if diff := cmp.Diff(want, talk.commands()); test.want != "" && diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRefusals refuses at each step: what becomes of both sessions, and what
// the failure says.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const retr, stor = "C: RETR /a\n", "C: STOR /b\n"
	rest := plan.Row{Source: plan.Step{Command: "REST 3"}}
	restart := []plan.Row{plan.RFC959.Rows[0], plan.RFC959.Rows[1], rest, plan.RFC959.Rows[2]}
	type outcome struct {
		role    plan.Role
		verb    string
		kind    sites.Kind
		nothing bool // it is certain that no byte arrived
		over    bool // the destination writes no more
		refusal bool // this way is not tried again
		another bool // another way is tried
	}
	const no, yes = false, true
	for _, test := range []struct {
		name         string
		rows         []plan.Row
		source, dest string
		want         outcome
	}{
		{"PASV 425", nil, idle, "C: PASV\nS: 425 no\n" + idle,
			outcome{plan.Dest, "PASV", sites.Refused, yes, yes, yes, yes}},
		{"PASV 502", nil, idle, "C: PASV\nS: 502 no\n" + idle,
			outcome{plan.Dest, "PASV", sites.Unsupported, yes, yes, yes, yes}},
		{"PASV 530", nil, idle, "C: PASV\nS: 530 not for you\n" + idle,
			outcome{plan.Dest, "PASV", sites.Login, yes, yes, yes, yes}},
		{"PASV 450, this time", nil, idle, "C: PASV\nS: 450 no\n" + idle,
			outcome{plan.Dest, "PASV", sites.Busy, yes, yes, no, yes}},
		{"PASV without an address", nil, idle, "C: PASV\nS: 227 what\n" + idle,
			outcome{plan.Dest, "PASV", sites.Refused, yes, yes, yes, yes}},
		{"PASV of another host", nil, idle, "C: PASV\nS: 227 (192,0,2,1,9,9)\n" + idle,
			outcome{plan.Dest, "PASV", sites.Refused, yes, yes, yes, yes}},
		{"PASV 421", nil, idle, "C: PASV\nS: 421 enough\nX\n",
			outcome{plan.Dest, "PASV", sites.Busy, yes, yes, no, yes}},
		{"PASV hangs up", nil, idle, "C: PASV\nX\n",
			outcome{plan.Dest, "PASV", sites.Unreachable, yes, yes, no, yes}},
		{"PORT 500", nil, "C: PORT *\nS: 500 Illegal PORT command.\n" + idle, listens + idle,
			outcome{plan.Source, "PORT", sites.Refused, yes, yes, yes, yes}},
		{"PORT 550", nil, "C: PORT *\nS: 550 no\n" + idle, listens + idle,
			outcome{plan.Source, "PORT", sites.NotFound, yes, yes, yes, yes}},
		{"LSTN 500", plan.RFC438.Rows, idle, "C: LSTN R\nS: 500 what\n" + idle,
			outcome{plan.Dest, "LSTN", sites.Unsupported, yes, yes, yes, yes}},
		{"SOCK 504", plan.RFC438.Rows, "C: SOCK *\nS: 504 no\n" + idle, "C: LSTN R\nS: 255 SOCK 7\n" + idle,
			outcome{plan.Source, "SOCK", sites.Refused, yes, yes, yes, yes}},
		{"SOCK without a socket", plan.RFC438.Rows, "C: SOCK *\nS: 255 what\n" + idle, "C: LSTN R\nS: 255 SOCK 7\n" + idle,
			outcome{plan.Source, "SOCK", sites.Refused, yes, yes, yes, yes}},
		{"EPSV 522", plan.RFC2428.Rows, idle, "C: EPSV\nS: 522 no\n" + idle,
			outcome{plan.Dest, "EPSV", sites.Refused, yes, yes, yes, yes}},
		{"EPRT 522", plan.RFC2428.Rows, "C: EPRT *\nS: 522 no\n" + idle, "C: EPSV\nS: 229 (|||{port}|)\n" + idle,
			outcome{plan.Source, "EPRT", sites.Refused, yes, yes, yes, yes}},
		{"REST 502", restart, connects + "C: REST 3\nS: 502 no\n" + idle, listens + idle,
			outcome{plan.Source, "REST", sites.Unsupported, yes, yes, no, no}},

		{"RETR 550", nil, connects + retr + "S: 550 no such file\n" + idle, listens + stor + "S: 150 go\n" + aborted + idle,
			outcome{plan.Source, "RETR", sites.NotFound, yes, yes, no, no}},
		{"RETR 550 and a destination without 150", nil, connects + retr + "S: 550 no such file\n" + idle, listens + stor + aborted + idle,
			outcome{plan.Source, "RETR", sites.NotFound, yes, yes, no, no}},
		{"RETR 450", nil, connects + retr + "S: 450 busy\n" + idle, listens + stor + "S: 150 go\n" + aborted + idle,
			outcome{plan.Source, "RETR", sites.Busy, yes, yes, no, no}},
		{"RETR 425", nil, connects + retr + "S: 150 go\nS: 425 cannot\n" + idle, listens + stor + "S: 150 go\n" + aborted + idle,
			outcome{plan.Source, "RETR", sites.Refused, yes, yes, yes, yes}},
		{"RETR 426 in the middle", nil, connects + retr + "S: 150 go\nD> \"hel\"\nS: 426 cut\n" + idle,
			listens + stor + "S: 150 go\nD< 3\n" + aborted + idle,
			outcome{plan.Source, "RETR", sites.Unreachable, no, yes, no, yes}},
		{"RETR 426 without 150", nil, connects + retr + "S: 426 cut\n" + idle, listens + stor + "S: 150 go\n" + aborted + idle,
			outcome{plan.Source, "RETR", sites.Unreachable, no, yes, no, yes}},
		{"RETR hangs up", nil, connects + retr + "S: 150 go\nD> \"hel\"\nX\n", listens + stor + "S: 150 go\nD< 3\n" + aborted + idle,
			outcome{plan.Source, "RETR", sites.Unreachable, no, yes, no, yes}},
		{"STOR 553", nil, connects + retr + "S: 150 go\n" + aborted + idle, listens + stor + "S: 553 no\n" + idle,
			outcome{plan.Dest, "STOR", sites.Permission, yes, yes, no, no}},
		{"STOR 425 before 150", nil, connects + retr + "S: 150 go\n" + aborted + idle, listens + stor + "S: 425 no\n" + idle,
			outcome{plan.Dest, "STOR", sites.Refused, yes, yes, yes, yes}},
		{"STOR 425 after 150", nil, connects + retr + "S: 150 go\n" + aborted + idle, listens + stor + "S: 150 go\nS: 425 no\n" + idle,
			outcome{plan.Dest, "STOR", sites.Refused, yes, yes, yes, yes}},
		{"STOR 425 explains RETR 426", nil, connects + retr + "S: 150 go\nD> 0\nS: 426 cut\nDX\n" + idle,
			listens + stor + "S: 150 go\nD<\nS: 425 not from there\n" + idle,
			outcome{plan.Dest, "STOR", sites.Refused, yes, yes, yes, yes}},
		{"STOR 522 explains that RETR hangs up", nil, connects + retr + "S: 150 go\nD> 0\nX\nDX\n",
			listens + stor + "S: 150 go\nD<\nS: 522 session reuse required\n" + idle,
			outcome{plan.Dest, "STOR", sites.Refused, yes, yes, yes, yes}},
		{"STOR 426 does not explain that RETR hangs up", nil, connects + retr + "S: 150 go\nD> 0\nX\nDX\n",
			listens + stor + "S: 150 go\nD<\nS: 426 cut\n" + idle,
			outcome{plan.Source, "RETR", sites.Unreachable, no, yes, no, yes}},
		{"STOR 450 explains RETR 425", nil, connects + retr + "S: 150 go\nD> 0\nS: 425 cut\nDX\n" + idle,
			listens + stor + "S: 150 go\nD<\nS: 450 busy\n" + idle,
			outcome{plan.Dest, "STOR", sites.Busy, yes, yes, no, no}},
		{"STOR 552 in the middle", nil, connects + retr + "S: 150 go\nD> \"hel\"\n" + aborted + idle,
			listens + stor + "S: 150 go\nD< 3\nS: 552 quota\n" + idle,
			outcome{plan.Dest, "STOR", sites.NoSpace, no, yes, no, no}},
		{"STOR 452 without 150", nil, connects + retr + "S: 150 go\n" + aborted + idle, listens + stor + "S: 452 full\n" + idle,
			outcome{plan.Dest, "STOR", sites.NoSpace, no, yes, no, no}},
		{"STOR 421", nil, connects + retr + "S: 150 go\n" + aborted + idle, listens + stor + "S: 421 enough\nX\n",
			outcome{plan.Dest, "STOR", sites.Busy, no, yes, no, no}},
		{"STOR hangs up", nil, connects + retr + "S: 150 go\n" + aborted + idle, listens + stor + "S: 150 go\nX\n",
			outcome{plan.Dest, "STOR", sites.Unreachable, no, no, no, yes}},

		{"both are needed: 226 and 426", nil, connects + sends + idle, listens + stor + "S: 150 go\nD<\nS: 426 cut\n" + idle,
			outcome{plan.Dest, "STOR", sites.Unreachable, no, yes, no, yes}},
		{"both are needed: 226 and 451", nil, connects + sends + idle, listens + stor + "S: 150 go\nD<\nS: 451 failed\n" + idle,
			outcome{plan.Dest, "STOR", sites.Other, no, yes, no, no}},
		{"both are needed: 226 and nothing", nil, connects + sends + idle, listens + stor + "S: 150 go\nD<\n" + aborted + idle,
			outcome{plan.Dest, "STOR", sites.Unreachable, no, yes, no, yes}},
		{"both are needed: 226 and silence", nil, connects + sends + idle, listens + stor + dropped,
			outcome{plan.Dest, "STOR", sites.Refused, no, yes, yes, yes}},
		{"both are needed: nothing and 226", nil, connects + retr + "S: 150 go\nD> \"hello\"\nDX\n" + aborted + idle, listens + stores + idle,
			outcome{plan.Source, "RETR", sites.Unreachable, no, yes, no, yes}},
		{"an ABOR out of step", nil, connects + retr + "S: 550 no such file\n" + idle,
			listens + stor + "S: 150 go\nC: ABOR\nS: 426 cut\nS: 226 done\nC: NOOP\nS: 226 again\n" + dropped,
			outcome{plan.Source, "RETR", sites.NotFound, yes, yes, no, no}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			in, rows := loggedIn, plan.RFC959.Rows
			if test.rows != nil {
				rows = test.rows
			}
			if strings.HasPrefix(rows[0].Dest.Command, "LSTN") {
				in = in1973
			}
			_, err := play(t, rows, in+test.source, in+test.dest)
			var f *failure
			if !errors.As(err, &f) {
				t.Fatalf("the error is %v", err)
			}
			got := outcome{f.role, f.verb, sites.KindOf(f), f.nothing, f.over, f.refusal(), another(err)}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v\n%v", got, test.want, err)
			}
		})
	}
}

// TestMuteServer gives up a server that never answers.
func TestMuteServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		source, dest string
		verb         string
	}{
		{"PASV", idle, "C: PASV\n" + dropped, "PASV"},
		{"PORT", "C: PORT *\n" + dropped, listens + idle, "PORT"},
		{"RETR and STOR", connects + "C: RETR /a\n" + aborted + idle, listens + "C: STOR /b\n" + dropped, "STOR"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := play(t, plan.RFC959.Rows, loggedIn+test.source, loggedIn+test.dest)
			var f *failure
			if !errors.As(err, &f) || f.verb != test.verb || !f.refusal() || !another(err) || !strings.Contains(err.Error(), "no answer in") {
				t.Errorf("the error is %+v", err)
			}
			if took := time.Since(began); took > 6*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}
