package main

import (
	"strings"
	"unsafe"

	"rsexec/rsexec"
	"rsexec/sites"
)

// hidePasswords returns the arguments of the process and writes xxxxx over the passwords
// in them, which ps shows to everybody otherwise (proc_pid_cmdline(5)). Until then, for
// the first milliseconds, they can be seen. It may be called once, with os.Args as the
// system gave them, before anybody else has them: their bytes are those of the process's
// own memory, and no others may be written.
func hidePasswords(args []string) []string {
	kept := make([]string, len(args))
	for i, arg := range args {
		kept[i] = strings.Clone(arg)
		pieces := passwordsOf(arg)
		if len(pieces) == 0 {
			continue
		}
		bytes := unsafe.Slice(unsafe.StringData(arg), len(arg))
		n, from := 0, 0 // in bytes and in what they were
		for _, p := range pieces {
			n += copy(bytes[n:], kept[i][from:p.From])
			n += copy(bytes[n:], sites.PasswordMask[:min(len(sites.PasswordMask), p.To-p.From)])
			from = p.To
		}
		n += copy(bytes[n:], kept[i][from:])
		for ; n < len(bytes); n++ {
			bytes[n] = ' ' // its length is nobody's business either
		}
	}
	return kept
}

// passwordsOf returns where passwords are in an argument: statements, or a site's URL,
// which is all that is behind its name.
func passwordsOf(arg string) []sites.Span {
	name, url, _ := strings.Cut(strings.TrimPrefix(arg, "--site="), "=")
	if p, ok := sites.PasswordIn(url); ok && sites.CheckName(name) == nil {
		before := len(arg) - len(url)
		return []sites.Span{{From: before + p.From, To: before + p.To}}
	}
	return rsexec.Passwords(arg)
}
