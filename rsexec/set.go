package rsexec

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"rsexec/grammar"
	"rsexec/sites"
)

// variableEvent is a variable and its value.
type variableEvent struct {
	Event string `json:"event"` // "variable"
	Name  string `json:"name"`
	Value string `json:"value"`
}

func (e variableEvent) text() string {
	return fmt.Sprintf("%-16s %s\n", e.Name, sites.Printable(e.Value))
}

// set performs SET [(VARIABLE) name [(TO) value]]: without a value it prints one
// variable, without a name all of them.
func (x *Executive) set(_ context.Context, st *grammar.Statement) error {
	name, variables := st.Operand(0).Value(), x.thread.variables
	if len(st.List(1)) > 0 {
		variables[name] = st.Operand(1)
		return nil
	}
	names := slices.Sorted(maps.Keys(variables))
	if name != "" {
		if _, there := variables[name]; !there {
			return &sites.Error{Op: st.Verb.Name, Kind: sites.NotFound, Msg: "there is no variable " + name}
		}
		names = []string{name}
	}
	for _, name := range names {
		if err := x.printer.print(variableEvent{"variable", name, sites.Masked(withoutPassword(variables[name]).Value())}); err != nil {
			return err
		}
	}
	return nil
}
