package ftpd

import (
	"errors"
	"os"
	"strings"
	"time"
)

// parseTime reads a time as RFC 3659 section 2.3 has it: 14 digits, the first of which is
// not 0, and maybe a fraction, in UTC. A leap second is the one behind it, as systems
// count.
func parseTime(text string) (time.Time, bool) {
	var leap time.Duration
	if strings.HasPrefix(text[min(8, len(text)):], "235960") {
		text, leap = text[:12]+"59"+text[14:], time.Second
	}
	at, err := time.Parse(timeVal, text)
	return at.Add(leap), err == nil && text[0] != '0' && !strings.Contains(text, ",") // which Go takes before a fraction
}

// parseStamp reads a time of 14 digits, or of 12 without seconds, in UTC.
func parseStamp(text string) (time.Time, bool) {
	if len(text) == len(timeVal)-2 {
		text += "00"
	}
	at, ok := parseTime(text)
	return at, ok && len(text) == len(timeVal)
}

// setTimes sets when a file was accessed and modified; zero leaves a time as it is. A time
// that has no count of nanoseconds, as systems are told it, would become another one.
func setTimes(root *os.Root, name string, accessed, modified time.Time) error {
	for _, at := range []time.Time{accessed, modified} {
		if !at.IsZero() && !time.Unix(0, at.UnixNano()).Equal(at) {
			return errors.New("no time before 1678 or after 2261 can be kept")
		}
	}
	return root.Chtimes(relative(name), accessed, modified)
}

// mdtmSets reads the form of MDTM that sets a time, which old users give where there is
// no MFMT: 14 digits, a blank, a pathname. It is the form that asks if there is a file
// of that whole name.
func (s *session) mdtmSets(arg string) (stamp, name string, set change, ok bool) {
	stamp, name, _ = strings.Cut(arg, " ")
	set, err := parseModify(stamp)
	if err != nil || len(stamp) != len(timeVal) || name == "" {
		return "", "", nil, false
	}
	return stamp, name, set, !s.isThere(arg)
}

// isThere says whether there is something of that very name.
func (s *session) isThere(arg string) bool {
	name, wrong := s.absolute(arg)
	if wrong != "" {
		return false
	}
	_, err := s.root.Lstat(relative(name))
	return err == nil
}

// siteUTIME performs SITE UTIME, which no document specifies and which users give in two
// forms. One has a time and a pathname, and is about the modification; the other a
// pathname, the times of access, modification and creation, and the word UTC. The time
// of creation is left alone: few systems let anybody set it.
func (s *session) siteUTIME(arg string) {
	stamp, after, _ := strings.Cut(arg, " ")
	modified, one := parseStamp(stamp)
	one = one && after != ""
	before, accessed, written, four := threeTimes(arg)
	path := after
	switch {
	case one && four:
		s.reply(badSyntax, "Both times and names stand at either end; use MFMT")
		return
	case four:
		path, modified = before, written
	case !one:
		s.reply(badSyntax, "UTIME takes YYYYMMDDhhmm[ss] and a pathname, or a pathname, three times and UTC")
		return
	}
	name, ok := s.pathname(path)
	if !ok {
		return
	}
	if err := setTimes(s.root, name, accessed, modified); err != nil {
		s.refuse(name, err)
		return
	}
	s.reply(done, "UTIME "+modified.Format(timeVal)+" "+name)
}

// threeTimes reads the second form of SITE UTIME from its end, as the pathname may have
// blanks.
func threeTimes(arg string) (path string, accessed, modified time.Time, ok bool) {
	rest := arg
	last := func() (word string) {
		i := strings.LastIndexByte(rest, ' ')
		if i < 0 {
			return ""
		}
		rest, word = rest[:i], rest[i+1:]
		return word
	}
	zone := last()
	_, created := parseStamp(last())
	modified, ok1 := parseStamp(last())
	accessed, ok2 := parseStamp(last())
	return rest, accessed, modified, strings.EqualFold(zone, "UTC") && created && ok1 && ok2 && rest != ""
}
