package ftpd

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites/ftptest"
)

// A dialogue is lines to send, each with the beginning of its reply.
var dialogues = []struct {
	name    string
	dialect Dialect
	lines   [][2]string
}{
	{"login", Modern, [][2]string{
		{"PASS p", "503 "},
		{"PWD", "530 "},
		{"RETR a", "530 "},
		{"USER u", "331 "}, {"PASS sesame", "530 "},
		{"PASS p", "503 "},
		{"USER nobody", "331 "}, {"PASS p", "530 "},
		{"USER u", "331 "}, {"pass p", "230 "},
		{"ACCT x", "202 "},
		{"REIN", "220 "},
		{"PWD", "530 "},
		{"QUIT", "221 "},
	}},
	{"hosts", Modern, [][2]string{
		{"HOST ftp.example.com", "220 "}, {"host FTP.Example.COM.", "220 "}, {"HOST [::1]", "220 "}, {"HOST 192.0.2.1", "220 "}, {"HOST a_b-c.9", "220 "},
		{"HOST", "501 "}, {"HOST a b", "501 "}, {"HOST a..b", "501 "}, {"HOST .", "501 "}, {"HOST a:21", "501 "}, {"HOST ::1", "501 "}, {"HOST [::1", "501 "}, {"HOST [::1]:21", "501 "},
		{"HOST [192.0.2.1]", "501 "}, {"HOST [fe80::1%lo]", "501 "}, {"HOST [a]", "501 "}, {"HOST f\x00", "501 "}, {"HOST b\xc3\xbccher", "501 "},
		{"USER u", "331 "}, {"HOST a", "503 "}, {"PASS p", "230 "}, {"HOST a", "503 "}, {"REIN", "220 "}, {"HOST a", "220 "}, {"USER u", "331 "}, {"PASS p", "230 "},
	}},
	{"parameters", Modern, [][2]string{
		{"USER u", "331 "}, {"PASS p", "230 "},
		{"TYPE A", "200 "}, {"TYPE a n", "200 "}, {"TYPE I", "200 "}, {"TYPE L 8", "200 "},
		{"TYPE E", "504 "}, {"TYPE A T", "504 "}, {"TYPE A C", "504 "}, {"TYPE L 36", "504 "}, {"TYPE", "501 "},
		{"MODE S", "200 "}, {"MODE b", "200 "}, {"OPTS MODE B KEEP", "200 "}, {"OPTS MODE B", "200 "}, {"OPTS MODE Z", "501 "}, {"OPTS MODE", "501 "}, {"OPTS RETR HASH", "200 RETR HASH"}, {"OPTS RETR PERF", "501 "}, {"opts stor perf hash", "200 STOR PERF HASH"}, {"OPTS STOR", "200 STOR"}, {"OPTS STOR ALL", "501 "}, {"MODE S", "200 "}, {"MODE C", "504 "}, {"MODE", "501 "},
		{"STRU F", "200 "}, {"STRU R", "504 "}, {"STRU P", "504 "}, {"STRU", "501 "},
		{"LANG", "200 "}, {"LANG en", "200 "}, {"LANG EN", "200 "}, {"LANG FR", "504 "}, {"SMNT /x", "502 SMNT is not implemented: this site has one"},
		{"HELP SMNT", "214 SMNT: not"}, {"help site", "214 SITE CHMOD"}, {"MAIL", "500 "},
		{"CLNT program 1.0", "200 "}, {"CLNT", "200 "}, {"CSID Name=program; Version=1;", "200 Name=RSEXEC;"},
		{"ALLO 5", "202 "}, {"ALLO 5 R 10", "202 "}, {"ACCT x", "202 "}, {"SYST", "215 UNIX"}, {"NOOP", "200 "},
		{"REST x", "501 "}, {"REST -1", "501 "}, {"REST 10", "350 "},
		{"OPTS UTF8 ON", "200 "}, {"OPTS UTF8 OFF", "504 "}, {"OPTS X", "501 "},
		{"OPTS MLST Size;type;", "200 MLST OPTS type;size;"},
		{"HELP", "214 "}, {"HELP RETR", "214 RETR"}, {"HELP XX", "500 "},
		{"ABOR", "225 "}, {"SITE X", "502 SITE X"}, {"SITE", "501 "}, {"SITE HELP", "214 SITE CHMOD"}, {"HELP SITE", "214 SITE CHMOD"}, {"XYZZY", "500 "}, {"", "500 "},
	}},
	{"files", Modern, [][2]string{
		{"USER u", "331 "}, {"PASS p", "230 "}, {"TYPE I", "200 "},
		{"PWD", `257 "/"`},
		{`MKD a"b`, `257 "/a""b"`}, {`MKD a"b`, "550 "},
		{`CWD a"b`, "250 "}, {"PWD", `257 "/a""b"`}, {"CDUP", "250 "}, {"XPWD", `257 "/"`},
		{"CDUP", "250 "}, {"PWD", `257 "/"`},
		{"CWD none", "550 "}, {"CWD f", "550 "},
		{"SIZE f", "213 3"}, {"SIZE none", "550 "}, {"SIZE /", "550 "},
		{"TYPE A", "200 "}, {"SIZE f", "550 "},
		{"MFMT 20020717210715 f", "213 Modify=20020717210715; /f"}, {"MDTM f", "213 20020717210715"},
		{"MFMT 20020717210715.25 f", "213 Modify=20020717210715.25; /f"}, {"MFMT 20020717210715,25 f", "501 "},
		{"MFMT 2002 f", "501 "}, {"MFMT 20020717210715", "501 "}, {"MDTM none", "550 "},
		{"SITE CHMOD 644 f", "200 CHMOD 644 /f"}, {"SITE CHMOD 4755 f", "501 "}, {"SITE CHMOD u+x f", "501 "}, {"SITE CHMOD 8 f", "501 "},
		{"SITE CHMOD 644", "501 "}, {"SITE CHMOD 644 ", "501 "}, {"SITE CHMOD 644 none", "550 "},
		{"RNTO g", "503 "}, {"RNFR none", "550 "},
		{"RNFR f", "350 "}, {"NOOP", "200 "}, {"RNTO g", "503 "},
		{"RNFR f", "350 "}, {"RNFR none", "550 "}, {"RNTO g", "503 "},
		{"RNFR f", "350 "}, {"RNFR", "501 "}, {"RNTO g", "503 "},
		{"RNFR f", "350 "}, {strings.Repeat("x", maxLine), "500 "}, {"RNTO g", "503 "},
		{"RNFR f", "350 "}, {"RNTO", "501 "}, {"RNTO g", "503 "},
		{"RNFR f", "350 "}, {"RNTO none/g", "553 "},
		{"RNFR f", "350 "}, {"RNTO g", "250 "},
		{"DELE f", "550 "}, {`DELE a"b`, "550 "}, {"RMD g", "550 "}, {"DELE g", "250 "},
		{`RMD a"b`, "250 "}, {"RMD /", "550 "}, {"XMKD d", "257 "}, {"XCWD d", "250 "}, {"XCUP", "250 "}, {"XRMD d", "250 "},
		{"RETR f\x00", "501 "}, {"RETR f\rg", "501 "},
	}},
	{"times", Modern, [][2]string{
		{"USER u", "331 "}, {"PASS p", "230 "},
		{"MDTM 20020717210715 f", "213 Modify=20020717210715; /f"}, {"MDTM f", "213 20020717210715"},
		{"MDTM 20020717210715 none", "550 /none: not found"}, {"MDTM 20020717210715 ", "550 "}, {"MDTM 20021317210715 f", "550 /20021317210715 f: not found"}, {"MDTM 20020717210715.5 f", "550 "}, {"MDTM 200207172107 f", "550 "},
		{"SITE CPFR f", "350 "}, {"SITE CPTO 20010717210715 f", "250 "}, {"MFMT 20030717210715 20010717210715 f", "213 "}, {"MDTM 20010717210715 f", "213 20030717210715"}, {"MDTM f", "213 20020717210715"},
		{"SITE UTIME 200407172107 f", "200 UTIME 20040717210700 /f"}, {"MDTM f", "213 20040717210700"}, {"site utime 20050717210715 20010717210715 f", "200 "}, {"MDTM 20010717210715 f", "213 20050717210715"}, {"MDTM f", "213 20040717210700"},
		{"SITE UTIME f 20060101000000 20070102030405 20080101000000 UTC", "200 UTIME 20070102030405 /f"}, {"MDTM f", "213 20070102030405"},
		{"SITE UTIME 20010717210715 f 20060101000000 20070102030405 20080101000000 UTC", "501 "}, {"SITE UTIME d 200601010000 200802010000 200801010000 utc", "200 UTIME 20080201000000 /d"},
		{"SITE UTIME", "501 "}, {"SITE UTIME f", "501 "}, {"SITE UTIME 20020717210715", "501 "}, {"SITE UTIME 20020717210715 ", "501 "}, {"SITE UTIME 20021317210715 f", "501 "}, {"SITE UTIME 2002071721071 f", "501 "},
		{"SITE UTIME f 20060101000000 20070101000000 UTC", "501 "}, {"SITE UTIME f 20060101000000 20070101000000 20080101000000", "501 "}, {"SITE UTIME f 20060101000000 20070101000000 20080101000000 EST", "501 "}, {"SITE UTIME 20060101000000 20070101000000 20080101000000 UTC", "550 "},
		{"SITE UTIME 20020717210715 none", "550 /none: not found"}, {"SITE UTIME none 20060101000000 20070101000000 20080101000000 UTC", "550 "}, {"SITE UTIME 20020717210715 f\x00", "501 "},
		{"MDTM 20020717210715 f\x00", "501 "}, {"XMD5 \"f\x00\"", "501 "}, {"MDTM f", "213 20070102030405"},
		{"MFMT 20161231235960 f", "213 Modify=20161231235960; /f"}, {"MDTM f", "213 20170101000000"}, {"SITE UTIME 20150630235960 f", "200 UTIME 20150701000000 /f"}, {"MFMT 20161231225960 f", "501 "}, {"MFMT 20161231235961 f", "501 "},
		{"MFMT 09991231235959 f", "501 "}, {"SITE UTIME 000101010000 f", "501 "}, {"MFMT 00010101000000 f", "501 "}, {"MDTM 00010101000000 f", "550 /00010101000000 f: not found"},
		{"MFMT 30000101000000 f", "550 /f: no time "}, {"MDTM 10000101000000 f", "550 "}, {"MFF Modify=99991231235959; f", "550 "}, {"SITE UTIME f 10000101000000 20020717210715 20020717210715 UTC", "550 "}, {"MDTM f", "213 20150701000000"},
	}},
	{"facts", Modern, [][2]string{
		{"MFF Modify=20020717210715; f", "530 "},
		{"USER u", "331 "}, {"PASS p", "230 "}, {"OPTS MLST modify;UNIX.mode;", "200 "},
		{"MFF Modify=20020717210715;UNIX.mode=0640; f", "213 Modify=20020717210715;UNIX.mode=0640; /f"}, {"MDTM f", "213 20020717210715"},
		{"mff modify=20030717210715; ./f", "213 modify=20030717210715; /f"}, {"MDTM f", "213 20030717210715"},
		{"MFF unix.MODE=600; f", "213 unix.MODE=600; /f"},
		{"MFF Modify=20040717210715;Create=20040717210715; f", "504 MFF does not set Create"}, {"MFF UNIX.mode=644;Size=3; f", "504 "},
		{"MFF Modify=20040717210715;UNIX.mode=4755; f", "501 "}, {"MFF Modify=20040717210715;UNIX.mode=1777; f", "501 "}, {"MFF UNIX.mode=644;Modify=2004; f", "501 "},
		{"MFF UNIX.mode=u+x; f", "501 "}, {"MFF UNIX.mode; f", "501 "}, {"MFF UNIX.mode=644;unix.mode=600; f", "501 "}, {"MFF UNIX.mode=644;UNIX.mode=644; f", "501 "},
		{"MFF Modify=20040717210715 f", "501 "}, {"MFF Modify=20040717210715;", "501 "}, {"MFF Modify=20040717210715; ", "501 "}, {"MFF ; f", "501 "}, {"MFF Modify=20040717210715;; f", "501 "}, {"MFF Create; f", "501 "}, {"MFF =1; f", "501 "}, {"MFF", "501 "}, {"MFF f", "501 "},
		{"MFF Modify=20040717210715; none", "550 /none: not found"}, {"MFF Modify=20040717210715; f\x00", "501 "},
		{"MDTM f", "213 20030717210715"},
	}},
	{"digests", Modern, [][2]string{
		{"HASH f", "530 "}, {"XCRC f", "530 "}, {"OPTS HASH", "200 SHA-256"},
		{"USER u", "331 "}, {"PASS p", "230 "},
		{"HASH f", "213 SHA-256 0-3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad f"}, {"NOOP", "200 "},
		{"TYPE A", "200 "}, {"HASH ./f", "213 SHA-256 0-3 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad ./f"}, {"TYPE I", "200 "},
		{"OPTS HASH sha-512", "200 SHA-512"}, {"OPTS HASH", "200 SHA-512"},
		{"HASH /f", "213 SHA-512 0-3 ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f /f"},
		{"OPTS HASH SHA-1", "200 SHA-1"}, {"HASH f", "213 SHA-1 0-3 a9993e364706816aba3e25717850c26c9cd0d89d f"}, {"STAT", "211-"},
		{"OPTS HASH MD5", "200 MD5"}, {"HASH f", "213 MD5 0-3 900150983cd24fb0d6963f7d28e17f72 f"},
		{"OPTS HASH CRC32", "200 CRC32"}, {"HASH f", "213 CRC32 0-3 352441c2 f"},
		{"OPTS HASH CRC-37", "501 "}, {"OPTS HASH SHA-512*", "501 "}, {"OPTS HASH", "200 CRC32"},
		{"XSHA256 f", "250 BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"},
		{"XSHA512 f", "250 DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F"},
		{"XSHA1 f", "250 A9993E364706816ABA3E25717850C26C9CD0D89D"}, {"XMD5 f", "250 900150983CD24FB0D6963F7D28E17F72"}, {"XCRC f", "250 352441C2"},
		{"HASH none", "550 "}, {"HASH d", "550 /d: not a regular file"}, {"HASH /", "550 "}, {"HASH", "501 "}, {"HASH f\x00", "501 "}, {"XMD5 none", "550 "}, {"XMD5 d", "550 "}, {"XMD5", "501 "},
		{"RNFR f", "350 "}, {"RNTO a 0 1", "250 "}, {"HASH a 0 1", "213 CRC32 0-3 352441c2 a 0 1"}, {"XCRC a 0 1", "250 352441C2"},
		{`XCRC "a 0 1"`, "250 352441C2"}, {`XCRC "a 0 1" 0 3`, "250 352441C2"}, {`XCRC "a 0 1" 1 2`, "250 71BEEFF9"}, {`XMD5 "a 0 1" 0 2`, "250 187EF4436122D1CC2F40DC2B92F0EBA0"}, {`XCRC "/a 0 1" 1 99`, "250 "},
		{`XCRC "a 0 1" 3 4`, "551 "}, {`XCRC "a 0 1" 1 1`, "501 "}, {`XCRC "a 0 1" 1`, "501 "}, {`XCRC "a 0 1" 1 2 3`, "501 "}, {`XCRC "a 0 1" 0 x`, "501 "}, {`XCRC "a 0 1" 0 0`, "501 "}, {`XCRC "none" 0 1`, "550 /none: not found"}, {`XCRC "a 0 1`, "550 "},
		{"MKD \"d\"", "257 "}, {`XCRC "d"`, "550 /\"d\": not a regular file"}, {`RMD "d"`, "250 "}, {`HASH "a 0 1"`, "550 "},
		{"TYPE I", "200 "}, {"RANG 1 1", "350 "}, {`XCRC "a 0 1"`, "250 71BEEFF9"}, {"RANG 1 1", "350 "}, {`XCRC "a 0 1" 0 3`, "250 352441C2"}, {"XCRC a 0 1", "250 352441C2"},
		{"REIN", "220 "}, {"OPTS HASH", "200 SHA-256"},
	}},
	{"ranges", Modern, [][2]string{
		{"RANG 0 1", "530 "},
		{"USER u", "331 "}, {"PASS p", "230 "},
		{"RANG 0 1", "551 "}, {"RANG 1 0", "350 "}, {"TYPE I", "200 "},
		{"RANG 0 1", "350 Restarting at 0. End octet number is 1"}, {"RANG 1 0", "350 The next"}, {"RANG 3 2", "501 "}, {"RANG 5", "501 "}, {"RANG 5 ", "501 "}, {"RANG", "501 "},
		{"RANG -1 2", "501 "}, {"RANG 1  2", "501 "}, {"RANG 1 2 3", "501 "}, {"RANG 1 99999999999999999999", "350 "}, {"RANG 0 9223372036854775807", "350 "},
		{"HASH f", "213 SHA-256 0-2 ba7816bf"}, {"HASH f", "213 SHA-256 0-3 ba7816bf"},
		{"RANG 1 1", "350 "}, {"OPTS HASH CRC32", "200 "}, {"HASH f", "213 CRC32 1-1 71beeff9 f"}, {"HASH f", "213 CRC32 0-3 352441c2 f"},
		{"RANG 1 9", "350 "}, {"HASH f", "213 CRC32 1-2 "}, {"RANG 1 1", "350 "}, {"XCRC f", "250 71BEEFF9"}, {"XCRC f", "250 352441C2"},
		{"RANG 3 9", "350 "}, {"HASH f", "551 "}, {"HASH f", "213 CRC32 0-3 "}, {"RANG 1 1", "350 "}, {"XCRC none", "550 "}, {"XCRC f", "250 352441C2"},
		{"RANG 1 1", "350 "}, {"RANG 2 1", "501 "}, {"XCRC f", "250 352441C2"}, {"RANG 1 1", "350 "}, {"RANG 1 0", "350 "}, {"XCRC f", "250 352441C2"},
		{"RANG 1 1", "350 "}, {"REST 1", "350 "}, {"XCRC f", "250 352441C2"},
		{"RANG 1 1", "350 "}, {"TYPE A", "200 "}, {"PASV", "227 "}, {"RETR f", "551 "}, {"RETR f", "425 "}, {"TYPE I", "200 "},
		{"RANG 1 1", "350 "}, {"PASV", "227 "}, {"APPE f", "551 "}, {"APPE f", "425 "}, {"RANG 1 1", "350 "}, {"PASV", "227 "}, {"STOU", "551 "}, {"STOU", "425 "},
		{"RANG 4 9", "350 "}, {"PASV", "227 "}, {"STOR f", "551 "}, {"RANG 1 9", "350 "}, {"PASV", "227 "}, {"STOR new", "551 "}, {"SIZE new", "550 "}, {"SIZE f", "213 3"},
		{"RANG 1 1", "350 "}, {"REIN", "220 "}, {"USER u", "331 "}, {"PASS p", "230 "}, {"XCRC f", "250 352441C2"},
	}},
	{"copies", Modern, [][2]string{
		{"SITE CPFR f", "530 "},
		{"USER u", "331 "}, {"PASS p", "230 "},
		{"SITE CPTO g", "503 "}, {"SITE CPFR", "501 "}, {"SITE CPFR ", "501 "},
		{"SITE CPFR none", "550 /none: not found"}, {"SITE CPTO g", "503 "}, {"SITE CPFR d", "550 /d: not a regular file"},
		{"site cpfr f", "350 /f exists"}, {"Site Cpto g", "250 Copied /f to /g"}, {"SITE CPTO h", "503 "},
		{"XCRC g", "250 352441C2"}, {"XCRC f", "250 352441C2"},
		{"SITE CPFR f", "350 "}, {"NOOP", "200 "}, {"SITE CPTO d/two  words ", "250 Copied /f to /d/two  words "}, {"XCRC d/two  words ", "250 352441C2"},
		{"SITE CPFR f", "350 "}, {"SITE CPTO", "501 "}, {"SITE CPTO h", "503 "},
		{"SITE CPFR f", "350 "}, {"SITE CPFR none", "550 "}, {"SITE CPTO h", "503 "},
		{"SITE CPFR f", "350 "}, {"SITE CPTO d", "550 /d: not a regular file"}, {"SITE CPTO h", "503 "},
		{"SITE CPFR f", "350 "}, {"SITE CPTO /", "550 "}, {"SITE CPFR f", "350 "}, {"SITE CPTO none/h", "550 /none/h: not found"},
		{"SITE CPFR f", "350 "}, {"SITE CPTO h\x00", "501 "}, {"SITE CPFR f\x00", "501 "},
		{"SITE CPFR f", "350 "}, {"SITE CPTO f", "250 "}, {"XCRC f", "250 352441C2"},
		{"SITE CPFR f", "350 "}, {"DELE f", "250 "}, {"SITE CPTO h", "550 /f: not found"}, {"MLST h", "550 "},
		{"SITE CPFR g", "350 "}, {"REIN", "220 "}, {"USER u", "331 "}, {"PASS p", "230 "}, {"SITE CPTO h", "503 "},
	}},
	{"combinations", Modern, [][2]string{
		{`COMB "t" "f"`, "530 "},
		{"USER u", "331 "}, {"PASS p", "230 "}, {"TYPE I", "200 "},
		{"COMB", "501 "}, {"COMB t f", "501 "}, {`COMB "t"`, "501 "}, {`COMB "t" f`, "501 "}, {`COMB "t" "f`, "501 "}, {`COMB "t""f"`, "501 "}, {`COMB "t" ""`, "501 "}, {`COMB "t" "f"x`, "501 "}, {"COMB \"t\" \"f\x00\"", "501 "},
		{`COMB "t" "none"`, "550 /none: not found"}, {`COMB "t" "f" "none"`, "550 "}, {`COMB "t" "d"`, "550 /d: not a regular file"}, {`COMB "d" "f"`, "550 /d: not a regular file"}, {`COMB "none/t" "f"`, "550 "},
		{`COMB "t" "f" "./f"`, "553 /f: is a part already"}, {`COMB "f" "f"`, "553 /f: is the target and a part"}, {"SIZE t", "550 "}, {"SIZE f", "213 3"},
		{"SITE CPFR f", "350 "}, {"SITE CPTO g", "250 "}, {"SITE CPFR f", "350 "}, {`SITE CPTO a "b" c`, "250 "},
		{`comb  "t"   "f" "g" `, "250 Combined into /t"}, {"SIZE t", "213 6"}, {"SIZE f", "550 "}, {"SIZE g", "550 "},
		{`COMB "/d/../t" "a ""b"" c"`, "250 Combined into /t"}, {"SIZE t", "213 9"}, {`SIZE a "b" c`, "550 "},
	}},
	{"data setups", Modern, [][2]string{
		{"USER u", "331 "}, {"PASS p", "230 "},
		{"RETR f", "425 "}, {"STOR f", "425 "},
		{"PORT 1,2,3", "501 "}, {"PORT 127,0,0,1,1,256", "501 "}, {"PORT 127,0,0,1,3,255", "504 "},
		{"PORT 10,0,0,1,9,9", "504 PORT to a foreign host is refused; "},
		{"EPRT |1|127.0.0.1|1023|", "504 "}, {"EPRT |1|10.0.0.1|2000|", "504 "},
		{"EPRT |2|::1|2000|", "522 "}, {"EPRT |3|x|2000|", "522 "}, {"EPRT |1|127.0.0.1|2000", "501 "}, {"EPRT x", "501 "},
		{"EPRT |1|127.0.0.1|2000|", "200 "},
		{"EPSV 2", "522 "}, {"EPSV 3", "501 "}, {"EPSV", "229 "}, {"EPSV 1", "229 "},
		{"LSTN X", "501 "}, {"LSTN R", "255 SOCK "}, {"RETR f", "503 "}, {"NLST", "503 "},
		{"LSTN S", "255 SOCK "}, {"STOR f", "503 "}, {"APPE f", "503 "},
		{"SOCK 127.0.0.1", "501 "}, {"SOCK 127.0.0.1,0", "501 "}, {"SOCK x,5", "501 "}, {"SOCK 10.0.0.1,5", "504 "}, {"SOCK ::1,5", "522 "},
		{"SOCK 127.0.0.1,1023", "255 SOCK "}, {"PASV", "227 "},
		{"SOCK 127.0.0.1,1023", "504 "}, {"SOCK 127.0.0.1,20", "255 SOCK "}, {"SOCK 127.0.0.1,5000", "255 SOCK "},
		{"RETR none", "550 "}, {"RETR f", "425 "},
		{"EPSV ALL", "200 "}, {"PASV", "503 "}, {"PORT 127,0,0,1,9,9", "503 "}, {"SOCK 127.0.0.1,5000", "503 "}, {"EPSV", "229 "},
		{"MLSD f", "501 "},
	}},
	{"rfc438", RFC438, [][2]string{
		{"RETR f", "451 "}, {"LSTN R", "451 "},
		{"USER u", "330 "}, {"PASS sesame", "431 "}, {"USER u", "330 "}, {"PASS p", "230 "}, {"ACCT 7", "200 "},
		{"TYPE I", "200 "}, {"TYPE L 8", "200 "}, {"TYPE E", "504 "}, {"BYTE 8", "200 "}, {"BYTE 36", "504 "}, {"MODE S", "200 "}, {"STRU F", "200 "},
		{"LIST", "500 "}, {"SIZE f", "500 "}, {"FEAT", "500 "}, {"PWD", "500 "}, {"CWD x", "500 "}, {"NOOP", "500 "},
		{"PORT 127,0,0,1,9,9", "500 "}, {"REST 1", "500 "}, {"MKD x", "500 "}, {"PASV", "500 "}, {"EPSV", "500 "},
		{"MAIL", "400 "}, {"MLFL u", "400 "}, {"HELP MAIL", "200 MAIL: not"}, {"HELP", "200 USER "}, {"LSTN", "501 "},
		{"RETR f", "454 "}, {"LSTN S", "255 SOCK "}, {"STOR f", "505 "}, {"RETR none", "450 "}, {"LSTN S", "255 SOCK "}, {"RETR d", "451 "},
		{"RNFR none", "450 "}, {"RNFR f", "200 "}, {"RNTO g", "253 "}, {"DELE g", "254 "}, {"DELE g", "450 "},
		{"ABOR", "202 "}, {"SOCK 10.0.0.1,5", "504 "}, {"BYE", "231 "},
	}},
	{"rfc478", RFC478, [][2]string{
		{"USER u", "330 "}, {"PASS p", "230 "},
		{"LSTN R", "500 "}, {"PASV", "200 "}, {"SOCK 127.0.0.1,9999", "255 SOCK "}, {"PASV", "200 "}, {"QUIT", "231 "},
	}},
}

func TestDialogues(t *testing.T) {
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			s := startSite(t, "127.0.0.1", Server{Dialect: d.dialect})
			s.write("f", "abc")
			if err := os.Mkdir(filepath.Join(s.root, "d"), 0o755); err != nil {
				t.Fatal(err)
			}
			if d.name == "files" {
				if err := os.Remove(filepath.Join(s.root, "d")); err != nil {
					t.Fatal(err)
				}
			}
			c := s.dial()
			for _, l := range d.lines {
				c.do(l[0], l[1])
			}
			if last := d.lines[len(d.lines)-1][0]; last == "QUIT" || last == "BYE" {
				c.closed()
			}
			if strings.Contains(s.log.String(), "PASS p") || strings.Contains(s.log.String(), "sesame") {
				t.Error("a password is in the log")
			}
			if !strings.Contains(s.log.String(), `msg=command session=1`) || !strings.Contains(s.log.String(), `msg=reply session=1`) {
				t.Errorf("log:\n%s", s.log)
			}
		})
	}
}

// The same dialogue in one packet has the same replies in the same order.
func TestPipelinedDialogue(t *testing.T) {
	for _, d := range dialogues {
		t.Run(d.name, func(t *testing.T) {
			s := startSite(t, "127.0.0.1", Server{Dialect: d.dialect})
			s.write("f", "abc")
			if d.name != "files" {
				if err := os.Mkdir(filepath.Join(s.root, "d"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			c := s.dial()
			var lines []string
			for _, l := range d.lines {
				lines = append(lines, l[0])
			}
			c.send(lines...)
			for _, l := range d.lines {
				if r := c.reply(); !strings.HasPrefix(r, l[1]) {
					t.Fatalf("%s: reply %q, want %q", l[0], r, l[1])
				}
			}
		})
	}
}

func TestPhrases(t *testing.T) {
	seen := map[string]bool{}
	for o, p := range replies {
		if p.text == "" {
			t.Errorf("outcome %d has no text", o)
		}
		if p.code[codes959] == 0 && p.code[codes1973] == 0 {
			t.Errorf("outcome %d has no code", o)
		}
		if seen[p.text] && p.text != "%s" && p.text != "%s: %s" {
			t.Errorf("text %q is there twice", p.text)
		}
		seen[p.text] = true
	}
	if wrongFamily != outcome(len(replies)-1) {
		t.Error("an outcome has no row")
	}
}

func TestFormatReply(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  string
	}{
		{[]string{"ok"}, "211 ok\r\n"},
		{[]string{"a", "b"}, "211-a\r\n211 b\r\n"},
		{[]string{"a", "211 x", " y", "-z", "", "End"}, "211-a\r\n 211 x\r\n y\r\n-z\r\n\r\n211 End\r\n"},
		{[]string{"a\r\nb\x00\xff"}, "211 a??b?\xff\xff\r\n"},
	} {
		if got := formatReply(211, test.lines); got != test.want {
			t.Errorf("%q: %q, want %q", test.lines, got, test.want)
		}
	}
}

func TestTelnet(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	// A name with the byte 0xFF is doubled both ways.
	c.do("MKD a\xff\xffb", "257 \"/a\xff\xffb\"")
	if _, err := os.Stat(filepath.Join(s.root, "a\xffb")); err != nil {
		t.Error(err)
	}
	// Options are refused at once; other commands vanish, wherever they are.
	if _, err := c.conn.Write([]byte{iac, do, 1, iac, will, 3, iac, wont, 9, iac, dont, 9}); err != nil {
		t.Fatal(err)
	}
	var answer [6]byte
	if _, err := c.r.Read(answer[:]); err != nil {
		t.Fatal(err)
	}
	if want := [6]byte{iac, wont, 1, iac, dont, 3}; answer != want {
		if c.r.Buffered() == 0 && answer[3] == 0 {
			if _, err := c.r.Read(answer[3:]); err != nil {
				t.Fatal(err)
			}
		}
		if answer != want {
			t.Errorf("answer % x", answer)
		}
	}
	c.do("\xff\xf4\xff\xf2NO\xff\xfa\x01x\xff\xff\xf0\xff\xf0OP", "200 ")
	// An 0xFF that was not doubled stays.
	c.do("MKD c\xffd", "257 \"/c\xff\xffd\"")
}

func TestLongLine(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.login()
	c.send("STOR "+strings.Repeat("x", 100<<10), "NOOP")
	c.expect("500 ")
	c.expect("200 ")
	c.do("CWD "+strings.Repeat("x", maxLine-len("CWD \r")), "550 ")
}

func TestTooManyLogins(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.dial()
	for range maxFailures - 1 {
		c.do("USER u", "331 ")
		c.do("PASS x", "530 ")
	}
	c.do("USER u", "331 ")
	c.do("PASS x", "421 ")
	c.closed()
}

func TestIdle(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{IdleTimeout: 50 * time.Millisecond})
	c := s.dial()
	c.expect("421 ")
	c.closed()
}

func TestFeat(t *testing.T) {
	s := startSite(t, "127.0.0.1", Server{})
	c := s.dial()
	got := c.do("FEAT", "211-")
	want := "211-Features:\r\n HOST\r\n LANG EN*\r\n CLNT\r\n CSID Name;\r\n MODE B KEEP\r\n REST STREAM\r\n RANG STREAM\r\n PASV\r\n EPSV\r\n EPRT\r\n LSTN\r\n SOCK\r\n RETR HASH\r\n STOR HASH;PERF\r\n COMB\r\n SIZE\r\n AVBL\r\n MDTM\r\n MFMT\r\n MFF Modify;UNIX.mode;\r\n SITE CHMOD\r\n SITE COPY\r\n SITE UTIME\r\n" +
		" XSHA256\r\n XSHA512\r\n XSHA1\r\n XMD5\r\n XCRC\r\n" +
		" HASH SHA-256*;SHA-512;SHA-1;MD5;CRC32\r\n MLST type*;size*;modify*;UNIX.mode*;\r\n TVFS\r\n UTF8\r\n211 End"
	if got != want {
		t.Errorf("FEAT\n%s\nwant\n%s", got, want)
	}
	c.do("OPTS MLST size;", "200 MLST OPTS size;")
	c.do("OPTS HASH SHA-1", "200 SHA-1")
	if got := c.do("FEAT", "211-"); !strings.Contains(got, " HASH SHA-256;SHA-512;SHA-1*;MD5;CRC32\r\n MLST type;size*;modify;UNIX.mode;\r\n") {
		t.Errorf("FEAT\n%s", got)
	}
}

// Everything that HELP offers is done, and what is not done it does not offer.
func TestHelp(t *testing.T) {
	authority := ftptest.NewAuthority(t)
	certificate, _ := certified(authority)
	for _, server := range []Server{
		{}, {Dialect: RFC438}, {Dialect: RFC478}, {TLS: certificate}, {TLS: certificate, Peers: PeerTrust{CAs: authority.Pool()}},
	} {
		server.Limits.SessionsPerHost = 1000
		s := startSite(t, "127.0.0.1", server)
		c := s.dial()
		c.send("HELP")
		offered := strings.Fields(c.reply())[1:]
		for _, v := range verbTable() {
			c := s.dial()
			c.send("USER u", "PASS p", "HELP", v.name)
			for range 3 {
				c.reply()
			}
			r := c.reply()
			undone := strings.HasPrefix(r, "500 ") || strings.Contains(r, "not implemented") || v.name == "CCC"
			if slices.Contains(offered, v.name) == undone {
				t.Errorf("%s: HELP offers %q; %s: %q", server.Dialect, offered, v.name, r)
			}
		}
	}
}

func TestUnknownDialect(t *testing.T) {
	ln, err := Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Server{Dialect: "rfc114"}
	if err := s.Serve(context.Background(), ln); err == nil || !strings.Contains(err.Error(), "rfc114") {
		t.Errorf("Serve: %v", err)
	}
}

func TestListenPair(t *testing.T) {
	ctx := context.Background()
	ln, err := Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	data, err := defaultDataSocket(ln.Addr().(*net.TCPAddr).AddrPort())
	if err != nil {
		t.Fatal(err)
	}
	// Somebody who does not share the port cannot have it.
	if taken, err := net.DialTCP("tcp", net.TCPAddrFromAddrPort(data), ln.Addr().(*net.TCPAddr)); err == nil {
		_ = taken.Close()
		t.Error("the default data socket is not held")
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	above := busy.Addr().(*net.TCPAddr).AddrPort()
	if above.Port() < 65535 {
		addr := net.TCPAddrFromAddrPort(data)
		addr.Port = int(above.Port()) + 1
		if ln, err := Listen(ctx, addr.String()); err == nil {
			_ = ln.Close()
			t.Error("Listen took a port whose neighbour is taken")
		}
	}
	for _, addr := range []string{"nonsense", "127.0.0.1:1"} {
		if ln, err := Listen(ctx, addr); err == nil {
			_ = ln.Close()
			t.Errorf("Listen took %s", addr)
		}
	}
}
