package grammar

import "strings"

// nearest returns the index of the candidate that word is most likely a slip of
// the finger for, or -1 if none is near. The earlier of two equally near ones wins.
func nearest(word string, candidates []string) int {
	word = strings.ToUpper(word)
	found, limit := -1, len(word)/3 // one slip for every three letters is still a likeness
	for i, c := range candidates {
		if abs(len(c)-len(word)) > limit {
			continue
		}
		if d := distance(word, strings.ToUpper(c)); d <= limit {
			found, limit = i, d-1
		}
	}
	return found
}

// distance counts the letters to insert, delete, replace or exchange with their
// neighbour to make b from a.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replace := 1
			if a[i-1] == b[j-1] {
				replace = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}

func abs(n int) int {
	return max(n, -n)
}
