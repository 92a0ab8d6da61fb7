package main

import (
	"strings"

	"github.com/alecthomas/kong"
)

// placeholder returns what stands for a value in a usage line: its choices, or
// else the word that also says what it names: FILE, DIR, COMMANDS and so on.
func placeholder(v *kong.Value) string {
	switch {
	case v.Enum != "":
		return strings.Join(v.EnumSlice(), "|")
	case v.Flag != nil && v.Flag.PlaceHolder != "":
		return v.Flag.PlaceHolder
	}
	return strings.ToUpper(v.Name)
}

// isSwitch reports whether a flag is given without a value.
func isSwitch(v *kong.Value) bool { return v.IsBool() || v.IsCounter() }

// spellings returns a flag as it may be written: --long, and -s if it has a short form.
func spellings(f *kong.Flag) []string {
	list := []string{"--" + f.Name}
	if f.Short != 0 {
		list = append(list, "-"+string(f.Short))
	}
	return list
}

// visible returns the flags that are not hidden.
func visible(flags []*kong.Flag) []*kong.Flag {
	var list []*kong.Flag
	for _, f := range flags {
		if !f.Hidden {
			list = append(list, f)
		}
	}
	return list
}

// commands returns the subcommands that are not hidden.
func commands(app *kong.Application) []*kong.Node {
	return app.Leaves(true)
}
