package ftpd

import "golang.org/x/sys/windows"

// freeSpace is how many bytes this user may still store on the volume of an open
// directory.
func freeSpace(fd uintptr) (uint64, error) {
	name := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetFinalPathNameByHandle(windows.Handle(fd), &name[0], uint32(len(name)), 0)
	if err != nil {
		return 0, err
	}
	if int(n) >= len(name) {
		return 0, windows.ERROR_FILENAME_EXCED_RANGE
	}
	var free uint64
	err = windows.GetDiskFreeSpaceEx(&name[0], &free, nil, nil)
	return free, err
}
