package rsexec

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"rsexec/grammar"
	"rsexec/sites"
)

// rawPassword is the command that QUOTE sends a password or an account with (RFC 959
// section 4.1.1), as it stands in a statement, or at the beginning of a line that
// continues one.
var rawPassword = regexp.MustCompile(`(?i)(?:\bquot?e?\b.*?[\s"',]|^[\s"']*)(?:pass|acct)[\s"',]+(\S(?:.*\S)?)`)

// Passwords returns where passwords are in statements as they are typed: in URLs, and
// in what QUOTE sends. They are neither shown nor kept.
func Passwords(text string) []sites.Span {
	pieces := sites.Passwords(text)
	from := 0
	for line := range strings.Lines(text) {
		if m := rawPassword.FindStringSubmatchIndex(line); m != nil {
			raw := sites.Span{From: from + m[2], To: from + m[3]}
			pieces = slices.DeleteFunc(pieces, func(p sites.Span) bool { return p.From < raw.To && p.To > raw.From })
			pieces = append(pieces, raw)
		}
		from += len(line)
	}
	slices.SortFunc(pieces, func(a, b sites.Span) int { return a.From - b.From })
	return pieces
}

// masked returns statements as they were typed, without their passwords.
func masked(text string) string { return sites.Mask(text, Passwords(text)) }

// maskedSyntax returns a syntax error as it may be shown. The caret stays where it was
// in the line.
func maskedSyntax(e *grammar.SyntaxError) *grammar.SyntaxError {
	shown := *e
	shown.Msg, shown.Text = sites.Masked(e.Msg), masked(e.Text)
	for _, p := range Passwords(e.Text) {
		from, to := 1+utf8.RuneCountInString(e.Text[:p.From]), 1+utf8.RuneCountInString(e.Text[:p.To])
		switch {
		case e.Column >= to:
			shown.Column += len(sites.PasswordMask) - (to - from)
		case e.Column >= from:
			shown.Column -= e.Column - from
		}
	}
	return &shown
}

// withoutPasswords returns a statement that can be kept and shown: the URLs in it have no
// passwords, and what QUOTE sends as one is masked.
func withoutPasswords(st *grammar.Statement) *grammar.Statement {
	if st == nil {
		return nil
	}
	c := *st
	c.Operands = slices.Clone(st.Operands)
	for i, list := range st.Operands {
		c.Operands[i] = slices.Clone(list)
		for k, w := range list {
			c.Operands[i][k] = withoutPassword(w)
		}
	}
	if c.Verb.Name == "QUOTE" {
		c.Operands[1] = maskedCommand(c.Operands[1])
	}
	c.Options = slices.Clone(st.Options)
	for i, o := range st.Options {
		c.Options[i].Value = withoutPassword(o.Value)
	}
	if st.Output != nil {
		c.Output = &grammar.Redirection{Word: withoutPassword(st.Output.Word), Append: st.Output.Append}
	}
	c.Inner = withoutPasswords(st.Inner)
	for _, block := range []*[]*grammar.Statement{&c.Body, &c.Else} {
		*block = slices.Clone(*block)
		for i, inner := range *block {
			(*block)[i] = withoutPasswords(inner)
		}
	}
	return &c
}

// withoutPassword returns a word without the password of the URL that it is, its quotes
// as they were.
func withoutPassword(w grammar.Word) grammar.Word {
	p, ok := sites.PasswordIn(w.Value())
	if !ok {
		return w
	}
	p.From-- // the colon
	kept := grammar.Word{Pos: w.Pos}
	at := 0 // in the value
	for _, part := range w.Parts {
		n := len(grammar.Word{Parts: []grammar.Part{part}}.Value())
		from, to := min(max(p.From-at, 0), n), min(max(p.To-at, 0), n)
		at += n
		switch {
		case from == to:
		case part.Variable:
			continue // its value may be the password
		default:
			if part.Text = part.Text[:from] + part.Text[to:]; part.Text == "" {
				continue
			}
		}
		if last := len(kept.Parts) - 1; last >= 0 && !part.Variable && !kept.Parts[last].Variable && kept.Parts[last].Quoted == part.Quoted {
			kept.Parts[last].Text += part.Text
		} else {
			kept.Parts = append(kept.Parts, part)
		}
	}
	kept.Raw = kept.String()
	return kept
}

// maskedCommand returns the words of a raw command without the password in them.
func maskedCommand(words []grammar.Word) []grammar.Word {
	if len(words) == 0 {
		return words
	}
	verb, _, _ := strings.Cut(strings.TrimSpace(words[0].Value()), " ")
	if !strings.EqualFold(verb, "PASS") && !strings.EqualFold(verb, "ACCT") {
		return words
	}
	return []grammar.Word{plainWord(verb), plainWord(sites.PasswordMask)}
}
