package sites

import "testing"

// TestHeld counts how many entries there is room for, with short names and with long ones.
func TestHeld(t *testing.T) {
	for _, test := range []struct {
		e           Entry
		least, most int
	}{
		{Entry{Name: "a name of 20 letters"}, 2 << 20, 3 << 20},
		{Entry{Name: string(make([]byte, MaxPath)), Target: string(make([]byte, MaxPath))}, 60_000, 65_536},
	} {
		var held Held
		n := 0
		for held.Add(test.e) {
			n++
		}
		if n < test.least || n > test.most {
			t.Errorf("room for %d entries, want %d to %d", n, test.least, test.most)
		}
	}
}
