package definition

import (
	"bytes"
	"strings"
	"testing"
)

func TestBasesAreReadFromTheirFiles(t *testing.T) {
	p, err := Parse(kindFiles("kind: low_rank, of: ns, basis: items@2"))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Bases) != 2 || string(p.Basis("items@1").Data) != "first" || string(p.Basis("items@2").Data) != "second" || p.Basis("items@3") != nil {
		t.Errorf("bases %+v", p.Bases)
	}
	if b := Encode(p); !bytes.Contains(b, []byte(`"bases":[{"name":"items","version":1,"data":"Zmlyc3Q="},{"name":"items","version":2,"data":"c2Vjb25k"}]`)) {
		t.Errorf("canonical JSON %s", b)
	}
	survives(t, p)
}

func TestBadBasesAreRefused(t *testing.T) {
	good := "bases: [{name: items, version: 1, file: items-1.basis}, {name: items, version: 2, file: more/items.basis}]"
	cases := []struct {
		name, new string
		want      []string
	}{
		{"no such file", "bases: [{name: items, version: 1, file: item-1.basis}]", []string{`p.yaml:5: there is no file "item-1.basis" for basis "items@1"; allowed: empty.basis, items-1.basis, large.basis, more/items.basis, most.basis; did you mean "items-1.basis"?`}},
		{"another extension", "bases: [{name: items, version: 1, file: e.avsc}]", []string{`is text "e.avsc"; allowed: a file whose name ends in .basis`}},
		{"twice", "bases: [{name: items, version: 1, file: items-1.basis}, {name: items, version: 1, file: more/items.basis}]", []string{`basis "items@1" is there twice`}},
		{"no version", "bases: [{name: items, file: items-1.basis}]", []string{`basis "items" has no version`}},
		{"version 0", "bases: [{name: items, version: 0, file: items-1.basis}]", []string{"from 1 to 999999999"}},
		{"neither", "bases: [{name: items, version: 1}]", []string{`basis "items@1" has neither file nor data, or both`}},
		{"both", "bases: [{name: items, version: 1, file: items-1.basis, data: aGk=}]", []string{"or both"}},
		{"not base64", "bases: [{name: items, version: 1, data: aGk}]", []string{`data of basis "items@1" is not base64`}},
		{"loose base64", "bases: [{name: items, version: 1, data: aGl=}]", []string{"is not base64"}},
		{"no bytes", "bases: [{name: items, version: 1, file: empty.basis}]", []string{`basis "items@1" has 0 bytes; allowed: 1 to 393216`}},
		{"too many bytes", "bases: [{name: items, version: 1, file: large.basis}]", []string{"has 393217 bytes"}},
		{"unknown key", "bases: [{name: items, version: 1, fil: items-1.basis}]", []string{`unknown key "fil"`, `did you mean "file"?`}},
		{"inline", "bases: [{name: items, version: 1, data: aGk=}]", nil},
		{"largest", "bases: [{name: items, version: 1, file: most.basis}]", nil},
	}
	for _, c := range cases {
		files := kindFiles("kind: low_rank, of: ns, basis: items@1")
		files[0].Data = []byte(strings.Replace(string(files[0].Data), good, c.new, 1))
		for name, size := range map[string]int{"empty": 0, "large": MaxBasisBytes + 1, "most": MaxBasisBytes} {
			files = append(files, File{Name: name + ".basis", Data: make([]byte, size)})
		}
		byEditor := map[string]bool{"another extension": true, "no version": true, "version 0": true, "neither": true, "both": true, "unknown key": true}
		if got := editor(t, string(files[0].Data)) != nil; got != byEditor[c.name] {
			t.Errorf("%s: an editor refuses it: %v", c.name, got)
		}
		p, err := Parse(files)
		if err == nil && c.want == nil {
			survives(t, p)
			continue
		}
		for _, part := range c.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: error %v lacks %q", c.name, err, part)
			}
		}
		if problems, _ := err.(Problems); len(problems) != 1 && !strings.Contains(c.name, "version") && c.name != "unknown key" {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestBasesAreNoSchemas: the names offered for a schema are those of schemas.
func TestBasesAreNoSchemas(t *testing.T) {
	files := kindFiles("kind: count")
	files[0].Data = bytes.Replace(files[0].Data, []byte("e.avsc"), []byte("f.avsc"), 1)
	if _, err := Parse(files); err == nil || !strings.Contains(err.Error(), `there is no schema file "f.avsc"; allowed: e.avsc; did you mean "e.avsc"?`) {
		t.Errorf("error %v", err)
	}
}

func TestViewHashCoversItsBases(t *testing.T) {
	hash := func(feature string, change func(files []File)) string {
		files := kindFiles(feature)
		change(files)
		p, err := Parse(files)
		if err != nil {
			t.Fatal(err)
		}
		return ViewHash(p, &p.Views[0])
	}
	used, other := "kind: low_rank, of: ns, basis: items@1", "kind: count"
	first := func(files []File) { files[2].Data = []byte("another") }
	second := func(files []File) { files[3].Data = []byte("another") }
	same := func([]File) {}
	if hash(used, same) == hash(used, first) {
		t.Error("another basis gives the same hash")
	}
	if hash(used, same) != hash(used, second) || hash(other, same) != hash(other, first) {
		t.Error("a basis that the view does not use enters its hash")
	}
}

func TestIsBasisRef(t *testing.T) {
	for ref, want := range map[string]bool{"items@1": true, "my-items_2@999999999": true, "items": false, "items@0": false, "items@01": false, "Items@1": false, "@1": false, "items@1 ": false, "items@1234567890": false} {
		if IsBasisRef(ref) != want {
			t.Errorf("IsBasisRef(%q) is %v", ref, !want)
		}
	}
}
