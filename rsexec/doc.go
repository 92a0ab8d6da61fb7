// Package rsexec is the executive: it runs the statements of the command
// language over a network of sites, and tells what happened as events.
//
// Invariants:
//
//   - A statement's error is an *sites.Error or a *grammar.SyntaxError.
//   - All that a person or a program sees goes out through one printer, a whole
//     event at a time.
//   - When Run returns, nothing of the statement goes on.
package rsexec
