package ftpd

import (
	"context"
	"errors"
	"os"
	"strconv"
)

// avblVerb performs AVBL (draft-peterson-streamlined-ftp-command-extensions-10 section
// 4): how many bytes a user may store in a directory. The system is asked about the
// directory that is open below the user's root, so that no link leads to that of another
// file system. No more is told than the user's quota leaves.
func (s *session) avblVerb(ctx context.Context, arg string) {
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	free, err := s.space(name)
	if err == nil {
		err = s.measure(ctx)
	}
	if err != nil {
		s.refuse(name, err)
		return
	}
	s.reply(fileStatus, strconv.FormatUint(s.left(free), 10))
}

func (s *session) space(name string) (free uint64, err error) {
	info, err := s.root.Stat(relative(name))
	if err != nil {
		return 0, err
	}
	if !info.IsDir() {
		return 0, errors.New("not a directory")
	}
	// As in readListing.
	dir, err := s.root.Open(relative(name) + "/.")
	if err != nil {
		return 0, err
	}
	defer func() { _ = dir.Close() }() // it was only looked at
	raw, err := dir.SyscallConn()
	if err != nil {
		return 0, err
	}
	var asked error
	if err := raw.Control(func(fd uintptr) { free, asked = freeSpace(fd) }); err != nil {
		return 0, err
	}
	return free, os.NewSyscallError("free space", asked)
}
