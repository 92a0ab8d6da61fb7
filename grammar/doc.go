// Package grammar is the command language: it turns text into statements, and
// holds the table of verbs that says which statements there are.
//
// Invariants:
//
//   - The package does no I/O beyond reading from the io.Reader it is given, and
//     nothing at package level ever changes.
//   - The verb table is the only place that knows a verb. Parsing, abbreviation,
//     recognition, usage lines and help follow from it.
//   - A pathname is one Word and is never split here; what it names is for
//     others to find out.
//   - A Statement printed with String and parsed again is the same statement,
//     positions aside.
//   - A Reader holds one line of its script at a time, and no line longer than
//     MaxLine.
//   - Text that is not a statement gives a *SyntaxError, which says in words what
//     was expected and where.
package grammar
