package profile

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseNetrc(t *testing.T) {
	for text, want := range map[string][]NetrcEntry{
		"machine one.example login ann password pa1":                              {{"one.example", "ann", "pa1", true}},
		"machine two.example\n\tlogin bob\n\taccount staff\n\tpassword \"pa2\"\n": {{"two.example", "bob", "pa2", true}},
		"machine a password pa3\nmachine b login c":                               {{"a", "", "pa3", true}, {"b", "c", "", false}},
		"machine a login b password \"two words \\\" \\\\ # end\" account x":      {{"a", "b", `two words " \ # end`, true}},
		"machine a login b password p\\w#x":                                       {{"a", "b", `p\w#x`, true}},
		"machine a login b password \"\"":                                         {{"a", "b", "", true}},
		"machine a login machine password password":                               {{"a", "machine", "password", true}},
		"# machine x\n  # login y\nmachine a":                                     {{"a", "", "", false}},
		"macdef init\nmachine trap login x password wrong\n\nmachine a":           {{"a", "", "", false}},
		"machine a macdef init\nlogin x\n\t\nlogin y":                             {{"a", "y", "", false}},
		"machine a\r\nlogin b\r\n":                                                {{"a", "b", "", false}},
		"default login anonymous password guest":                                  {{"", "anonymous", "guest", true}},
		"machine a nonsense login b":                                              {{"a", "b", "", false}},
		"":                                                                        nil,
		"machine":                                                                 nil,
		"password":                                                                nil,
		"login x password y":                                                      nil,
		"machine x login":                                                         {{"x", "", "", false}},
		"machine x password \"open":                                               {{"x", "", "open", true}},
		"machine x password \"open\\":                                             {{"x", "", `open\`, true}},
		"\"":                                                                      nil,
	} {
		if diff := cmp.Diff(want, ParseNetrc(text)); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}
