package profile

import "strings"

// NetrcEntry is one entry of a .netrc file.
type NetrcEntry struct {
	Machine     string // the host; "" is the entry "default", for any host
	Login       string // "" is any user
	Password    string
	HasPassword bool
}

// ParseNetrc reads a .netrc file (the format is that of ftp(1)) and returns its
// entries in their order: the first that fits is the one that holds. What it
// does not know it passes over, as other programs do. A word with blanks stands
// in double quotes, where \" is a quote and \\ a backslash.
func ParseNetrc(text string) []NetrcEntry {
	var entries []NetrcEntry
	words := netrcWords(text)
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if word == "default" {
			entries = append(entries, NetrcEntry{})
			continue
		}
		if word != "machine" && word != "login" && word != "password" && word != "account" || len(words) == 0 {
			continue
		}
		value := words[0]
		words = words[1:]
		if word == "machine" {
			entries = append(entries, NetrcEntry{Machine: value})
			continue
		}
		if len(entries) == 0 {
			continue
		}
		switch last := &entries[len(entries)-1]; word {
		case "login":
			last.Login = value
		case "password":
			last.Password, last.HasPassword = value, true
		}
	}
	return entries
}

// netrcWords splits the text into words. A macro definition (macdef) goes to
// the next empty line; a line that begins with "#" is a comment.
func netrcWords(text string) []string {
	var words []string
	macro := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if macro {
			macro = line != ""
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		for line != "" {
			var word string
			if word, line = netrcWord(line); word == "macdef" {
				macro = true
				break
			}
			words = append(words, word)
		}
	}
	return words
}

// netrcWord cuts the first word from a line without blanks at its ends.
func netrcWord(line string) (word, rest string) {
	if line[0] != '"' {
		i := strings.IndexAny(line, " \t")
		if i < 0 {
			return line, ""
		}
		return line[:i], strings.TrimLeft(line[i:], " \t")
	}
	var b strings.Builder
	i := 1
	for ; i < len(line) && line[i] != '"'; i++ {
		if line[i] == '\\' && i+1 < len(line) {
			i++
		}
		b.WriteByte(line[i])
	}
	return b.String(), strings.TrimLeft(line[min(i+1, len(line)):], " \t")
}
