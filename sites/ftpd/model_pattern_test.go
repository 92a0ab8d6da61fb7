package ftpd

import (
	"regexp"
	"strings"
	"time"
)

// What stands in a pattern for text that a model cannot know to the byte.
const (
	anyTime  = "\x01" // of RFC 3659 section 2.3, not long ago
	anyRest  = "\x02" // of the line
	anyDate  = "\x03" // of "ls -l"
	anyCount = "\x04" // a number, with blanks before it
	anyText  = "\x05" // of any number of lines
)

var wildcards = strings.NewReplacer(anyTime, `(\d{14})`, anyRest, `[^\r\n]*`, anyDate, `[A-Z][a-z]{2} [ \d]\d (?:\d\d:\d\d| \d{4})`,
	anyCount, ` *\d+`, anyText, `(?s:.*)`)

// matches compares got with a pattern. What is not long ago is not before since.
func matches(pattern, got string, since time.Time) bool {
	if !strings.ContainsAny(pattern, anyTime+anyRest+anyDate+anyCount+anyText) {
		return pattern == got
	}
	m := regexp.MustCompile(`^` + wildcards.Replace(quoteBytes(pattern)) + `$`).FindStringSubmatch(latin(got))
	for i := 1; i < len(m); i++ {
		at, err := time.Parse("20060102150405", m[i])
		if err != nil || at.Before(since.Add(-2*time.Second)) || at.After(time.Now().Add(2*time.Second)) {
			return false
		}
	}
	return m != nil
}

// latin is text with each byte as a character, so that a regular expression is about
// bytes.
func latin(text string) string {
	var b strings.Builder
	for i := range len(text) {
		b.WriteRune(rune(text[i]))
	}
	return b.String()
}

func quoteBytes(text string) string { return regexp.QuoteMeta(latin(text)) }
