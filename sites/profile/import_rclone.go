package profile

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"errors"
	"io"
	"os/user"
	"strings"
	"unicode"
	"unicode/utf8"

	"rsexec/sites"
)

// readRclone reads rclone.conf: sections of "key = value" lines, of which those
// with "type = ftp" are sites.
func readRclone(r io.Reader) ([]Imported, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, &sites.Error{Kind: sites.Other, Err: err}
	}
	var names []string
	sections := make(map[string]map[string]string)
	section := map[string]string{} // what stands before the first section is lost
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "RCLONE_ENCRYPT_V0:") {
			return nil, &sites.Error{Kind: sites.Usage, Msg: "the file is encrypted",
				Hint: "use rclone config show | rsexec import rclone -"}
		}
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "["); ok && strings.HasSuffix(name, "]") {
			name = strings.TrimSuffix(name, "]")
			if sections[name] == nil {
				names = append(names, name)
				sections[name] = make(map[string]string)
			}
			section = sections[name]
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok {
			section[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	var drafts []draft
	for _, name := range names {
		d := draft{from: name, name: name}
		d.rcloneSection(sections[name])
		drafts = append(drafts, d)
	}
	return finish(drafts), nil
}

func (d *draft) rcloneSection(values map[string]string) {
	if kind := values["type"]; kind != "ftp" {
		d.skip("it is of type %q, not ftp", kind)
		return
	}
	// For both the value is spelled as Go's strconv.ParseBool has it.
	if on(values["tls"]) {
		d.set("scheme", "ftps")
	}
	if on(values["explicit_tls"]) {
		d.set("tls", "require")
	}
	if on(values["no_check_certificate"]) {
		d.noteThat("rclone does not check its certificate; here tls-pin says which one is right")
	}
	d.set("host", values["host"])
	d.set("port", values["port"])
	name := values["user"]
	if name == "" {
		if u, err := user.Current(); err == nil { // else the user is anonymous
			name = u.Username
		}
		d.noteThat("rclone names no user, so it is %s", sites.Printable(name))
	}
	d.set("user", name)
	if password, err := reveal(values["pass"]); err != nil {
		d.noteThat("its password cannot be read, so it has none here")
	} else {
		d.set("password", password)
	}
	if n := values["concurrency"]; n != "0" { // which is no limit
		d.set("max-sessions", n)
	}
}

func on(value string) bool {
	switch strings.ToLower(value) {
	case "1", "t", "true":
		return true
	}
	return false
}

// reveal undoes "rclone obscure": AES-256 in counter mode under a key that
// rclone publishes (fs/config/obscure/obscure.go), the initial counter first,
// in base64. It keeps a password from being read over a shoulder and no more.
func reveal(obscured string) (string, error) {
	if obscured == "" {
		return "", nil
	}
	key := [...]byte{
		0x9c, 0x93, 0x5b, 0x48, 0x73, 0x0a, 0x55, 0x4d,
		0x6b, 0xfd, 0x7c, 0x63, 0xc8, 0x86, 0xa9, 0x2b,
		0xd3, 0x90, 0x19, 0x8e, 0xb8, 0x12, 0x8a, 0xfb,
		0xf4, 0xde, 0x16, 0x2b, 0x8b, 0x95, 0xf6, 0x38,
	}
	text, err := base64.RawURLEncoding.DecodeString(obscured)
	if err != nil || len(text) < aes.BlockSize {
		return "", errors.New("not made by rclone obscure")
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return "", err
	}
	counter, text := text[:aes.BlockSize], text[aes.BlockSize:]
	cipher.NewCTR(block, counter).XORKeyStream(text, text)
	// There is no other sign that the text was not obscured under this key.
	if !utf8.Valid(text) || strings.ContainsFunc(string(text), unicode.IsControl) {
		return "", errors.New("not made by rclone obscure")
	}
	return string(text), nil
}
