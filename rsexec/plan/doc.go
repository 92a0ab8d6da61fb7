// Package plan holds the choreographies, each as the figure that its RFC drew,
// and chooses among them for two sites. It does no I/O.
//
// Invariants:
//
//   - A figure is data. What is sent, what EXPLAIN prints and what TRACE
//     prints all come from the same value.
//   - A step uses only variables that the plan gives or that an earlier row
//     binds.
//   - In a row the receiving side's command is written first: a server that
//     connects early would otherwise meet no transfer.
package plan
