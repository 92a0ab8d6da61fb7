package profile

import (
	"strings"
	"testing"

	"rsexec/sites"
)

// The elements and their values are as FileZilla 3 writes them.
func TestReadFilezilla(t *testing.T) {
	checkImport(t, "filezilla", `<?xml version="1.0" encoding="UTF-8"?>
<FileZilla3 version="3.67.0" platform="*nix">
	<Servers>
		<Server>
			<Host>web.example</Host>
			<Port>2121</Port>
			<Protocol>0</Protocol>
			<Type>0</Type>
			<User>ann</User>
			<Pass encoding="base64">cEAgw7Yi</Pass>
			<Logontype>1</Logontype>
			<PasvMode>MODE_ACTIVE</PasvMode>
			<MaximumMultipleConnections>4</MaximumMultipleConnections>
			<EncodingType>Auto</EncodingType>
			<BypassProxy>0</BypassProxy>
			<Name>My web</Name>
			<Comments>it&apos;s &lt;old&gt;</Comments>
			<RemoteDir>1 0 3 pub 5 linux</RemoteDir>
			<SyncBrowsing>0</SyncBrowsing>
			<Bookmark><Name>logs</Name><RemoteDir>1 0 3 var</RemoteDir></Bookmark>
		</Server>
		<Folder expanded="1">Work&#x0A;
			<Server><Host>h</Host><Protocol>6</Protocol><User>u</User><Pass>p&amp;w</Pass><Logontype>1</Logontype>
				<PasvMode>MODE_DEFAULT</PasvMode><MaximumMultipleConnections>0</MaximumMultipleConnections><Name>my web</Name></Server>
			<Folder>Deep
				<Server><Host>h</Host><Port>21</Port><Protocol>0</Protocol><User>u</User>
					<Pass encoding="crypt" pubkey="x">AAAA</Pass><Logontype>1</Logontype>old style</Server>
			</Folder>
		</Folder>
		<Server><Host>h</Host><Port>0</Port><Logontype>0</Logontype><User>ignored</User><Pass>ignored</Pass></Server>
		<Server><Host>h</Host><User>u</User><Logontype>2</Logontype><Name>asks</Name></Server>
		<Server><Host>h</Host><User>u</User><Pass>p</Pass><Logontype>4</Logontype><Account>x</Account><Name>account</Name></Server>
		<Server><Host>h</Host><User>u</User><Pass encoding="base64">!</Pass><Name>bad64</Name></Server>
		<Server><Host>h</Host><User>u</User><Pass encoding="rot13">x</Pass><Name>rot</Name></Server>
		<Server><Host>h</Host><User>u</User><RemoteDir>2 9 SYS$DISK: 3 PUB</RemoteDir><Name>vms</Name></Server>
		<Server><Host>::1</Host><User>u</User><RemoteDir>1 0</RemoteDir><Name>six</Name></Server>
		<Server><Host>h</Host><Port>22</Port><Protocol>1</Protocol><User>u</User><Name>sftp</Name></Server>
		<Server><Host>h</Host><Port>990</Port><Protocol>3</Protocol><User>u</User><Name>ftps</Name></Server>
		<Server><Host>h</Host><Protocol>4</Protocol><User>u</User><Name>ftpes</Name></Server>
		<Server><Host>h</Host><Protocol>99</Protocol><Name>future</Name></Server>
		<Server><Host>h</Host><Port>x</Port><User>u</User><Name>port</Name></Server>
		<Server><Host></Host><Name>none</Name></Server>
		<Server/>
	</Servers>
</FileZilla3>`, []outcome{
		{from: "My web", name: "MY-WEB", url: "ftp://ann:p%40%20%C3%B6%22@web.example:2121/pub/linux?passive=no&max-sessions=4"},
		{from: "h", name: "SITE-H", url: "ftp://h"},
		{from: "asks", name: "ASKS", url: "ftp://u@h"},
		{from: "account", name: "ACCOUNT", url: "ftp://u:p@h", note: "its account is left out"},
		{from: "bad64", name: "BAD64", url: "ftp://u@h", note: "its password cannot be read"},
		{from: "rot", name: "ROT", url: "ftp://u@h", note: `encoded as "rot13"`},
		{from: "vms", name: "VMS", url: "ftp://u@h", note: `its directory is left out: "2 9 SYS$DISK: 3 PUB" is no path with slashes`},
		{from: "six", name: "SIX", url: "ftp://u@[::1]"},
		{from: "sftp", problem: "SFTP is another protocol than FTP"},
		{from: "ftps", name: "FTPS", url: "ftps://u@h"},
		{from: "ftpes", name: "FTPES", url: "ftp://u@h?tls=require"},
		{from: "future", problem: `its protocol, number "99", is not known`},
		{from: "port", problem: "option port"},
		{from: "none", problem: "it has no host"},
		{from: "", problem: "it has no host"},
		{from: "Work/my web", name: "MY-WEB-2", url: "ftp://u:p%26w@h?tls=off"},
		{from: "Work/Deep/old style", name: "OLD-STYLE", url: "ftp://u@h", note: "master password"},
	})
	checkImport(t, "filezilla", "<FileZilla3/>", nil)
	checkImport(t, "filezilla", "<FileZilla3><Servers/></FileZilla3>", nil)
}

func TestReadFilezillaMalformed(t *testing.T) {
	for text, want := range map[string]string{
		"":               "this is no sitemanager.xml of FileZilla 3",
		"host = 'h'":     "this is no sitemanager.xml of FileZilla 3",
		"<Servers/>":     "this is no sitemanager.xml of FileZilla 3",
		"<FileZilla3>\n": "line 2 is no XML",
		"<FileZilla3><Servers>\n<Server><Pass>a&secret;</Pass></Server></Servers></FileZilla3>": "line 2 is no XML",
		"<FileZilla3><Servers>\n<Server><secret></Server></Servers></FileZilla3>":               "line 2 is no XML",
		"<?xml version=\"1.0\" encoding=\"secret\"?><FileZilla3/>":                              "this is no sitemanager.xml of FileZilla 3",
		"<FileZilla3>" + strings.Repeat("<Servers>", 20000):                                     "is no XML",
	} {
		got, err := readFilezilla(strings.NewReader(text))
		if sites.KindOf(err) != sites.Usage || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.80q: %v, %v", text, got, err)
		}
	}
}

func TestFilezillaPath(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"1 0":                    "",
		"0 0 3 pub":              "/pub",
		"1 0 3 pub 5 linux":      "/pub/linux",
		"1 0 3 a b 4  c d":       "/a b/ c d",
		"1 0 5 3 pub":            "/3 pub",
		"1 0 2 é€":               "/é€",
		"1 0 1 \U0001F4C1 3 pub": "/\U0001F4C1/pub", // as other systems count it
		"1 0 2 \U0001F4C1 3 pub": "/\U0001F4C1/pub", // as Windows does
		"9 0 8 cygdrive":         "/cygdrive",
	} {
		if got, ok := filezillaPath(text); !ok || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, ok, want)
		}
	}
	for _, bad := range []string{"1", "x 0", "1 x", "1 0 3", "1 0 4 pub", "1 0 2 pub", "1 0 3 pub ", "1 0 3 pub5 linux",
		"1 0 -1 x", "1 0 0 ", "1 0 3 a/b", "2 0 3 PUB", "3 0 2 C: 3 pub", "1 1 x 3 pub", "/pub", "1 0 99999999999999999999 x"} {
		if got, ok := filezillaPath(bad); ok {
			t.Errorf("%q: %q", bad, got)
		}
	}
}

func FuzzReadFilezilla(f *testing.F) {
	f.Add(`<FileZilla3><Servers><Server><Host>h</Host><Port>21</Port><Protocol>0</Protocol><User>u</User><Pass encoding="base64">cA==</Pass><Logontype>1</Logontype><RemoteDir>1 0 3 pub 5 linux</RemoteDir>x</Server><Folder>F<Server/></Folder></Servers></FileZilla3>`)
	f.Add(`<FileZilla3><Servers><Folder><Folder><Server><Host>::1</Host><Protocol>6</Protocol><RemoteDir>1 0 2 &#x1F4C1;</RemoteDir><MaximumMultipleConnections>2</MaximumMultipleConnections></Server></Folder></Folder></Servers></FileZilla3>`)
	fuzzImport(f, "filezilla")
}
