package sites

import "strings"

// PasswordMask stands where a password would be shown.
const PasswordMask = "xxxxx"

// passwordWord stands for a password in hints: ftp://user:password@host.
const passwordWord = "password"

// A Span is a piece of a text, by byte offsets.
type Span struct{ From, To int }

// Mask returns a text with xxxxx in the place of each of the pieces, which are in order.
func Mask(text string, pieces []Span) string {
	if len(pieces) == 0 {
		return text
	}
	var b strings.Builder
	from := 0
	for _, p := range pieces {
		b.WriteString(text[from:p.From] + PasswordMask)
		from = p.To
	}
	return b.String() + text[from:]
}

// Masked returns a text as it may be shown, whoever wrote it: the password of each URL
// in it is xxxxx.
func Masked(text string) string {
	var pieces []Span
	for _, p := range Passwords(text) {
		if text[p.From:p.To] != passwordWord {
			pieces = append(pieces, p)
		}
	}
	return Mask(text, pieces)
}

// WithoutPassword returns a URL without its password, which works wherever that is known
// otherwise; any other text is returned as it is.
func WithoutPassword(url string) string {
	if p, ok := PasswordIn(url); ok {
		return url[:p.From-1] + url[p.To:]
	}
	return url
}

// PasswordIn returns where the password is in a text that is one URL, and whether there
// is one. It is found in a URL that cannot be read, too: one with a slash in its
// password, say, which is to be written %2F.
func PasswordIn(url string) (password Span, ok bool) {
	i := strings.Index(url, "://")
	if i < 0 || schemeStart(url, i) != 0 {
		return Span{}, false
	}
	start := i + len("://")
	authority := url[start:]
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	user, at := authority, strings.LastIndexByte(authority, '@')
	if at >= 0 {
		user = authority[:at]
	}
	colon := strings.IndexByte(user, ':')
	if at < 0 && strings.HasPrefix(user, "[") { // an address in version 6
		if bracket := strings.IndexByte(user, ']'); bracket >= 0 {
			colon = strings.IndexByte(user[bracket:], ':')
			if colon >= 0 {
				colon += bracket
			}
		}
	}
	if colon < 0 {
		return Span{}, false
	}
	from, to := start+colon+1, start+len(user)
	if at < 0 {
		// It is a port, or a password with a sign in it that belongs elsewhere.
		if strings.Trim(strings.TrimRight(url[from:to], `:;,.)]}"'\`), "0123456789") == "" {
			return Span{}, false
		}
		if last := strings.LastIndexByte(url[from:], '@'); last >= 0 {
			to = from + last
		}
	}
	return Span{from, to}, from < to
}

// schemeStart returns where the scheme of a URL begins whose "://" is at i.
func schemeStart(text string, i int) int {
	start := i
	for start > 0 && isSchemeByte(text[start-1]) {
		start--
	}
	for start < i && (text[start] < 'A' || text[start]|0x20 > 'z') { // it begins with a letter
		start++
	}
	return start
}

// isSchemeByte reports whether c can stand in the scheme of a URL (RFC 3986 section 3.1).
func isSchemeByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'
}

// Passwords returns where the passwords of URLs are in a text. A URL ends at a blank that
// is not quoted. Where the text can be read in several ways, too much is taken for a
// password and not too little.
func Passwords(text string) []Span {
	var pieces []Span
	for i := 0; i < len(text); {
		sign := strings.Index(text[i:], "://")
		if sign < 0 {
			break
		}
		sign += i
		start := max(i, schemeStart(text, sign))
		i = sign + len("://")
		if start == sign {
			continue
		}
		if p, ok := PasswordIn(text[start:urlEnd(text, start)]); ok {
			p.From, p.To = p.From+start, p.To+start
			pieces = append(pieces, p)
			i = p.To
		}
	}
	return pieces
}

// urlEnd returns where the URL ends that begins at start.
func urlEnd(text string, start int) int {
	line := len(text)
	if end := strings.IndexByte(text[start:], '\n'); end >= 0 {
		line = start + end
	}
	i := start
	if quote := openQuote(text[strings.LastIndexAny(text[:start], " \t\r\n")+1 : start]); quote != 0 {
		end := strings.IndexByte(text[start:line], quote)
		if end < 0 {
			return line
		}
		i += end + 1
	}
	for ; i < line; i++ {
		switch c := text[i]; c {
		case ' ', '\t', '\r':
			return i
		case '\\':
			i++
		case '"', '\'':
			if end := strings.IndexByte(text[i+1:line], c); end >= 0 {
				i += 1 + end
			}
		}
	}
	return line
}

// openQuote returns the quote that is open at the end of a text; 0 if none is.
func openQuote(text string) (quote byte) {
	for i := range len(text) {
		switch c := text[i]; {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return quote
}
