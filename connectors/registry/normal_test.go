package registry

import (
	"strings"
	"testing"
)

func TestTextsOfOneSchemaHaveOneNormalForm(t *testing.T) {
	for name, texts := range map[string][]string{
		"primitive": {`string`, `"string"`, ` {"type": "string"} `},
		"namespace": {
			`{"type":"record","name":"n.R","fields":[{"name":"x","type":{"type":"enum","name":"E","symbols":["A"]}},{"name":"y","type":"E"}]}`,
			`{"type":"record","name":"R","namespace":"n","fields":[{"name":"x","type":{"name":"E","namespace":"n","symbols":["A"],"type":"enum"}},{"type":"n.E","name":"y"}]}`,
		},
		"order of attributes": {
			`{"type":"record","name":"R","doc":"d","fields":[{"name":"x","type":["null",{"type":"array","items":{"type":"long"}}],"default":null}]}`,
			`{"fields":[{"default":null,"type":["null",{"items":"long","type":"array"}],"name":"x"}],"doc":"d","name":"R","type":"record"}`,
		},
		"nested namespace": {
			`{"type":"record","name":"a.R","fields":[{"name":"x","type":{"type":"fixed","name":"b.F","size":3}},{"name":"m","type":{"type":"map","values":"b.F"}}]}`,
			`{"type":"record","name":"R","namespace":"a","fields":[{"name":"x","type":{"type":"fixed","name":"F","namespace":"b","size":3}},{"name":"m","type":{"type":"map","values":"b.F"}}]}`,
		},
	} {
		first, err := parseSchema(texts[0])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, text := range texts[1:] {
			got, err := parseSchema(text)
			if err != nil || got.normal != first.normal {
				t.Errorf("%s: %s\n got %s, %v\nwant %s", name, text, got.normal, err, first.normal)
			}
		}
		again, err := parseSchema(first.normal)
		if err != nil || again.normal != first.normal {
			t.Errorf("%s: the normal form %s is not its own: %s, %v", name, first.normal, again.normal, err)
		}
	}
}

func TestWhatCountsIsKept(t *testing.T) {
	base := `{"type":"record","name":"R","fields":[{"name":"x","type":"long"}]}`
	want, err := parseSchema(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"name":"R"`, `"name":"S"`},
		{`"name":"R"`, `"name":"R","namespace":"n"`},
		{`"name":"R"`, `"name":"R","doc":"d"`},
		{`"name":"R"`, `"name":"R","aliases":["Q"]`},
		{`"name":"R"`, `"name":"R","owner":"me"`},
		{`"type":"long"`, `"type":"long","default":1`},
		{`"type":"long"`, `"type":{"type":"long","logicalType":"timestamp-millis"}`},
		{`"type":"long"`, `"type":["long"]`},
	} {
		got, err := parseSchema(strings.Replace(base, change[0], change[1], 1))
		if err != nil || got.normal == want.normal {
			t.Errorf("%s: %s, %v", change[1], got.normal, err)
		}
	}
}

func TestMessagesNameTheField(t *testing.T) {
	parse := func(field string) schema {
		s, err := parseSchema(`{"type":"record","name":"Flight","fields":[{"name":"delay","type":` + field + `}]}`)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	got := incompatibilities(Backward, parse(`"string"`).parsed, []stored{{version: 3, schema: parse(`"long"`).parsed}})
	if len(got) != 1 || !strings.Contains(got[0], "version 3: delay: ") || !strings.Contains(got[0], "reader string, writer long") {
		t.Errorf("%q", got)
	}
}

func FuzzParseSchema(f *testing.F) {
	for _, text := range []string{
		`string`, `["null","long"]`, `{"type":"fixed","name":"a.F","size":3}`,
		`{"type":"record","name":"R","namespace":"n","aliases":["Q"],"fields":[{"name":"x","type":{"type":"map","values":"R"},"default":{}}]}`,
		`{"type":"enum","name":"E","symbols":["A"]} trailing`, `{"type":"array","items":{"type":"bytes","logicalType":"decimal","precision":4}}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := parseSchema(text)
		if err != nil {
			return
		}
		again, err := parseSchema(s.normal)
		if err != nil || again.normal != s.normal {
			t.Fatalf("%q: normal form %q becomes %q, %v", text, s.normal, again.normal, err)
		}
		stored, err := parseSchema(s.text)
		if err != nil || stored.normal != s.normal {
			t.Fatalf("%q: stored text %q has normal form %q, not %q, %v", text, s.text, stored.normal, s.normal, err)
		}
	})
}

func FuzzReplay(f *testing.F) {
	f.Add([]byte(`{"op":"register","subject":"s","version":1,"id":1,"schema":"\"string\""}` + "\n" + `{"op":"delete","subject":"s","version":1}` + "\n"))
	f.Add([]byte(`{"op":"level","level":"FULL"}` + "\n" + `{"op":"purge"`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		st := newState()
		n, err := replay(raw, st.apply)
		if err != nil {
			return
		}
		if n < 0 || n > int64(len(raw)) {
			t.Fatalf("%d of %d bytes", n, len(raw))
		}
		if again, err := replay(raw[:n], newState().apply); err != nil || again != n {
			t.Fatalf("what was kept is not read again: %d of %d, %v", again, n, err)
		}
	})
}
