// Package resolver makes complete pathnames of what a person typed: it knows
// the ways to write one, and looks partial ones up at the sites.
//
// Invariants:
//
//   - A site that could not be asked is never counted as a site that does not
//     have the file: every answer tells which sites were not heard.
//   - The index is believed only where it gives one place; that a file is nowhere
//     is never said before the sites said so.
//   - Places with the same pathname are one, however they were come by.
//   - A pattern never yields a name that holds a separator, and no listing is
//     held open while a match is worked on.
//   - A partial name is completed only to a file that was seen; where there is
//     a choice, the choice is never made silently.
package resolver
