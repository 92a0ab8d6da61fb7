package ftp

import (
	"strings"

	"rsexec/sites"
)

// A sign is a word in the text of a refusal that tells more than its code does:
// RFC 959 has 550 for "not found", for "no access" and for much else.
type sign struct {
	word string // in small letters
	kind sites.Kind
}

// In each table the first sign that is found counts.
var (
	// fileSigns tell what is wrong with a file.
	fileSigns = []sign{
		{"no such", sites.NotFound}, {"not found", sites.NotFound}, {"not exist", sites.NotFound}, {"can't find", sites.NotFound},
		{"no space", sites.NoSpace}, {"quota", sites.NoSpace}, {"disk full", sites.NoSpace},
		{"denied", sites.Permission}, {"not permitted", sites.Permission}, {"read-only", sites.Permission},
		{"prohibited", sites.Permission}, {"not allowed", sites.Permission}, {"privilege", sites.Permission},
		{"not empty", sites.Refused}, {"exists", sites.Refused},
		{"is a directory", sites.Usage}, {"not a regular file", sites.Usage},
	}

	// loginSigns tell a server that is full from one that does not let the user
	// in, which may be for too many wrong passwords.
	loginSigns = []sign{
		{"attempts", sites.Login}, {"failures", sites.Login},
		{"too many", sites.Busy}, {"maximum", sites.Busy}, {"number of connections", sites.Busy},
		{"connection limit", sites.Busy}, {"session limit", sites.Busy},
	}

	// unknownSigns tell a command that is unknown from one whose address is
	// refused: servers have 500 for both.
	unknownSigns = []sign{
		{"unknown", sites.Unsupported}, {"not understood", sites.Unsupported}, {"recognized", sites.Unsupported},
		{"not implemented", sites.Unsupported}, {"not supported", sites.Unsupported},
	}
)

// find returns what the first sign in text stands for; otherwise if there is
// none. What the command's argument says itself is no sign: servers repeat it,
// and a file may be called "no such thing".
func find(signs []sign, text, arg string, otherwise sites.Kind) sites.Kind {
	for _, s := range signs {
		if strings.Contains(text, s.word) && !strings.Contains(arg, s.word) {
			return s.kind
		}
	}
	return otherwise
}

// kindOf returns the kind of error that the refusal r of a command is.
func (d *Dialect) kindOf(line string, r Reply) sites.Kind {
	verb, arg, _ := strings.Cut(strings.ToLower(line), " ")
	text := strings.ToLower(r.Text())
	kind := d.Kind(r.Code)
	switch verb {
	case "", "user", "pass": // the greeting has no verb
		if kind == sites.Busy {
			return kind
		}
		return find(loginSigns, text, arg, kind)
	}
	switch kind {
	case sites.NotFound, sites.Permission:
		switch verb {
		case "stor", "appe", "stou", "mkd", "rmd", "rnto":
			kind = sites.Permission
		case "site":
			if strings.HasPrefix(arg, "cpto ") {
				kind = sites.Permission
			}
		}
		return find(fileSigns, text, arg, kind)
	case sites.Login:
		return find(loginSigns, text, arg, kind)
	case sites.Unsupported:
		switch verb {
		case "port", "eprt", "sock":
			return find(unknownSigns, text, arg, sites.Refused)
		}
	}
	return kind
}
