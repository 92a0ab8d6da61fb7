//go:build linux || darwin || freebsd || dragonfly

package ftpd

import "golang.org/x/sys/unix"

// freeSpace is how many bytes one who is not root may still store on the file system of
// an open file.
func freeSpace(fd uintptr) (uint64, error) {
	var fs unix.Statfs_t
	for {
		err := unix.Fstatfs(int(fd), &fs)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		// Where the count is signed, it is negative when only root may still store.
		return uint64(max(int64(fs.Bavail), 0)) * uint64(fs.Bsize), nil
	}
}
