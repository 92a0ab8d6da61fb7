package ftpd

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash/crc32"
	"regexp"
	"strconv"
	"strings"
)

// modelDigests are the algorithms.
var modelDigests = map[string]func(string) []byte{
	"SHA-256": func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] },
	"SHA-512": func(s string) []byte { d := sha512.Sum512([]byte(s)); return d[:] },
	"SHA-1":   func(s string) []byte { d := sha1.Sum([]byte(s)); return d[:] },
	"MD5":     func(s string) []byte { d := md5.Sum([]byte(s)); return d[:] },
	"CRC32":   func(s string) []byte { return binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))) },
}

// digested is the digest of a file, or of what a range has of it; n is how many bytes that
// is of.
func (m *model) digested(algorithm, arg string, rang *span) (sum []byte, n int, refusal *modelAnswer) {
	f, refusal := m.plain(arg)
	if refusal != nil {
		return nil, 0, refusal
	}
	text := f.text
	if rang != nil {
		if text = rang.of(text); text == "" {
			beyond := code(551)
			return nil, 0, &beyond
		}
	}
	return modelDigests[algorithm](text), len(text), nil
}

func (m *model) doHASH(arg string) modelAnswer {
	rang := m.rang
	m.rang = nil
	sum, n, refusal := m.digested(m.algorithm, arg, rang)
	if refusal != nil {
		return *refusal
	}
	first, last := 0, n // which is one too many, as other servers have it
	if rang != nil {
		first, last = int(rang.first), int(rang.first)+n-1
	}
	return say("213 %s %d-%d %x %s", m.algorithm, first, last, sum, arg)
}

// quotedName is a name in quotes, those in it doubled, and what follows behind a blank.
var quotedName = regexp.MustCompile(`^"((?:[^"]|"")+)"( .*)?$`)

func undoubled(name string) string { return strings.ReplaceAll(name, `""`, `"`) }

// sum answers the digests from before HASH. A name in quotes may have the first byte
// behind it, and the one behind the last, unless a file has that name with the quotes.
func (m *model) sum(algorithm, arg string) modelAnswer {
	rang := m.rang
	m.rang = nil
	if f := quotedName.FindStringSubmatch(arg); f != nil && !m.isThere(arg) {
		arg = undoubled(f[1])
		switch bounds := strings.Fields(f[2]); len(bounds) {
		case 0:
		case 2:
			if !digits.MatchString(bounds[0]) || !digits.MatchString(bounds[1]) {
				return code(501)
			}
			first, _ := strconv.ParseInt(bounds[0], 10, 64) // as in doRANG
			end, _ := strconv.ParseInt(bounds[1], 10, 64)
			if rang = (&span{first, end - 1}); first >= end {
				return code(501)
			}
		default:
			return code(501)
		}
	}
	sum, _, refusal := m.digested(algorithm, arg, rang)
	if refusal != nil {
		return *refusal
	}
	return say("250 %X", sum)
}
