// Package transfer performs plans: it runs a figure over two control
// connections, or over one where a site copies the file itself, or joins two data
// connections, until the file is at its destination or the reason why not is known.
//
// Invariants:
//
//   - A transfer is complete only when both sides have said so, and it is
//     reported as verified only after the sizes were compared.
//   - Nothing is appended twice that may have arrived: between two tries the
//     destination's size says how much did, and without a size there is no
//     second try unless the replies show that nothing did.
//   - What a site copied itself is a file of its own, and no link to the source, as
//     far as the site tells. No two tries of that write to one name.
//   - A COPY never touches the destination's own name before the new file is
//     whole.
//   - When a function returns, each control connection it used is in step or
//     closed.
package transfer
