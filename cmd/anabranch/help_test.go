package main

import (
	"reflect"
	"strings"
	"testing"
)

// commands are all of the program's, out of the command line's own grammar.
func commands() []string {
	var list []string
	var walk func(t reflect.Type, prefix string)
	walk = func(t reflect.Type, prefix string) {
		for i := range t.NumField() {
			f := t.Field(i)
			if _, is := f.Tag.Lookup("cmd"); !is {
				continue
			}
			name := f.Tag.Get("name")
			if name == "" {
				name = strings.ToLower(f.Name)
			}
			before := len(list)
			walk(f.Type, prefix+name+" ")
			if len(list) == before {
				list = append(list, prefix+name)
			}
		}
	}
	walk(reflect.TypeFor[cli](), "")
	return list
}

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	list := commands()
	if len(list) < 18 {
		t.Fatalf("found only the commands %q", list)
	}
	for _, name := range list {
		args := append(strings.Fields(name), "--help")
		r := anabranch(t, args...)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%s --help: exit %d, stderr %q", name, r.code, r.stderr)
		}
		if !strings.Contains(r.stdout, "Example") || !strings.Contains(r.stdout, "    anabranch "+strings.Fields(name)[0]) {
			t.Errorf("%s --help has no example:\n%s", name, r.stdout)
		}
		for line := range strings.Lines(r.stdout) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 100 && !strings.HasPrefix(line, "    anabranch ") {
				t.Errorf("%s --help: line of %d characters: %s", name, n, line)
			}
		}
	}
}
