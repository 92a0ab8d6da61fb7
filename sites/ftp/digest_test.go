package ftp

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rsexec/sites"
	"rsexec/sites/ftpd"
	"rsexec/sites/ftptest"
)

// sumOf computes what a server has to answer.
func sumOf(text, algorithm string) string {
	b := []byte(text)
	switch algorithm {
	case "SHA-256":
		return fmt.Sprintf("%x", sha256.Sum256(b))
	case "SHA-512":
		return fmt.Sprintf("%x", sha512.Sum512(b))
	case "SHA-1":
		return fmt.Sprintf("%x", sha1.Sum(b))
	case "MD5":
		return fmt.Sprintf("%x", md5.Sum(b))
	}
	return fmt.Sprintf("%08x", crc32.ChecksumIEEE(b))
}

var allDigests = []string{"SHA-256", "SHA-512", "SHA-1", "MD5", "CRC32"}

// TestDigestPeers asks servers for digests, by HASH and by the commands from
// before it.
func TestDigestPeers(t *testing.T) {
	for name, start := range map[string]func(t *testing.T) *ftptest.Server{
		"proftpd": func(t *testing.T) *ftptest.Server { return ftptest.Start(t, ftptest.ProFTPD, ftptest.Options{}) },
		"ftpd":    func(t *testing.T) *ftptest.Server { return own(t, "127.0.0.1", ftpd.Modern) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			f := site(t, s, "")
			ctx := within(t, 2*patience)
			if err := f.Meet(ctx); err != nil {
				t.Fatal(err)
			}
			if got := f.Digests(); !slices.Equal(got, allDigests) {
				t.Errorf("lists %q", got)
			}
			if err := os.Mkdir(filepath.Join(s.Root, "d"), 0o755); err != nil {
				t.Fatal(err)
			}
			texts := map[string]string{"empty": "", "a": "not this one", "a 0 5": "nor a part of it"}
			for i, name := range []string{"f", "deadbeef", "DEADBEEF x", "x deadbeef", "[01234567] y", "d/deadbeef", `quo"te`, "ümlaut",
				sumOf("", "SHA-256"), sumOf("", "MD5") + " " + sumOf("", "SHA-1"), "SHA-256 0-3"} {
				texts[name] = strings.Repeat("0123456789abcdef", i+1)
			}
			for name, text := range texts {
				if err := os.WriteFile(filepath.Join(s.Root, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for _, algorithm := range allDigests {
				for name, text := range texts {
					if got, err := f.Digest(ctx, "/"+name, algorithm); got != sumOf(text, algorithm) || err != nil {
						t.Errorf("%s of %q: %q, %v; want %q", algorithm, name, got, err, sumOf(text, algorithm))
					}
				}
				checkNoDigest(t, ctx, f, algorithm)
			}

			f.setKnown("HASH", No)
			if got := f.Digests(); !slices.Equal(got, allDigests) {
				t.Errorf("lists %q without HASH", got)
			}
			for _, algorithm := range allDigests {
				for name, text := range texts {
					if strings.Contains(name, " ") || text == "" {
						continue // ProFTPD splits at blanks, and refuses empty files
					}
					if got, err := f.Digest(ctx, "/"+name, algorithm); got != sumOf(text, algorithm) || err != nil {
						t.Errorf("%s of %q without HASH: %q, %v; want %q", algorithm, name, got, err, sumOf(text, algorithm))
					}
				}
				_, err := f.Digest(ctx, "/a 0 5", algorithm)
				checkKind(t, algorithm+" of a name with numbers", err, sites.Unsupported)
				checkNoDigest(t, ctx, f, algorithm)
			}
			_, err := f.Digest(ctx, "/f", "SHA3-256")
			checkKind(t, "an unknown algorithm", err, sites.Unsupported)
		})
	}
}

// checkNoDigest asks for digests of what has none.
func checkNoDigest(t *testing.T, ctx context.Context, f *Site, algorithm string) {
	t.Helper()
	_, err := f.Digest(ctx, "/gone", algorithm)
	checkKind(t, algorithm+" of a missing file", err, sites.NotFound)
	_, err = f.Digest(ctx, "/d", algorithm)
	checkKind(t, algorithm+" of a directory", err, sites.Usage)
}

// TestNoDigests has a server that lists none.
func TestNoDigests(t *testing.T) {
	t.Parallel()
	f := site(t, ftptest.Play(t, loggedIn+"C: QUIT"), "")
	_, err := f.Digest(within(t, patience), "/f", "MD5")
	checkKind(t, "a digest", err, sites.Unsupported)
	if got := f.Digests(); len(got) != 0 {
		t.Errorf("lists %q", got)
	}
}

// digesting is a server that lists the features given, one a line.
func digesting(features string) string {
	return strings.Replace(loggedIn, "S:  SIZE\n", "S:  SIZE\n"+features+"\n", 1)
}

func TestDigestReplies(t *testing.T) {
	const (
		sum  = "00ff00ff00ff00ff00ff00ff00ff00ff" // an MD5
		hash = "S:  HASH SHA-256*;md5;X-1;"
	)
	// asked is the dialogue of a HASH for MD5 of a file of 10 bytes, up to its reply.
	asked := func(path string) string {
		return "C: OPTS HASH MD5\nC: SIZE " + path + "\nC: HASH " + path + "\nS: 200 MD5\nS: 213 10\n"
	}
	for _, test := range []struct {
		name, features, path, script string
		want                         sites.Kind // Other for success
	}{
		{"as the draft has it", hash, "/f", asked("/f") + "S: 213 MD5 0-9 " + sum + " /f", sites.Other},
		{"number of bytes", hash, "/f", asked("/f") + "S: 213 MD5 0-10 " + sum + " /f", sites.Other},
		{"several lines", hash, "/f", asked("/f") + "S: 213-\nS: 213-still at it\nS: 213 MD5 0-10 " + sum + " /f", sites.Other},
		{"250, capitals, quotes", hash, "/f", asked("/f") + `S: 250 md5 0-10 "` + strings.ToUpper(sum) + `" "f"`, sites.Other},
		{"a digest for a name", hash, "/" + sum, asked("/"+sum) + "S: 213 MD5 0-10 " + sum + " /" + sum, sites.Other},
		{"another algorithm", hash, "/MD5 f", asked("/MD5 f") + "S: 213 SHA-1 0-10 " + sum + "00000000 /MD5 f", sites.Protocol},
		{"another algorithm of the same size", hash, "/f", asked("/f") + "S: 213 MD4 0-10 " + sum + " /f", sites.Protocol},
		{"too short", hash, "/f", asked("/f") + "S: 213 MD5 0-10 " + sum[2:] + " /f", sites.Protocol},
		{"no range", hash, "/f", asked("/f") + "S: 213 MD5 " + sum + " /f", sites.Protocol},
		{"no digest", hash, "/f", asked("/f") + "S: 213 done", sites.Protocol},
		{"a part", hash, "/f", asked("/f") + "S: 213 MD5 5-10 " + sum + " /f", sites.Conflict},
		{"a growing file", hash, "/f", asked("/f") + "S: 213 MD5 0-20 " + sum + " /f", sites.Conflict},
		{"no SIZE", hash, "/f", "C: OPTS HASH MD5\nC: SIZE /f\nC: HASH /f\nS: 200 ok\nS: 500 what\nS: 213 MD5 0-20 " + sum + " /f", sites.Other},
		{"an odd SIZE", hash, "/f", "C: OPTS HASH MD5\nC: SIZE /f\nC: HASH /f\nS: 200 ok\nS: 213 ten\nS: 213 MD5 0-20 " + sum + " /f", sites.Other},
		{"gone", hash, "/f", asked("/f") + "S: 550 no such file", sites.NotFound},
		{"busy", hash, "/f", asked("/f") + "S: 450 later", sites.Busy},
		{"not for this user", hash, "/f", asked("/f") + "S: 552 no", sites.Permission},
		{"against its policy", hash, "/f", asked("/f") + "S: 556 too long", sites.Refused},
		{"the algorithm is refused", hash, "/f", "C: OPTS HASH MD5\nC: SIZE /f\nC: HASH /f\nS: 501 no\nS: 213 10\nS: 213 SHA-1 0-10 00 /f", sites.Unsupported},
		{"the algorithm is refused, another command knows it", hash + "\nS:  XMD5", "/f",
			"C: OPTS HASH MD5\nC: SIZE /f\nC: HASH /f\nS: 501 no\nS: 213 10\nS: 213 SHA-1 0-10 00 /f\nC: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 250 " + sum, sites.Other},
		{"no HASH after all", hash + "\nS:  XMD5", "/f", "C: OPTS HASH MD5\nC: SIZE /f\nC: HASH /f\nS: 500 no\nS: 213 10\nS: 500 what\nC: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 250 " + sum, sites.Other},
		{"XMD5 is taken back, MD5 is there", "S:  XMD5\nS:  MD5", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 502 no\nC: SIZE /f\nC: MD5 /f\nS: 213 10\nS: 251 /f " + sum, sites.Other},

		{"XMD5", "S:  XMD5 filename;start;end", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 250 " + sum, sites.Other},
		{"213 and capitals", "S:  XMD5", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 213 " + strings.ToUpper(sum), sites.Other},
		{"a name first", "S:  MD5", "/a b.txt", "C: SIZE /a b.txt\nC: MD5 /a b.txt\nS: 213 10\nS: 251 /a b.txt " + sum, sites.Other},
		{"a quoted name first", "S:  MD5", `/a "b".txt`, `C: SIZE /a "b".txt` + "\n" + `C: MD5 /a "b".txt` + "\nS: 213 10\n" + `S: 251 "/a ""b"".txt" ` + sum, sites.Other},
		{"a name last", "S:  XMD5", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 250 XMD5 " + sum + " f", sites.Other},
		{"quotes", "S:  XMD5", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\n" + `S: 250 "` + sum + `"`, sites.Other},
		{"an equals sign", "S:  XMD5", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 250 MD5(f)=" + sum + ".", sites.Other},
		{"several lines before it", "S:  XMD5", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 250-Computing MD5 digest\nS: 250 " + sum, sites.Other},
		{"a name of letters that digests have", "S:  XMD5", "f0", "C: SIZE f0\nC: XMD5 f0\nS: 213 10\nS: 250 f0 " + sum, sites.Other},
		{"a digest for a name, repeated", "S:  XMD5", "/" + sum, "C: SIZE /" + sum + "\nC: XMD5 /" + sum + "\nS: 213 10\nS: 250 /" + sum + " " + sum, sites.Other},
		{"a digest for a name, not repeated", "S:  XMD5", "/" + sum, "C: SIZE /" + sum + "\nC: XMD5 /" + sum + "\nS: 213 10\nS: 250 " + sum, sites.Other},
		{"another digest in the name", "S:  XMD5", "/x " + strings.Repeat("a", 32),
			"C: SIZE /x " + strings.Repeat("a", 32) + "\nC: XMD5 /x " + strings.Repeat("a", 32) + "\nS: 213 10\nS: 250 /x " + strings.Repeat("A", 32) + " " + sum, sites.Other},
		{"only the name", "S:  XMD5", "/" + sum, "C: SIZE /" + sum + "\nC: XMD5 /" + sum + "\nS: 213 10\nS: 250 done with /" + sum, sites.Protocol},
		{"two digests", "S:  XMD5", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 250 " + sum + " " + strings.Repeat("a", 32), sites.Protocol},
		{"no digest from XMD5", "S:  XMD5", "/f", "C: SIZE /f\nC: XMD5 /f\nS: 213 10\nS: 250 done", sites.Protocol},
		{"a number in the name", "S:  XMD5", "/f 12 x", "", sites.Unsupported},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := site(t, ftptest.Play(t, digesting(test.features)+test.script+"\nC: QUIT"), "")
			ctx := within(t, patience)
			if err := f.Meet(ctx); err != nil {
				t.Fatal(err)
			}
			if got := f.Digests(); !slices.Contains(got, "MD5") {
				t.Errorf("lists %q", got)
			}
			got, err := f.Digest(ctx, test.path, "MD5")
			if test.want != sites.Other {
				checkKind(t, "the digest", err, test.want)
			} else if got != sum || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			if err != nil && got != "" {
				t.Errorf("%q with an error", got)
			}
		})
	}
}

// A big file may take longer than another reply.
func TestSlowDigest(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	sum := strings.Repeat("a", 8)
	f := site(t, ftptest.Play(t, digesting("S:  HASH CRC32")+fmt.Sprintf(`
		C: OPTS HASH CRC32
		C: SIZE /f
		C: HASH /f
		S: 200 {port}
		S: 213 %d
		D< "go on"
		S: 213 CRC32 0-%[1]d %s /f
		C: QUIT`, 60*digestRate, sum)), "timeout="+timeout.String())
	ctx := sites.WithTrace(within(t, patience), &sites.Trace{Reply: func(site string, n int, code int, text string) {
		host, _, _ := net.SplitHostPort(f.Config().Address())
		if len(text) != 5 || code != 200 || strings.Trim(text, "0123456789") != "" {
			return
		}
		time.AfterFunc(3*timeout/2, func() {
			conn, err := net.Dial("tcp", net.JoinHostPort(host, text))
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(conn, "go on")
			conn.Close()
		})
	}})
	if got, err := f.Digest(ctx, "/f", "CRC32"); got != sum || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// A digest that is called off leaves the site usable.
func TestDigestCancelled(t *testing.T) {
	t.Parallel()
	s := own(t, "127.0.0.1", ftpd.Modern)
	for name, size := range map[string]int64{"big": 1 << 40, "f": 0} {
		if err := os.WriteFile(filepath.Join(s.Root, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(s.Root, name), size); err != nil {
			t.Skipf("no sparse files here: %v", err)
		}
	}
	f := site(t, s, "")
	ctx, stop := context.WithCancel(within(t, patience))
	defer stop()
	watched := sites.WithTrace(ctx, &sites.Trace{Command: func(_ string, _ int, line string) {
		if strings.HasPrefix(line, "HASH ") {
			stop()
		}
	}})
	_, err := f.Digest(watched, "/big", "SHA-256")
	checkKind(t, "a digest", err, sites.Cancelled)
	if got, err := f.Digest(within(t, patience), "/f", "SHA-256"); got != sumOf("", "SHA-256") || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, err = f.Digest(watched, "/f", "SHA-256")
	checkKind(t, "a digest that was called off before", err, sites.Cancelled)
}
