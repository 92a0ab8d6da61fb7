package sites

import "fmt"

// MaxHeld is how many bytes of directories are held in memory at most for one purpose: some
// two million entries. Who passes entries on as they come holds none.
const MaxHeld = 512 << 20

// Held counts what is held in memory of directories. A site may list without end.
type Held int

// Add counts an entry, and reports whether there is still room.
func (h *Held) Add(e Entry) bool {
	const beside = 200 // what an entry takes beside its texts, with what refers to it
	*h += Held(len(e.Name) + len(e.Target) + beside)
	return *h <= MaxHeld
}

// TooLarge returns the error of a directory whose entries there is no room for.
func TooLarge(dir Pathname) error {
	return &Error{Op: "list", Site: dir.Site, Path: dir.Path, Kind: Unsupported,
		Msg: fmt.Sprintf("it has more entries than the %d MiB hold that there is room for", MaxHeld>>20)}
}
