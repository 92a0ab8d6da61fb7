package main

import (
	"embed"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"

	"rsexec/grammar"
	"rsexec/sites"
)

// completionCommand prints a script that completes this program's command line.
type completionCommand struct {
	Shell string `arg:"" enum:"bash,fish,zsh" help:"Whose script: bash, fish or zsh."`
}

// completionScripts has a template for each shell. What they say of flags,
// subcommands and verbs comes from the tables of those.
//
//go:embed completion
var completionScripts embed.FS

// Run is called by kong.
func (c *completionCommand) Run(command *kong.Context, std streams) error {
	t := template.New(c.Shell + ".tmpl").Funcs(template.FuncMap{
		"join":  strings.Join,
		"lower": strings.ToLower,
		"in":    func(s string, list []string) bool { return slices.Contains(list, s) },
		"char":  func(r rune) string { return string(r) },
		"fish":  quoteFish,
		"zsh":   quoteZsh,
	})
	t, err := t.ParseFS(completionScripts, "completion/"+c.Shell+".tmpl")
	if err != nil {
		return err
	}
	if err := t.Execute(std.out, newCompletion(command.Model)); err != nil {
		return &sites.Error{Op: "completion", Kind: sites.Other, Err: err}
	}
	return nil
}

// completion is what a script has to know of the command line.
type completion struct {
	Flags    []completedFlag // of every subcommand
	Commands []completedCommand
	Verbs    []*grammar.Verb
}

// completedCommand is a subcommand.
type completedCommand struct {
	Name, Help string
	Known      []string // its name, and "" for the one that is meant where none is named
	Flags      []completedFlag
	Operands   []completedValue
}

// completedFlag is a flag, of one subcommand or of all.
type completedFlag struct {
	Spellings []string
	Long      string
	Short     rune
	Patterns  []string // COMMAND:SPELLING, where COMMAND is * for all
	Help      string
	Many      bool // it may be repeated
	Value     completedValue
}

// completedValue is what a flag or an operand takes.
type completedValue struct {
	Name     string
	Kind     string   // words, files, folders, statement or anything; "" if there is no value
	Words    []string // of kind words
	Optional bool
	Many     bool   // it stands for all the operands that are left
	Place    string // of an operand: its number, or * if it is of many
}

func newCompletion(app *kong.Application) completion {
	c := completion{Flags: completedFlags(app.Flags, "*"), Verbs: grammar.Verbs()}
	for _, n := range commands(app) {
		command := completedCommand{Name: n.Name, Help: n.Help, Known: []string{n.Name}}
		if n == app.DefaultCmd {
			command.Known = append(command.Known, "")
		}
		command.Flags = completedFlags(n.Flags, command.Known...)
		for i, p := range n.Positional {
			v := newCompletedValue(p)
			v.Place = strconv.Itoa(i + 1)
			if v.Many {
				v.Place = "*"
			}
			command.Operands = append(command.Operands, v)
		}
		c.Commands = append(c.Commands, command)
	}
	return c
}

// completedFlags returns the flags of subcommands that are known as names.
func completedFlags(flags []*kong.Flag, names ...string) []completedFlag {
	var list []completedFlag
	for _, f := range visible(flags) {
		c := completedFlag{Spellings: spellings(f), Short: f.Short, Long: f.Name, Help: f.Help, Many: f.IsCumulative(), Value: newCompletedValue(f.Value)}
		for _, name := range names {
			for _, s := range c.Spellings {
				c.Patterns = append(c.Patterns, name+":"+s)
			}
		}
		list = append(list, c)
	}
	return list
}

// newCompletedValue tells what a value is by what stands for it in a usage line.
func newCompletedValue(v *kong.Value) completedValue {
	c := completedValue{Name: placeholder(v), Kind: "anything", Optional: !v.Required, Many: v.IsCumulative()}
	switch {
	case isSwitch(v):
		c.Kind = ""
	case v.Enum != "":
		c.Kind, c.Words = "words", v.EnumSlice()
	case c.Name == "FILE":
		c.Kind = "files"
	case c.Name == "DIR":
		c.Kind = "folders"
	case c.Name == "COMMANDS":
		c.Kind = "statement"
	}
	return c
}

// Valued returns all flags, of any subcommand, that take a value.
func (c completion) Valued() []completedFlag {
	all := slices.Clone(c.Flags)
	for _, command := range c.Commands {
		all = append(all, command.Flags...)
	}
	return slices.DeleteFunc(all, func(f completedFlag) bool { return f.Value.Kind == "" })
}

// quoteFish writes a word of a fish script.
func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// quoteZsh writes a text that stands in single quotes in a zsh script, where
// _arguments and _describe give a meaning to colons and brackets.
func quoteZsh(s string) string {
	return strings.NewReplacer(`\`, `\\`, `'`, `'\''`, `:`, `\:`, `[`, `\[`, `]`, `\]`).Replace(s)
}
