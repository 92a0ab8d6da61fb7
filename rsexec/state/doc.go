// Package state keeps what must outlive one run of the shell, in one SQLite
// file: the index of names that partial pathnames are looked up in.
//
// Invariants:
//
//   - Several processes may use one file at once: every change is one short
//     transaction, and readers never wait for writers (WAL).
//   - A listing is in the index whole or not at all.
//   - What the index says was true once, at the time it tells; whoever acts on
//     it finds out whether it still is.
package state
