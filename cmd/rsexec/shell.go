package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/chzyer/readline"

	"rsexec/grammar"
	"rsexec/rsexec"
	"rsexec/sites"
)

// shellCommand is the interactive shell; or, with -c or without a terminal, a
// batch.
type shellCommand struct {
	Command []string `short:"c" sep:"none" help:"Perform these statements and leave; repeatable." placeholder:"COMMANDS"`
}

// Run is called by kong.
func (s *shellCommand) Run(ctx context.Context, c *cli, std streams, status *int) error {
	if len(s.Command) > 0 {
		return perform(ctx, c, std, status, "", strings.NewReader(strings.Join(s.Command, "\n")))
	}
	if !isTerminal(std.in) {
		return perform(ctx, c, std, status, "-", std.in)
	}
	o, err := c.options(std)
	if err != nil {
		return err
	}
	*status, err = interact(ctx, o, c.editor)
	return err
}

// welcome is what a person sees first.
const welcome = "RSEXEC. HELP lists the verbs, TAB completes, QUIT leaves.\n"

// interact is the dialogue at the keyboard, and returns the status of QUIT. Ctrl-C
// ends a statement there, not the shell, so that only SIGTERM of the signals that
// ctx ends with counts.
func interact(ctx context.Context, o rsexec.Options, edit *editor) (status int, err error) {
	ctx, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer stop()
	history, err := historyFile()
	if err != nil {
		fmt.Fprintf(os.Stderr, "rsexec: history is not kept: %v\n", err)
	}
	o.History = func() ([]string, error) { return readHistory(history) }
	keys := &keyboard{}
	// Its own reader of the input would never be closed, and the shell not end, while it reads.
	input := readline.NewCancelableStdin(os.Stdin)
	line, err := readline.NewEx(&readline.Config{
		Stdin: input, Prompt: "@ ", HistoryFile: history, HistoryLimit: math.MaxInt, HistorySearchFold: true, DisableAutoSaveHistory: true, AutoComplete: keys,
		InterruptPrompt: "^C", EOFPrompt: "QUIT",
		FuncFilterInputRune: func(r rune) (rune, bool) {
			if r == 0 {
				keys.ended.Store(true)
			}
			return r, r != readline.CharCtrlZ
		},
	})
	if err != nil {
		return 0, errors.Join(err, input.Close())
	}
	closeLine := func() error { return errors.Join(input.Close(), line.Close()) }
	defer func() { err = errors.Join(err, closeLine()) }()
	o.Out, o.Err, o.Interactive = line.Stdout(), line.Stderr(), true
	o.Ask = func(_ context.Context, question string, secret bool) (string, error) {
		return askLine(line, question, secret)
	}
	x, err := rsexec.New(o)
	if err != nil {
		return 0, err
	}
	keys.x, keys.out, keys.width = x, line.Stdout(), line.Config.FuncGetWidth
	fmt.Fprint(o.Err, welcome)
	if len(o.Sites) == 0 {
		fmt.Fprint(o.Err, "There are no sites yet. SITE ADD name ftp://user:password@host adds one, rsexec import takes them from\n"+
			"other programs, and rsexec demo --keep is a network to try things on.\n")
	}
	watching, stopWatching := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { x.Watch(watching) })
	// SIGTERM ends the reading of a line, too.
	unread := context.AfterFunc(ctx, func() { closeLine() }) // the shell ends whatever comes of it
	status = loop(ctx, x, line, keys, edit)
	unread()
	stopWatching()
	watch.Wait()
	return status, x.Close()
}

// more is the prompt for a further line of a statement.
const more = "@@ "

// loop reads statements and performs them until QUIT, whose status it returns, or
// the end of the input.
func loop(ctx context.Context, x *rsexec.Executive, line *readline.Instance, keys *keyboard, edit *editor) (status int) {
	text, given := "", "" // the lines of a statement so far, and what the next one begins with
	for ctx.Err() == nil && !keys.ended.Load() {
		if text == "" {
			line.SetPrompt(keys.prompt(x.Prompt()))
		} else {
			line.SetPrompt(more)
		}
		typed, err := line.ReadlineWithDefault(given)
		given = ""
		switch {
		case errors.Is(err, readline.ErrInterrupt):
			text = ""
			continue
		case err != nil: // the end of the input, or of the terminal
			if keys.ended.Load() || leaves(ctx, x, line) {
				return 0
			}
			continue
		}
		if before, ok := asked(typed); ok {
			keys.answer(before)
			given = before
			continue
		}
		remember(line, x, typed)
		text += typed + "\n"
		statements, err := grammar.Parse("", text)
		var syntax *grammar.SyntaxError
		if errors.As(err, &syntax) && syntax.Incomplete {
			continue
		}
		text = ""
		for _, st := range statements {
			if failed := runOne(ctx, x, st, edit); failed != nil {
				quit, ok := errors.AsType[*rsexec.Quit](failed)
				switch {
				case !ok:
					err = failed
				case leaves(ctx, x, line):
					return quit.Status
				}
				break
			}
		}
		if err != nil {
			x.Report(err)
		}
	}
	return 0
}

// leaves asks what is to become of the jobs that run, if there are any, and reports
// whether the shell is left. Whoever cannot be asked leaves.
func leaves(ctx context.Context, x *rsexec.Executive, line *readline.Instance) bool {
	for ctx.Err() == nil {
		var question string
		switch n := len(x.Running()); n {
		case 0:
			return true
		case 1:
			question = "1 job is running: leave and stop it"
		default:
			question = fmt.Sprintf("%d jobs are running: leave and stop them", n)
		}
		answer, err := askLine(line, question+" (RESUME goes on), wait, or stay? (l/w/s) ", false)
		if err != nil {
			return !errors.Is(err, readline.ErrInterrupt)
		}
		switch answer = strings.ToLower(strings.TrimSpace(answer)); {
		case answer == "":
		case strings.HasPrefix("leave", answer):
			return true
		case strings.HasPrefix("stay", answer):
			return false
		case strings.HasPrefix("wait", answer):
			waiting, stop := signal.NotifyContext(ctx, os.Interrupt)
			x.Wait(waiting)
			interrupted := waiting.Err() != nil
			stop()
			if interrupted {
				return ctx.Err() != nil
			}
		}
	}
	return true
}

// remember puts a line into the history, unless there is a password in it.
func remember(line *readline.Instance, x *rsexec.Executive, typed string) {
	if strings.TrimSpace(typed) == "" || len(rsexec.Passwords(typed)) > 0 {
		return
	}
	if err := line.SaveHistory(typed); err != nil {
		x.Report(&sites.Error{Op: "keep the history", Kind: sites.Other, Err: err})
	}
}

// runOne performs a statement, which Ctrl-C stops; a second Ctrl-C ends the
// program, whatever still hangs. While the editor runs it is for the editor.
func runOne(ctx context.Context, x *rsexec.Executive, st *grammar.Statement, edit *editor) error {
	interrupts := make(chan os.Signal, 2)
	signal.Notify(interrupts, os.Interrupt)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for n := 0; ; {
			select {
			case <-interrupts:
				if edit.running.Load() {
					continue
				}
				if n++; n > 1 {
					os.Exit(rsexec.StatusInterrupted)
				}
				cancel()
			case <-done:
				return
			}
		}
	}()
	err := x.Run(ctx, st)
	close(done)
	<-watched
	signal.Stop(interrupts)
	cancel()
	return err
}

// askLine puts a question through the line editor.
func askLine(line *readline.Instance, question string, secret bool) (string, error) {
	// Only the last line can be the prompt; the lines before it are printed.
	if i := strings.LastIndexByte(question, '\n'); i >= 0 {
		fmt.Fprint(line.Stderr(), question[:i+1])
		question = question[i+1:]
	}
	var answer string
	var err error
	if secret {
		var b []byte
		b, err = line.ReadPassword(question)
		answer = string(b)
	} else {
		prompt := line.Config.Prompt
		line.SetPrompt(question)
		line.HistoryDisable()
		answer, err = line.Readline()
		line.HistoryEnable()
		line.SetPrompt(prompt)
	}
	if err != nil {
		return "", &sites.Error{Kind: sites.Cancelled, Msg: "no answer", Err: err}
	}
	return answer, nil
}

// keptLines is how many lines of the history a shell begins with.
const keptLines = 500

// historyFile returns where the history is kept, which is for its owner only. What is
// too old goes from it here: the line editor would put a file in its place that others
// may read.
func historyFile() (string, error) {
	dir, err := stateDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "history")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return "", err
	}
	if err := errors.Join(f.Close(), os.Chmod(file, 0o600)); err != nil { // it may have been there
		return "", err
	}
	lines, err := readHistory(file)
	if err != nil || len(lines) <= keptLines {
		return file, err
	}
	newer, err := os.CreateTemp(dir, "history-") // for its owner only, too
	if err != nil {
		return "", err
	}
	_, err = newer.WriteString(strings.Join(lines[len(lines)-keptLines:], "\n") + "\n")
	if err = errors.Join(err, newer.Close()); err == nil {
		err = os.Rename(newer.Name(), file)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(newer.Name()))
	}
	return file, nil
}

// readHistory returns the lines of the file that historyFile named; "" is none.
func readHistory(file string) ([]string, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, &sites.Error{Op: "read the history", Kind: sites.Other, Err: err}
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' }), nil
}
