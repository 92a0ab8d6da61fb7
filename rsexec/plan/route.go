package plan

import "time"

// A Route is what is known of a figure between two sites, in this order: a row of
// the route table.
type Route struct {
	Source, Dest string    // what the sites go by in the table
	Figure       string    // the figure's name
	Summary      string    // and its summary, for one figure may have either side listen
	Worked       time.Time // when it last did; zero if it never did
	Refused      time.Time // when it was last refused; zero if it was not, or has worked since
	Why          string    // it was refused: what the site said
}

// A Decision is what was decided about the transfers between two sites, and why.
type Decision struct {
	Source, Dest string // as Route has them
	At           time.Time
	Why          string
	Pairs        int // of sessions at a time that were found best, or are tried; 0 is not about that
}
