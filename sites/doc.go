// Package sites holds what every kind of site has in common: complete
// pathnames, the Site interface, site URLs, session pools, traces and the one
// error type.
//
// Invariants:
//
//   - A Pathname's Path is spelled as its site spells it; nothing in this
//     package changes its case or its separators.
//   - Text that came from a server is kept as it came and escaped by Printable
//     when it is shown; it never reaches a terminal otherwise.
//   - A password is never part of an error, a trace or a String result.
package sites
