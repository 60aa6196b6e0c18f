// Command golden runs every case of cases/*.txt through Go's text/template with sprig, and writes what came out beside it.
// Run it in this folder with `go run .` after a change of the cases; the Rust test compares.
//
// A case is one line, a template; "⏎" stands for a line end. Lines that start with "#" are comments, lines that start with "%"
// set how the following cases are run: "% functions=go|sprig", "% data=NAME" (data/NAME.json), "% missingkey=default|error",
// "% left=[[ right=]]", "% numbers=float|verbatim", "% values=any|string".
// An answer is one line: "= " and the output, "! " and the message, both quoted as Go quotes.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

type settings struct {
	functions, data, missingkey, left, right, numbers, values string
}

func main() {
	files, err := filepath.Glob("cases/*.txt")
	check(err)
	for _, file := range files {
		run(file)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string) {
	in, err := os.ReadFile(file)
	check(err)
	var out bytes.Buffer
	initial := settings{functions: "sprig", data: "plain", missingkey: "default", numbers: "float", values: "any"}
	s := initial
	lines := bufio.NewScanner(bytes.NewReader(in))
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "%"):
			s = initial
			for _, word := range strings.Fields(line[1:]) {
				name, value, _ := strings.Cut(word, "=")
				s.set(name, value)
			}
		default:
			fmt.Fprintln(&out, answer(s, strings.ReplaceAll(line, "⏎", "\n")))
		}
	}
	check(lines.Err())
	check(os.WriteFile("expected/"+filepath.Base(file), out.Bytes(), 0o644))
}

func (s *settings) set(name, value string) {
	fields := map[string]*string{
		"functions": &s.functions, "data": &s.data, "missingkey": &s.missingkey, "left": &s.left, "right": &s.right,
		"numbers": &s.numbers, "values": &s.values,
	}
	field, known := fields[name]
	if !known {
		check(fmt.Errorf("unknown setting %q", name))
	}
	*field = value
}

func (s settings) load() any {
	text, err := os.ReadFile("data/" + s.data + ".json")
	check(err)
	decoder := json.NewDecoder(bytes.NewReader(text))
	if s.numbers == "verbatim" {
		decoder.UseNumber()
	}
	if s.values == "string" {
		texts := map[string]string{}
		check(decoder.Decode(&texts))
		return texts
	}
	var value any
	check(decoder.Decode(&value))
	return value
}

func answer(s settings, text string) string {
	functions := template.FuncMap{}
	if s.functions == "sprig" {
		functions = sprig.TxtFuncMap()
		functions["now"] = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 678900000, time.UTC) }
		for _, name := range []string{"env", "expandenv", "getHostByName"} {
			delete(functions, name)
		}
	}
	t, err := template.New("t").Delims(s.left, s.right).Option("missingkey=" + s.missingkey).Funcs(functions).Parse(text)
	if err != nil {
		return "! " + strconv.Quote(err.Error())
	}
	var out bytes.Buffer
	if err := t.Execute(&out, s.load()); err != nil {
		return "! " + strconv.Quote(err.Error())
	}
	return "= " + strconv.Quote(out.String())
}
