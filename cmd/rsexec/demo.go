package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"rsexec/grammar"
	"rsexec/rsexec"
	"rsexec/sites"
	"rsexec/sites/ftpd"
)

// demoCommand shows the main work on sites of its own.
type demoCommand struct {
	Keep bool `help:"Then give the prompt on that network, if there is a terminal."`
}

// The line of RFC 438, and the choreographies in which the demo performs it.
const demoAppend = "APPEND (FILE) PROG1.PL1 (TO FILE) PROG2.PL1"

var demoChoreographies = []string{"rfc438", "rfc478", "rfc959"}

// demoFiles are the files of the demo's sites, by site and name.
var demoFiles = map[string]map[string]string{
	"SITE1": {"PROG1.PL1": " /* PROG1: LIVES AT SITE1 */\n PUT LIST ('HELLO FROM SITE1');\n"},
	"SITE2": {"PROG2.PL1": " /* PROG2: LIVES AT SITE2 */\n"},
	"SITE3": {"NOTES.TXT": "Nothing of the program is here.\n"},
}

// Run is called by kong.
func (d *demoCommand) Run(ctx context.Context, c *cli, std streams, status *int) (err error) {
	network, err := startDemo(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, network.stop()) }()
	o, err := c.options(std)
	if err != nil {
		return err
	}
	// Nothing of the person's own takes part, and nothing is kept.
	o.Sites, o.Define, o.First = network.sites, nil, false
	o.Profile, o.State = "", filepath.Join(network.dir, "state.db")
	o.Err = std.out // the dialogues are what is to be seen
	x, err := rsexec.New(o)
	if err != nil {
		return err
	}
	err = show(ctx, x, network, std)
	if closed := x.Close(); err == nil {
		err = closed
	}
	if err == nil && d.Keep && isTerminal(std.in) {
		fmt.Fprintf(std.out, "\nThe network stays until you QUIT.\n")
		*status, err = interact(ctx, o, c.editor)
		return err
	}
	if err == nil && d.Keep {
		fmt.Fprintf(std.err, "rsexec: --keep needs a terminal; the network is taken down\n")
	}
	return err
}

// show performs the APPEND in each choreography.
func show(ctx context.Context, x *rsexec.Executive, network *demoNetwork, std streams) error {
	say := func(format string, args ...any) { fmt.Fprintf(std.out, format, args...) }
	say("Three sites, each a server of its own at this host:\n\n")
	for _, c := range network.sites {
		say("    %s  %s\n", c.Name, c)
	}
	say("\nPROG1.PL1 is at SITE1, PROG2.PL1 at SITE2, the user at neither.\n")
	for _, name := range demoChoreographies {
		if err := network.reset(); err != nil {
			return err
		}
		line := demoAppend + " --choreography=" + name
		say("\n%s\n\n@ EXPLAIN %s\n\n", rule(name), line)
		if err := perform1(ctx, x, "EXPLAIN "+line); err != nil {
			return err
		}
		var through atomic.Int64
		counted := sites.WithTrace(ctx, &sites.Trace{Data: func(_ string, received, sent int64) { through.Add(received + sent) }})
		say("\n@ TRACE %s\n\n", line)
		if err := perform1(counted, x, "TRACE "+line); err != nil {
			return err
		}
		say("\nData bytes that passed through this host: %d\n\n@ TYPE SITE2:PROG2.PL1\n\n", through.Load())
		if through.Load() != 0 {
			return errors.New("data passed through this host")
		}
		if err := perform1(ctx, x, "TYPE SITE2:PROG2.PL1"); err != nil {
			return err
		}
	}
	return nil
}

func rule(title string) string {
	const dashes = "----------------------------------------------------------------------------"
	return "---- " + title + " " + dashes[len(title):]
}

// perform1 performs one statement.
func perform1(ctx context.Context, x *rsexec.Executive, text string) error {
	statements, err := grammar.Parse("", text)
	if err != nil {
		return err
	}
	return x.Run(ctx, statements[0])
}

// demoNetwork is three site servers in this process, with their folders.
type demoNetwork struct {
	dir     string
	sites   []sites.Config
	cancel  context.CancelFunc
	serving errgroup.Group
}

// startDemo starts the demo's servers on loopback.
func startDemo(ctx context.Context) (n *demoNetwork, err error) {
	dir, err := os.MkdirTemp("", "rsexec-demo-")
	if err != nil {
		return nil, err
	}
	// Ctrl-C stops a statement, not the servers: stop does that.
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	n = &demoNetwork{dir: dir, cancel: cancel}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.stop())
		}
	}()
	for _, name := range []string{"SITE1", "SITE2", "SITE3"} {
		root := filepath.Join(dir, name)
		if err := os.Mkdir(root, 0o700); err != nil {
			return n, err
		}
		listener, err := ftpd.Listen(ctx, "127.0.0.1:0")
		if err != nil {
			return n, err
		}
		server := ftpd.Server{
			Users:      []ftpd.User{{Name: "demo", Password: "demo", Root: root}},
			AllowPeers: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		}
		n.serving.Go(func() error { return server.Serve(ctx, listener) })
		config, err := sites.ParseURL(name, fmt.Sprintf("ftp://demo:demo@127.0.0.1:%d", listener.Addr().(*net.TCPAddr).Port))
		if err != nil {
			return n, err
		}
		n.sites = append(n.sites, config)
	}
	return n, n.reset()
}

// reset gives every site its first files.
func (n *demoNetwork) reset() error {
	for site, files := range demoFiles {
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(n.dir, site, name), []byte(text), 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// stop ends the servers and removes their folders.
func (n *demoNetwork) stop() error {
	n.cancel()
	return errors.Join(n.serving.Wait(), os.RemoveAll(n.dir))
}
