// Package transfer performs jobs, and the plans of their transfers: it runs a figure
// over two control connections, or joins two data connections, until the file is at
// its destination or the reason why not is known.
//
// Invariants:
//
//   - A transfer is complete only when both sides have said so, and it is
//     reported as verified only after sizes, digests or contents were compared.
//   - What is about to be done is in the journal before it is done. Whoever finds a
//     transfer there asks the sites how far it came, and never the journal alone.
//   - Nothing is appended twice that may have arrived: between two tries the
//     destination's size says how much did, and without a size there is no
//     second try unless the replies show that nothing did.
//   - Of all jobs of a journal one at a time appends to a file, and what the file held
//     before is looked at in its turn.
//   - What a site copied itself is a file of its own, and no link to the source, as
//     far as the site tells. No two tries of that write to one name.
//   - A COPY never touches the destination's own name before the new file is
//     whole, unless it is to be written in place.
//   - A server that was given up and may go on writing is never written beside into
//     the same temporary file: the next try waits until its size is still, or uses
//     another name.
//   - A transfer never waits for a session while it holds one, but for those of a
//     figure, which are taken in the order of the sites' names. Whoever holds sessions has
//     files on their way with them.
//   - What is written ahead is trusted no more than anything else: whatever becomes of a
//     file in a lane, it goes on as one that went alone and broke off there.
//   - When a function returns, each control connection it used is in step or
//     closed.
package transfer
