package grammar_test

import (
	"fmt"

	"rsexec/grammar"
)

func Example() {
	list, err := grammar.Parse("", "append prog1.pl1 (to file) prog2.pl1 --route=direct")
	if err != nil {
		fmt.Println(err)
		return
	}
	st := list[0]
	route, _ := st.Option("route")
	fmt.Println(st)
	fmt.Println(st.Operand(0).Value(), "to", st.Operand(1).Value(), "by", route)
	// Output:
	// APPEND (FILE) prog1.pl1 (TO FILE) prog2.pl1 --route=direct
	// prog1.pl1 to prog2.pl1 by direct
}

func ExampleSyntaxError_Snippet() {
	_, err := grammar.Parse("night.rsx", "COPY (TO FILE) a b")
	fmt.Println(err)
	fmt.Println(err.(*grammar.SyntaxError).Snippet())
	// Output:
	// night.rsx:1:6: expected (FILE) or a pathname, not (TO FILE)
	// COPY (TO FILE) a b
	//      ^
}
