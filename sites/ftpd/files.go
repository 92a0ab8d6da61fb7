package ftpd

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// timeVal is the form of a time in RFC 3659 section 2.3, in UTC.
const timeVal = "20060102150405"

// pathname makes the absolute pathname that arg names. It replies if arg cannot be one.
func (s *session) pathname(arg string) (string, bool) {
	name, wrong := s.absolute(arg)
	if wrong != "" {
		s.reply(badSyntax, wrong)
	}
	return name, wrong == ""
}

// absolute makes the absolute pathname, clean and lexically below "/", that arg names from
// the working directory; or it says what is wrong with arg.
func (s *session) absolute(arg string) (name, wrong string) {
	switch {
	case strings.ContainsAny(arg, "\x00\r\n"):
		return "", "A pathname has no NUL, CR or LF"
	case filepath.Separator != '/' && strings.ContainsAny(arg, `\:`):
		return "", `A pathname of this site has no \ or :`
	case !strings.HasPrefix(arg, "/"):
		arg = s.cwd + "/" + arg
	}
	return path.Clean(arg), ""
}

// relative is an absolute pathname as os.Root takes it.
func relative(name string) string {
	if name == "/" {
		return "."
	}
	return name[1:]
}

// refuse replies to a command on a file that failed with err.
func (s *session) refuse(name string, err error) {
	var restart *restartError
	var ranged *rangeError
	var over *quotaError
	switch {
	case errors.As(err, &over):
		s.reply(overQuota, name, over)
	case errors.As(err, &ranged):
		s.reply(badRange, ranged)
	case errors.As(err, &restart):
		s.reply(badRestart, restart)
	case errors.Is(err, errNotPlain):
		s.reply(notPlainFile, name)
	case errors.Is(err, errBusy):
		s.reply(fileBusy, name, errBusy)
	case errors.Is(err, fs.ErrNotExist):
		s.reply(notFound, name)
	case errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY): // which is an ErrExist to Go
		s.reply(nameExists, name)
	case storageFull(err):
		s.reply(storageExhausted, name)
	default:
		s.reply(denied, name, reason(err))
	}
}

// reason is the innermost text of err: the outer ones name the folders of this
// host, which are not the user's business.
func reason(err error) string {
	var pathErr *fs.PathError
	var linkErr *os.LinkError
	var opErr *net.OpError
	var sysErr *os.SyscallError
	switch {
	case errors.As(err, &pathErr) && pathErr.Err != nil:
		return reason(pathErr.Err)
	case errors.As(err, &linkErr) && linkErr.Err != nil:
		return reason(linkErr.Err)
	case errors.As(err, &opErr) && opErr.Err != nil:
		return reason(opErr.Err)
	case errors.As(err, &sysErr) && sysErr.Err != nil:
		return sysErr.Err.Error()
	}
	return err.Error()
}

// quoted is a pathname as a 257 reply has it (RFC 959 appendix II).
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (s *session) pwdVerb(context.Context, string) { s.reply(workingDirectory, quoted(s.cwd)) }

func (s *session) cdupVerb(ctx context.Context, _ string) { s.cwdVerb(ctx, "..") }

func (s *session) cwdVerb(_ context.Context, arg string) {
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	info, err := s.root.Stat(relative(name))
	if err != nil {
		s.refuse(name, err)
		return
	}
	if !info.IsDir() {
		s.reply(denied, name, "not a directory")
		return
	}
	s.cwd = name
	s.reply(fileActionDone, quoted(name)+" is the working directory")
}

func (s *session) mkdVerb(_ context.Context, arg string) {
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	if err := s.root.Mkdir(relative(name), 0o777); err != nil {
		s.refuse(name, err)
		return
	}
	s.reply(directoryCreated, quoted(name))
}

// remove removes a directory or something else; which, it is told, because one
// call of the system takes either.
func (s *session) remove(arg string, directory bool) (name string, ok bool) {
	if name, ok = s.pathname(arg); !ok {
		return "", false
	}
	var err error
	switch {
	case name == "/":
		err = fs.ErrPermission
	case directory:
		err = s.removeDirectory(name)
	default:
		err = s.deletePlain(name)
	}
	if err != nil {
		s.refuse(name, err)
	}
	return name, err == nil
}

func (s *session) removeDirectory(name string) error {
	info, err := s.root.Lstat(relative(name))
	if err == nil && !info.IsDir() {
		err = errors.New("not a directory")
	}
	if err != nil {
		return err
	}
	return s.root.Remove(relative(name))
}

func (s *session) rmdVerb(_ context.Context, arg string) {
	if name, ok := s.remove(arg, true); ok {
		s.reply(fileActionDone, "Removed "+name)
	}
}

func (s *session) deleVerb(_ context.Context, arg string) {
	if name, ok := s.remove(arg, false); ok {
		s.reply(deleted, name)
	}
}

// rnfrVerb performs RNFR; it holds for the very next command.
func (s *session) rnfrVerb(_ context.Context, arg string) {
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	if _, err := s.root.Lstat(relative(name)); err != nil {
		s.refuse(name, err)
		return
	}
	s.renameFrom = name
	s.reply(renameStarted, name)
}

// rntoVerb performs RNTO. A file of the new name is replaced.
func (s *session) rntoVerb(_ context.Context, arg string) {
	if s.renameFrom == "" {
		s.reply(badSequence, "RNTO comes right after RNFR")
		return
	}
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	gone := s.replacedSize(s.renameFrom, name)
	if err := s.root.Rename(relative(s.renameFrom), relative(name)); err != nil {
		s.reply(renameFailed, name, reason(err))
		return
	}
	s.account.change(-gone)
	if s.svc.sync {
		// The folder that the file left is written with it, or later: a name too many is
		// no loss.
		if err := syncFolder(s.root, name); err != nil {
			s.reply(localError, name, reason(err))
			return
		}
	}
	s.reply(renamed, name)
}

// replacedSize is the size of the file that another one replaces by taking its name; "" is
// one that is new.
func (s *session) replacedSize(from, name string) int64 {
	old, err := s.root.Lstat(relative(name))
	if err != nil || !old.Mode().IsRegular() {
		return 0
	}
	if from != "" {
		if info, err := s.root.Lstat(relative(from)); err != nil || os.SameFile(info, old) {
			return 0
		}
	}
	return old.Size()
}

// sizeVerb performs SIZE (RFC 3659 section 4). The size in TYPE A would take
// reading the whole file. Of a file of which there is only the part that a broken upload has
// left it tells where to go on; MLST and the listings tell what is there, and that is not.
func (s *session) sizeVerb(_ context.Context, arg string) {
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	if !s.image {
		s.reply(denied, name, "SIZE works in TYPE I only")
		return
	}
	info, err := s.root.Stat(relative(name))
	if errors.Is(err, fs.ErrNotExist) {
		if part, perr := s.part(name); perr == nil {
			info, err = part, nil
		}
	}
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		s.refuse(name, err)
		return
	}
	s.reply(fileStatus, strconv.FormatInt(info.Size(), 10))
}

// mdtmVerb performs MDTM (RFC 3659 section 3).
func (s *session) mdtmVerb(_ context.Context, arg string) {
	if stamp, arg, set, ok := s.mdtmSets(arg); ok {
		if s.allowed(Write, "MDTM with a time") {
			s.setModified(stamp, arg, set)
		}
		return
	}
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	info, err := s.root.Stat(relative(name))
	if err != nil {
		s.refuse(name, err)
		return
	}
	s.reply(fileStatus, info.ModTime().UTC().Format(timeVal))
}

// mfmtVerb performs MFMT (draft-somers-ftp-mfxx section 3).
func (s *session) mfmtVerb(_ context.Context, arg string) {
	stamp, arg, found := strings.Cut(arg, " ")
	set, err := parseModify(stamp)
	if !found || arg == "" || err != nil {
		s.reply(badSyntax, "MFMT takes YYYYMMDDHHMMSS and a pathname")
		return
	}
	s.setModified(stamp, arg, set)
}

// setModified sets when a file was modified and says so.
func (s *session) setModified(stamp, arg string, set change) {
	name, ok := s.pathname(arg)
	if !ok {
		return
	}
	if err := set(s.root, name); err != nil {
		s.refuse(name, err)
		return
	}
	s.reply(fileStatus, "Modify="+stamp+"; "+name)
}
