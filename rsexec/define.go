package rsexec

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"rsexec/grammar"
	"rsexec/resolver"
	"rsexec/sites"
)

// nameEvent is a logical name and its search list.
type nameEvent struct {
	Event string   `json:"event"` // "name"
	Name  string   `json:"name"`
	List  []string `json:"list"`
}

func (e nameEvent) text() string {
	return fmt.Sprintf("%-16s %s\n", e.Name+":", sites.Printable(strings.Join(e.List, ", ")))
}

// define performs DEFINE [(LOGICAL NAME) name (AS) d,...]: without a list it
// prints one name, without a name all of them.
func (x *Executive) define(_ context.Context, st *grammar.Statement) error {
	name := logicalName(st.Operand(0))
	if list := st.List(1); len(list) > 0 {
		typed := make([]string, len(list))
		for i, w := range list {
			typed[i] = w.Pattern()
		}
		return named(st, x.defineName(name, typed))
	}
	if name != "" {
		list, ok := x.resolver.Logical[name]
		if !ok {
			return &sites.Error{Op: st.Verb.Name, Site: name, Kind: sites.NotFound, Msg: "no such logical name"}
		}
		return x.printer.print(nameEvent{"name", name, withoutEach(list)})
	}
	for _, name := range slices.Sorted(maps.Keys(x.resolver.Logical)) {
		if err := x.printer.print(nameEvent{"name", name, withoutEach(x.resolver.Logical[name])}); err != nil {
			return err
		}
	}
	if _, ok := x.resolver.Logical[resolver.DSK]; !ok {
		var homes []string
		for _, s := range x.network.DSK() {
			homes = append(homes, s.Name()+":")
		}
		return x.printer.print(nameEvent{"name", resolver.DSK, homes})
	}
	return nil
}

// logicalName returns the logical name that a word is, with or without its
// colon.
func logicalName(w grammar.Word) string {
	return strings.ToUpper(strings.TrimSuffix(w.Value(), ":"))
}

// withoutEach returns pathnames without the passwords that URLs may hold.
func withoutEach(list []string) []string {
	shown := make([]string, len(list))
	for i, typed := range list {
		shown[i] = resolver.WithoutPassword(typed)
	}
	return shown
}

// defineName makes a logical name stand for a search list, whose elements are
// looked at now so that a mistake is told at once.
func (x *Executive) defineName(name string, list []string) error {
	name = strings.ToUpper(name)
	if err := sites.CheckName(name); err != nil {
		return err
	}
	if _, ok := x.network.Site(name); ok {
		return &sites.Error{Site: name, Kind: sites.Usage, Msg: "it is the name of a site"}
	}
	for _, element := range list {
		n, err := resolver.Parse(element)
		if err != nil {
			return err
		}
		if n.Head == "" {
			return &sites.Error{Site: name, Kind: sites.Usage, Msg: fmt.Sprintf("its search list has %s, which names no site", sites.Printable(element)),
				Hint: "write SITE:" + element}
		}
	}
	x.resolver.Logical[name] = list
	return nil
}

// undefine performs UNDEFINE (LOGICAL NAME) name.
func (x *Executive) undefine(_ context.Context, st *grammar.Statement) error {
	name := logicalName(st.Operand(0))
	if _, ok := x.resolver.Logical[name]; !ok {
		return &sites.Error{Op: st.Verb.Name, Site: name, Kind: sites.NotFound, Msg: "no such logical name"}
	}
	delete(x.resolver.Logical, name)
	return nil
}
