package listing

import (
	"strings"
	"time"
)

// monthNames are the names of each month as ls writes them in the locales that
// servers run in, in small letters: English, German, French, Spanish, Italian,
// Portuguese, Dutch, the Scandinavian ones, Polish, Czech, Hungarian, Turkish
// and Russian, in UTF-8 and, where they differ, in ISO 8859-1.
var monthNames = [12]string{
	"jan january januar janv janvier ene gen sty led oca tammi янв",
	"feb february februar febr fév févr f\xe9v f\xe9vr fev lut úno şub helmi фев",
	"mar march mär märz m\xe4r m\xe4rz mrz mars mrt maa maalis márc m\xe1rc bře мар",
	"apr april avr avril abr kwi dub nis huhti ápr \xe1pr апр",
	"may mai mei maj maja mag kvě touko máj m\xe1j май мая",
	"jun june juni juin giu cze čen haz kesä kes\xe4 jún j\xfan июн",
	"jul july juli juil jui juillet lug lip čec tem heinä hein\xe4 júl j\xfal июл",
	"aug august août ao\xfbt aoû ago sie srp ağu elo авг",
	"sep sept september set wrz zář eyl syys szept сен",
	"oct october okt oktober out ott paź říj eki loka окт",
	"nov november lis kas marras ноя",
	"dec december déc d\xe9c dez dezember dic des gru pro ara joulu дек",
}

// months maps each name to its month. It is never written to.
var months = func() map[string]time.Month {
	m := make(map[string]time.Month)
	for i, names := range monthNames {
		for name := range strings.FieldsSeq(names) {
			m[name] = time.Month(i + 1)
		}
	}
	return m
}()

// monthOf returns the month of a name, however its letters are written.
func monthOf(s string) (m time.Month, ok bool) {
	var small [16]byte
	if len(s) > len(small) {
		return 0, false
	}
	for i := range len(s) {
		small[i] = s[i]
		if s[i] >= 'A' && s[i] <= 'Z' {
			small[i] += 'a' - 'A'
		}
	}
	m, ok = months[string(small[:len(s)])]
	return m, ok
}

// lower returns s with the letters of ASCII small. Other bytes may be of any
// encoding.
func lower(s string) string {
	for i := range len(s) {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
