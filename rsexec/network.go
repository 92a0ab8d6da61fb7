package rsexec

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rsexec/sites"
	"rsexec/sites/ftp"
	"rsexec/sites/local"
)

const (
	// missesDown is how many misses in a row make a site down; answersUp is how
	// many answers in a row make it up again.
	missesDown = 2
	answersUp  = 2

	// downFor is how long a site that is down is not asked, where nobody asks
	// it in the background.
	downFor = time.Minute
)

// network holds the sites and which of them answer. It implements
// resolver.Network. It may be used by several goroutines.
type network struct {
	options ftp.Options

	mu     sync.Mutex
	order  []string // the names, but for LOCAL
	byName map[string]sites.Site
	former []*ftp.Site // whose names others have by now
	health map[string]*health

	// What each site is, whatever it is called (see sites.Config.Identity), and
	// what it is called.
	identities map[string]string
	called     map[string][]string
}

// health is what is known of a site's answering.
type health struct {
	misses, answers int // in a row
	down            bool
	since           time.Time // when it was last found down
	reason          error
}

func newNetwork(configs []sites.Config, options ftp.Options) (*network, error) {
	n := &network{options: options, byName: map[string]sites.Site{sites.LocalName: local.Site{}}, health: make(map[string]*health),
		identities: make(map[string]string), called: make(map[string][]string)}
	for _, c := range configs {
		if err := n.add(c); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// add adds a site.
func (n *network) add(c sites.Config) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, twice := n.byName[c.Name]; twice {
		return &sites.Error{Op: "site", Site: c.Name, Kind: sites.Usage, Msg: "it is named twice"}
	}
	n.byName[c.Name] = ftp.New(c, n.options)
	n.order = append(n.order, c.Name)
	id := c.Identity()
	n.identities[c.Name], n.called[id] = id, append(n.called[id], c.Name)
	return nil
}

// remove ends the sessions with a site and forgets it.
func (n *network) remove(name string) error {
	n.mu.Lock()
	s, ok := n.byName[name]
	if i := slices.Index(n.order, name); ok && i >= 0 {
		n.order = slices.Delete(n.order, i, i+1)
		id := n.identities[name]
		n.called[id] = slices.DeleteFunc(slices.Clone(n.called[id]), func(other string) bool { return other == name })
		delete(n.identities, name)
		delete(n.byName, name)
		delete(n.health, name)
	}
	n.mu.Unlock()
	if !ok || name == sites.LocalName {
		return &sites.Error{Site: name, Kind: sites.NotFound, Msg: "no such site"}
	}
	return s.Close()
}

// Site returns the site with the name given.
func (n *network) Site(name string) (sites.Site, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s, ok := n.byName[name]
	return s, ok
}

// workIn makes a folder of this host the one that relative paths of LOCAL start
// from.
func (n *network) workIn(dir string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.byName[sites.LocalName] = local.Site{Dir: dir}
}

// Names returns the names of the sites, without LOCAL.
func (n *network) Names() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.order)
}

// ftpSites returns the sites, without LOCAL.
func (n *network) ftpSites() []*ftp.Site {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*ftp.Site
	for _, name := range n.order {
		all = append(all, n.byName[name].(*ftp.Site))
	}
	return all
}

// DSK returns the sites that partial names are looked up at.
func (n *network) DSK() []sites.Site {
	var dsk []sites.Site
	for _, s := range n.ftpSites() {
		if !s.Config().NotInDSK {
			dsk = append(dsk, s)
		}
	}
	return dsk
}

// Visit returns the site of a URL that is in no profile. It stays until the
// end, under the URL without its password. Without one, it is reached as before, or
// as the site that has a name for the same user and server.
func (n *network) Visit(url string) (sites.Site, error) {
	c, err := sites.ParseURL("VISITED", url)
	if e, ok := errors.AsType[*sites.Error](err); ok {
		e.Site = sites.WithoutPassword(url)
		return nil, e
	}
	if err != nil {
		return nil, err
	}
	c.Name = strings.TrimSuffix(c.Identity(), ":21")
	n.mu.Lock()
	defer n.mu.Unlock()
	known := c.Password != ""
	if names := n.called[c.Identity()]; !known && len(names) > 0 {
		name, home := c.Name, c.Home
		c = n.byName[names[0]].(*ftp.Site).Config()
		c.Name, c.Home, known = name, home, true
	}
	if !known && c.User == sites.Anonymous {
		c.Password = sites.AnonymousPassword
	}
	before, there := n.byName[c.Name].(*ftp.Site)
	if there && (!known || before.Config() == c) {
		return before, nil
	}
	if there { // another password; what is at work goes on with the one before
		n.former = append(n.former, before)
	}
	s := ftp.New(c, n.options)
	n.byName[c.Name] = s
	return s, nil
}

// identity returns what a site is, whatever it is called.
func (n *network) identity(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id, ok := n.identities[name]; ok {
		return id
	}
	return name
}

// named returns the names of the sites with an identity. The caller does not
// change them.
func (n *network) named(identity string) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.called[identity]
}

// Heard takes note of what came of asking a site. Only its silence counts as a
// miss: a refusal is an answer.
func (n *network) Heard(site string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.health[site]
	if h == nil {
		h = &health{}
		n.health[site] = h
	}
	if sites.KindOf(err) != sites.Unreachable {
		h.misses = 0
		if h.answers++; h.answers >= answersUp {
			h.down = false
		}
		return
	}
	h.answers = 0
	h.misses++
	if h.misses >= missesDown {
		h.down, h.since, h.reason = true, time.Now(), err
	}
}

// tested takes note of what came of a test that the person asked for: it
// settles at once whether the site is up.
func (n *network) tested(site string, err error) {
	for range max(answersUp, missesDown) {
		n.Heard(site, err)
	}
}

// Down returns why a site is not asked: it missed several times in a row, the
// last time not long ago.
func (n *network) Down(site string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := n.health[site]
	if h == nil || !h.down || time.Since(h.since) > downFor {
		return nil
	}
	return &sites.Error{Site: site, Kind: sites.Unreachable, Msg: "it is down since " + h.since.Format("15:04:05"), Err: h.reason,
		Hint: "SITE TEST asks it again"}
}

func (n *network) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var group errgroup.Group
	for _, s := range n.byName {
		group.Go(s.Close)
	}
	for _, s := range n.former {
		group.Go(s.Close)
	}
	return group.Wait()
}
