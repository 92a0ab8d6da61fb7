// Command rsexec is a network-wide shell: many FTP hosts look like one file
// system, and files go from server to server without passing through this
// host.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/mitchellh/go-homedir"
	"golang.org/x/term"

	"rsexec/rsexec"
	"rsexec/sites"
	"rsexec/sites/profile"
)

// cli is the command line (DESIGN section 10).
type cli struct {
	Site    []string `help:"A site for this run, as NAME=ftp://user:password@host:port/home?option=value; repeatable." placeholder:"NAME=URL" sep:"none"`
	Profile string   `help:"The folder that holds profile.toml and sites/NAME.toml." placeholder:"DIR"`
	State   string   `help:"The file that keeps what outlives a run." placeholder:"FILE"`
	JSON    bool     `help:"Print one JSON object a line."`
	Trace   bool     `help:"Show the control dialogues, in two columns, on standard error."`
	Yes     bool     `help:"Answer every question with yes."`

	Shell  shellCommand  `cmd:"" default:"withargs" help:"The interactive shell, or with -c statements to perform (the default)."`
	Run    runCommand    `cmd:"" help:"Perform a batch script."`
	Import importCommand `cmd:"" help:"Add to the profile the sites that another program keeps."`
	Serve  serveCommand  `cmd:"" help:"Be a site: serve a folder by FTP."`
	Demo   demoCommand   `cmd:"" help:"Show the shell's main work on a network of embedded sites."`

	Completion completionCommand `cmd:"" help:"Print a script that completes this command line in a shell."`
	Man        manCommand        `cmd:"" help:"Print the manual page."`

	editor *editor `kong:"-"`
}

const summary = "a network-wide shell: many FTP hosts look like one file system, and files go from server to server"

// exitStatuses are the exit statuses of the process, with what each says.
var exitStatuses = []struct {
	Status  int
	Meaning string
}{
	{0, "all done"},
	{rsexec.StatusFailed, "a command failed"},
	{rsexec.StatusUsage, "wrong usage or syntax"},
	{rsexec.StatusSome, "some files of a group failed"},
	{rsexec.StatusUnreachable, "a site could not be reached"},
	{rsexec.StatusNotFound, "a name was not found or ambiguous"},
	{rsexec.StatusInterrupted, "interrupted"},
}

// description is what --help says of the program as a whole.
func description() string {
	var statuses []string
	for _, s := range exitStatuses {
		statuses = append(statuses, fmt.Sprintf("%d %s", s.Status, s.Meaning))
	}
	return sentence(summary) + "\n\nExit status: " + strings.Join(statuses, "; ") + "."
}

func main() {
	os.Exit(run(hidePasswords(os.Args[1:]), streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the standard streams of the process.
type streams struct {
	in       *os.File
	out, err io.Writer
}

// run is the process without its exit.
func run(args []string, std streams) (status int) {
	var c cli
	exited := -1
	command, err := newParser(&c, std, func(code int) { exited = code }).Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(std.err, "rsexec: %s; rsexec --help tells more\n", sites.Masked(err.Error()))
		return rsexec.StatusUsage
	}
	c.editor = &editor{std: std}
	ctx, stop := c.editor.untilSignal(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command.BindTo(ctx, (*context.Context)(nil))
	command.Bind(&c, std, &status)
	if err := command.Run(); err != nil {
		fmt.Fprintf(std.err, "rsexec: %s\n", sites.Masked(err.Error()))
		return max(status, rsexec.Status(err))
	}
	return status
}

// newParser returns the parser of the command line, which fills c.
func newParser(c *cli, std streams, exit func(code int)) *kong.Kong {
	return kong.Must(c, kong.Name("rsexec"), kong.Description(description()), kong.Writers(std.out, std.err),
		kong.UsageOnError(), kong.Exit(exit))
}

// options returns what the flags ask for of the executive.
func (c *cli) options(std streams) (rsexec.Options, error) {
	o := rsexec.Options{Out: std.out, Err: std.err, JSON: c.JSON, Trace: c.Trace, Yes: c.Yes}
	if err := c.load(&o, std); err != nil {
		return o, err
	}
	given := make(map[string]bool)
	for _, s := range c.Site {
		name, url, ok := strings.Cut(s, "=")
		if !ok {
			return o, &sites.Error{Op: "--site", Kind: sites.Usage, Msg: "no = in it",
				Hint: "write --site NAME=ftp://user:password@host:port/home"}
		}
		config, err := sites.ParseURL(name, url, o.Defaults...)
		if err != nil {
			return o, err
		}
		// One that is named for this run takes the place of the profile's.
		o.Sites = slices.DeleteFunc(o.Sites, func(other sites.Config) bool { return other.Name == config.Name && !given[config.Name] })
		given[config.Name] = true
		o.Sites = append(o.Sites, config)
	}
	if f, ok := std.out.(*os.File); ok {
		o.Terminal = isTerminal(f)
	}
	errors, ok := std.err.(*os.File)
	o.Colour = o.Terminal && ok && isTerminal(errors) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if out, ok := std.out.(*os.File); ok && o.Terminal {
		o.Screen = screenOf(out, std.err)
	}
	if f, ok := std.err.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			o.Width = width
		}
	}
	if c.editor.available() {
		o.Edit = c.editor.edit
	}
	if isTerminal(std.in) {
		o.Ask = func(ctx context.Context, question string, secret bool) (string, error) {
			return ask(std, question, secret)
		}
	}
	return o, nil
}

// load reads the profile and finds the state file.
func (c *cli) load(o *rsexec.Options, std streams) (err error) {
	o.Profile, o.State = c.Profile, c.State
	if o.Profile == "" {
		if o.Profile, err = profile.DefaultDir(); err != nil {
			return err
		}
	}
	if o.State == "" {
		dir, err := stateDir()
		if err != nil {
			return &sites.Error{Op: "find the state file", Kind: sites.Other, Err: err, Hint: "name one with --state"}
		}
		o.State = filepath.Join(dir, "state.db")
	}
	p, err := profile.Load(o.Profile)
	if err != nil {
		return err
	}
	for _, problem := range p.Problems {
		fmt.Fprintf(std.err, "rsexec: %s\n", sites.Masked(problem.Error()))
	}
	o.Sites, o.Defaults, o.Define, o.First = p.Sites, p.Defaults, p.Define, p.Ambiguous == profile.First
	return nil
}

// stateDir returns the folder of what outlives a run: rsexec in XDG_STATE_HOME,
// or else in ~/.local/state.
func stateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "rsexec"), nil
	}
	home, err := homedir.Dir()
	return filepath.Join(home, ".local", "state", "rsexec"), err
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// ask puts a question at the terminal.
func ask(std streams, question string, secret bool) (answer string, err error) {
	fmt.Fprint(std.err, question)
	if secret {
		b, err := term.ReadPassword(int(std.in.Fd()))
		fmt.Fprintln(std.err)
		if err != nil {
			return "", &sites.Error{Kind: sites.Cancelled, Msg: "no answer", Err: err}
		}
		return string(b), nil
	}
	if _, err := fmt.Fscanln(std.in, &answer); err != nil {
		return "", &sites.Error{Kind: sites.Cancelled, Msg: "no answer", Err: err}
	}
	return answer, nil
}

// runCommand performs a script.
type runCommand struct {
	File     string   `arg:"" help:"The script; - is standard input."`
	Argument []string `arg:"" optional:"" passthrough:"" help:"The arguments of the script, $$1 and so on in it."`
	Check    bool     `help:"Only tell what is wrong in the text of the script."`
	DryRun   bool     `help:"Explain the statements that would change something, instead of performing them."`
}

// Run is called by kong.
func (r *runCommand) Run(ctx context.Context, c *cli, std streams, status *int) error {
	script, name := std.in, "-"
	if r.File != "-" {
		f, err := os.Open(r.File)
		if err != nil {
			return &sites.Error{Op: "run", Kind: sites.Usage, Err: err}
		}
		defer f.Close() // it was only read
		script, name = f, r.File
	}
	return perform(ctx, c, std, status, name, script, r.Argument...)
}

// perform runs a script and sets the status.
func perform(ctx context.Context, c *cli, std streams, status *int, name string, script io.Reader, arguments ...string) error {
	o, err := c.options(std)
	if err != nil {
		return err
	}
	o.DryRun = c.Run.DryRun
	x, err := rsexec.New(o)
	if err != nil {
		return err
	}
	if c.Run.Check {
		*status = x.Check(name, script)
	} else {
		*status = x.RunScript(ctx, name, script, arguments...)
	}
	return x.Close()
}
