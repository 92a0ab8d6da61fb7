package ftpd

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// modelSetup is how the next data connection of a model comes about.
type modelSetup struct {
	how   string // "" (not said), "dial", "dial from", "accept", "refused" or "nobody"
	only  string // "R" or "S", from LSTN
	port  int    // of the server
	named string // the address that SOCK named, without LSTN: "own" or "refused"
}

// The making of data connections.

func (m *model) passive(s modelSetup) func(string) {
	m.data = s
	return func(reply string) {
		switch {
		case strings.HasPrefix(reply, "227 "):
			n := regexp.MustCompile(`,(\d+),(\d+)\)`).FindStringSubmatch(reply)
			hi, _ := strconv.Atoi(n[1]) // is a number: it has matched
			lo, _ := strconv.Atoi(n[2])
			m.data.port = hi<<8 | lo
		default:
			m.data.port, _ = strconv.Atoi(regexp.MustCompile(`\d{4,5}`).FindString(reply[4:]))
		}
	}
}

func (m *model) doPASV(string) modelAnswer {
	if m.epsvAll {
		return code(503)
	}
	s, at := modelSetup{how: "dial"}, anyCount+","+anyCount
	if m.data.named != "" { // RFC 478
		at = fmt.Sprintf("%d,%d", m.port>>8, m.port&0xFF)
	}
	switch m.data.named {
	case "own":
		s.how = "dial from"
	case "refused":
		s.how = "nobody"
	}
	a := say("227 Entering Passive Mode (%s,%s)", strings.ReplaceAll(m.host, ".", ","), at)
	a.after = m.passive(s)
	return a
}

func (m *model) doEPSV(arg string) modelAnswer {
	switch strings.ToUpper(strings.TrimSpace(arg)) {
	case "ALL":
		m.epsvAll = true
		return code(200)
	case "", "1":
		a := say("229 Entering Extended Passive Mode (|||" + anyCount + "|)")
		a.after = m.passive(modelSetup{how: "dial"})
		return a
	case "2":
		return code(522)
	}
	return code(501)
}

func (m *model) doLSTN(arg string) modelAnswer {
	arg = strings.ToUpper(strings.TrimSpace(arg))
	switch {
	case m.epsvAll:
		return code(503)
	case arg != "R" && arg != "S":
		return code(501)
	}
	a := say("255 SOCK " + anyCount)
	a.after = m.passive(modelSetup{how: "dial", only: arg})
	return a
}

// The addresses that are spoken of: the user's listener, one that refuses, and one of a
// foreign host.
const (
	ownPort     = "{own}"
	refusedPort = "{refused}"
)

// active makes the setup of PORT and EPRT. The address is one of those above, or what
// none of them is.
func (m *model) active(address string, port int) modelAnswer {
	switch {
	case m.epsvAll:
		return code(503)
	case address == ownPort:
		m.data = modelSetup{how: "accept"}
	case address == refusedPort:
		m.data = modelSetup{how: "refused"}
	case address != m.host:
		return code(504)
	case port < 1024:
		return code(504)
	}
	return code(200)
}

var portArg = regexp.MustCompile(`^(\d+,\d+,\d+,\d+),(\d+),(\d+)$`)

func (m *model) doPORT(arg string) modelAnswer {
	if arg == ownPort || arg == refusedPort {
		return m.active(arg, 0)
	}
	f := portArg.FindStringSubmatch(arg)
	if f == nil {
		return code(501)
	}
	hi, _ := strconv.Atoi(f[2])
	lo, _ := strconv.Atoi(f[3])
	if hi > 255 || lo > 255 {
		return code(501)
	}
	return m.active(strings.ReplaceAll(f[1], ",", "."), hi<<8|lo)
}

var eprtArg = regexp.MustCompile(`^\|(\d)\|([^|]*)\|(\d+)\|$`)

func (m *model) doEPRT(arg string) modelAnswer {
	f := eprtArg.FindStringSubmatch(arg)
	switch {
	case arg == ownPort || arg == refusedPort:
		return m.active(arg, 0)
	case f == nil:
		return code(501)
	case f[1] == "2" && m.epsvAll:
		return code(503)
	case f[1] != "1":
		return code(522)
	}
	port, _ := strconv.Atoi(f[3])
	return m.active(f[2], port)
}

func (m *model) doSOCK(arg string) modelAnswer {
	if m.epsvAll {
		return code(503)
	}
	host, text, found := strings.Cut(arg, ",")
	port, err := strconv.Atoi(text)
	own := arg == ownPort || arg == refusedPort
	switch {
	case own:
	case !found || err != nil || port == 0 || port > 65535:
		return code(501)
	case host != m.host:
		return code(504)
	}
	hows := map[string][2]string{ownPort: {"dial from", "accept"}, refusedPort: {"nobody", "refused"}}
	how := hows[arg]
	if m.data.only != "" { // after LSTN
		if m.data.how = how[0]; !own {
			m.data.how = "nobody"
		}
		return say("255 SOCK %d", m.data.port)
	}
	if !own { // the generator has no port but small ones there
		return code(504)
	}
	m.data = modelSetup{how: how[1], named: strings.Trim(arg, "{}")}
	return say("255 SOCK " + anyCount)
}

// ready says whether there is a setup for a transfer; else how it is refused.
func (m *model) ready(direction string) (refusal modelAnswer, ok bool) {
	switch {
	case m.data.how == "":
		return code(425), false
	case m.data.only != "" && m.data.only != direction:
		return code(503), false
	}
	return modelAnswer{}, true
}

func (m *model) takeSetup() modelSetup {
	s := m.data
	m.data = modelSetup{}
	return s
}
