package profile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"rsexec/sites"
)

// document is a TOML file: what it says, in its order.
type document struct {
	file    string
	private bool // nobody but its owner may read it
	empty   bool // it has no bytes
	entries []entry
}

// entry is a key of a document. The keys of a table each have their own; so
// does the head of a table.
type entry struct {
	key   []string // the whole way, of one name or more
	line  int      // of the file, from 1
	value any      // a string, int64, bool, []any, map[string]any or another of go-toml's types
}

// readDocument reads a file. The error wraps fs.ErrNotExist if there is none.
func readDocument(file string) (document, error) {
	info, err := os.Stat(file)
	if err != nil {
		return document{}, &sites.Error{Op: "read", Kind: sites.Other, Err: err}
	}
	if !info.Mode().IsRegular() {
		return document{}, &sites.Error{Op: "read", Path: file, Kind: sites.Usage, Msg: "it is no file"}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return document{}, &sites.Error{Op: "read", Kind: sites.Other, Err: err}
	}
	doc, err := parseDocument(file, text)
	// Windows tells who may read a file in another way than by these bits.
	doc.private = info.Mode().Perm()&0o077 == 0 || runtime.GOOS == "windows"
	return doc, err
}

// parseDocument reads the text of a file.
func parseDocument(file string, text []byte) (document, error) {
	doc := document{file: file, empty: len(text) == 0}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")) // some editors begin a file with it
	var values map[string]any
	if err := toml.Unmarshal(text, &values); err != nil {
		line := 1
		var at *toml.DecodeError
		if errors.As(err, &at) {
			line, _ = at.Position()
		}
		// strconv repeats a number, which may be a password without its quotes.
		said, _, _ := strings.Cut(err.Error(), ": strconv.")
		return doc, doc.at(line, errors.New(said))
	}
	// The text is known to be good; what follows finds the lines.
	var parser unstable.Parser
	parser.Reset(text)
	var table []string
	for parser.NextExpression() {
		switch e := parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = doc.add(&parser, values, nil, e)
		case unstable.KeyValue:
			doc.add(&parser, values, table, e)
		}
	}
	return doc, parser.Error()
}

// add appends the entry of an expression, or those of the keys in its inline
// table, and returns its key.
func (d *document) add(parser *unstable.Parser, values map[string]any, table []string, e *unstable.Node) []string {
	key, line := slices.Clone(table), 0
	for it := e.Key(); it.Next(); {
		if line == 0 {
			line = parser.Shape(it.Node().Raw).Start.Line
		}
		key = append(key, string(it.Node().Data))
	}
	if e.Kind == unstable.KeyValue && e.Value().Kind == unstable.InlineTable {
		for it := e.Value().Children(); it.Next(); {
			d.add(parser, values, key, it.Node())
		}
	}
	// What is below a list of tables has no value of its own; the list has.
	if value, ok := lookUp(values, key); ok {
		d.entries = append(d.entries, entry{key, line, value})
	}
	return key
}

func lookUp(values map[string]any, key []string) (any, bool) {
	value, ok := values[key[0]]
	if table, isTable := value.(map[string]any); len(key) > 1 {
		if !isTable {
			return nil, false
		}
		return lookUp(table, key[1:])
	}
	return value, ok
}

// at returns err with the file and the line in it.
func (d *document) at(line int, err error) error {
	path := fmt.Sprintf("%s:%d", d.file, line)
	if e, ok := err.(*sites.Error); ok {
		said := *e
		said.Op, said.Site, said.Path = "read", "", path
		return &said
	}
	return &sites.Error{Op: "read", Path: path, Kind: sites.Usage, Err: err}
}

// scalar returns the value of an option as text. The path of a file that does not begin
// at the root, or at the home folder, begins at the profile's folder.
func scalar(o sites.Option, value any, dir string) (string, error) {
	switch v := value.(type) {
	case string:
		if o.Kind == sites.FilePath && v != "" && !filepath.IsAbs(v) && !strings.HasPrefix(v, "~") {
			v = filepath.Join(dir, v)
		}
		return v, nil
	case int64:
		if o.Kind == sites.Number {
			return strconv.FormatInt(v, 10), nil
		}
	case bool:
		if o.Kind == sites.YesNo && v {
			return "yes", nil
		} else if o.Kind == sites.YesNo {
			return "no", nil
		}
	}
	expected := [...]string{sites.Text: "a string in quotes", sites.Number: "a number", sites.YesNo: "true or false", sites.FilePath: "a string in quotes"}
	return "", fmt.Errorf("option %s: expected %s", o.Name, expected[o.Kind])
}
