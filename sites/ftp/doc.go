// Package ftp is the user-PI of RFC 959: control connections, replies,
// listings and the data connections of the user's own host; and the FTP site
// that is made of them.
//
// Invariants:
//
//   - A reply is never taken for the answer to another command: commands and
//     final replies are matched in order, a reply that nobody asked for closes
//     the connection, and a connection is used again only when it waits for no
//     reply.
//   - A read ends with io.EOF, and a write with a nil Commit, only after the
//     server has said that the transfer is complete.
//   - A session is used for other work only if nothing of the last piece is in
//     force: no REST, and no working directory that relative paths would feel.
//   - Nothing a server sends makes memory grow without bound.
package ftp
