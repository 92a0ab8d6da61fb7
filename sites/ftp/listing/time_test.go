package listing

import (
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	at := time.Date(2026, 11, 21, 5, 47, 3, 0, time.UTC)
	for _, test := range []struct {
		text string
		want time.Time
	}{
		{"20261121054703", at},
		{" 20261121054703\r", at},
		{"20261121054703.250", at.Add(250 * time.Millisecond)},
		{"191261121054703", at},
		{"191001121054703", time.Date(2000, 11, 21, 5, 47, 3, 0, time.UTC)},
		{"19101121054703", time.Date(1910, 11, 21, 5, 47, 3, 0, time.UTC)},
		{"", time.Time{}},
		{"2026112105470", time.Time{}},
		{"20261321054703", time.Time{}},
		{"20260229054703", time.Time{}},
		{"20261121054703.1e300", time.Time{}},
		{"20261121054703Z", time.Time{}},
	} {
		got, ok := Time(test.text)
		if !got.Equal(test.want) || ok == test.want.IsZero() {
			t.Errorf("%q is %v, %v; want %v", test.text, got, ok, test.want)
		}
	}
}
