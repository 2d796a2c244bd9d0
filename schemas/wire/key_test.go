package wire

import (
	"bytes"
	"testing"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/value"
	"pgregory.net/rapid"
)

// The vectors of Apache Kafka's UtilsTest.testMurmur2.
func TestMurmur2AgreesWithKafka(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971, "abc": 479470107,
		"": 275646681,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", key, got, want)
		}
		if got, want := Partition([]byte(key), 7), (want&0x7fffffff)%7; got != want {
			t.Errorf("Partition(%q, 7) = %d, want %d", key, got, want)
		}
	}
}

func TestFrame(t *testing.T) {
	b := append(AppendFrame([]byte("x"), 0x01020304), "body"...)
	if want := "x\x00\x01\x02\x03\x04body"; string(b) != want {
		t.Fatalf("frame %q, want %q", b, want)
	}
	if id, body, ok := Frame(b[1:]); !ok || id != 0x01020304 || string(body) != "body" {
		t.Fatalf("Frame = %d, %q, %v", id, body, ok)
	}
	for _, bad := range [][]byte{nil, {0}, {0, 0, 0, 1}, {1, 0, 0, 0, 1, 2}} {
		if _, _, ok := Frame(bad); ok {
			t.Errorf("Frame(%x) is accepted", bad)
		}
	}
}

var (
	stringKey = []definition.JoinKey{{Name: "s", Type: value.String}}
	intKey    = []definition.JoinKey{{Name: "n", Type: value.Int64}}
	bytesKey  = []definition.JoinKey{{Name: "b", Type: value.Bytes}}
	allKeys   = []definition.JoinKey{stringKey[0], intKey[0], bytesKey[0]}
)

func TestKeyText(t *testing.T) {
	for _, c := range []struct {
		keys   []definition.JoinKey
		values []value.Value
		want   string
	}{
		{nil, nil, ""},
		{stringKey, []value.Value{value.Text(`a "quoted" é`)}, `a "quoted" é`},
		{intKey, []value.Value{value.Int(-7)}, "-7"},
		{bytesKey, []value.Value{value.Raw([]byte{0, 255})}, "\x00\xff"},
		{allKeys, []value.Value{value.Text("a\"\\/\né\u2028<"), value.Int(9223372036854775807), value.Raw([]byte{255, 254})},
			`["a\"\\/\né` + "\u2028" + `<",9223372036854775807,"//4="]`},
		{allKeys[:2], []value.Value{value.Text(""), value.Int(0)}, `["",0]`},
	} {
		got := AppendKey([]byte("-"), c.keys, c.values)
		if string(got) != "-"+c.want {
			t.Errorf("key %q, want %q", got[1:], c.want)
		}
	}
}

func TestParseKeyRefusesWhatIsNotCanonical(t *testing.T) {
	for _, c := range []struct {
		keys []definition.JoinKey
		text string
	}{
		{nil, "x"}, {intKey, ""}, {intKey, "+1"}, {intKey, "01"}, {intKey, "-0"}, {intKey, " 1"}, {intKey, "1.0"},
		{intKey, "9223372036854775808"}, {stringKey, "\xff"},
		{allKeys[:2], `["a", 1]`}, {allKeys[:2], `["a","1"]`}, {allKeys[:2], `["a"]`}, {allKeys[:2], `["a",1,2]`},
		{allKeys[:2], `["\u0061",1]`}, {allKeys[:2], `["a",1]x`}, {allKeys[:2], `["a",null]`}, {allKeys[:2], `[null,1]`},
		{allKeys[:2], ``}, {allKeys[:2], `{"s":"a"}`}, {allKeys[:2], "[\"\xff\",1]"}, {allKeys[:2], `["\ud800",1]`},
		{allKeys, `["a",1,"AA"]`}, {allKeys, `["a",1,"AB=="]`},
	} {
		if v, err := ParseKey([]byte(c.text), c.keys); err == nil {
			t.Errorf("ParseKey(%q) = %v, want an error", c.text, v)
		}
	}
}

func drawKey(t *rapid.T) ([]definition.JoinKey, []value.Value) {
	var keys []definition.JoinKey
	var values []value.Value
	for range rapid.IntRange(0, 4).Draw(t, "keys") {
		k := rapid.SampledFrom(allKeys).Draw(t, "key")
		keys = append(keys, k)
		switch k.Type {
		case value.String:
			values = append(values, value.Text(rapid.String().Draw(t, "s")))
		case value.Int64:
			values = append(values, value.Int(rapid.Int64().Draw(t, "n")))
		case value.Bytes:
			values = append(values, value.Raw(rapid.SliceOf(rapid.Byte()).Draw(t, "b")))
		}
	}
	return keys, values
}

func TestKeyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys, values := drawKey(t)
		text := AppendKey(nil, keys, values)
		got, err := ParseKey(text, keys)
		if err != nil || len(got) != len(values) {
			t.Fatalf("ParseKey(%q): %v, %v", text, got, err)
		}
		for i := range got {
			if !value.Equal(got[i], values[i]) {
				t.Fatalf("part %d of %q: %v, want %v", i, text, got[i], values[i])
			}
		}
	})
}

func FuzzParseKey(f *testing.F) {
	f.Add([]byte(`["a",1,"//4="]`), uint8(3))
	f.Add([]byte(`-7`), uint8(1))
	f.Fuzz(func(t *testing.T, text []byte, n uint8) {
		for shift := range allKeys {
			keys := append(append([]definition.JoinKey{}, allKeys[shift:]...), allKeys[:shift]...)[:n%4]
			values, err := ParseKey(text, keys)
			if err != nil {
				continue
			}
			if again := AppendKey(nil, keys, values); !bytes.Equal(again, text) {
				t.Fatalf("%q reads as %v, which is %q", text, values, again)
			}
		}
	})
}

func TestKeyPartFromJSON(t *testing.T) {
	for _, c := range []struct {
		raw  string
		kind value.Kind
		want value.Value
		bad  bool
	}{
		{`7`, value.Int64, value.Int(7), false},
		{` -9223372036854775808 `, value.Int64, value.Int(-1 << 63), false},
		{`"9007199254740993"`, value.Int64, value.Int(9007199254740993), false},
		{`7.0`, value.Int64, value.Value{}, true},
		{`"x"`, value.Int64, value.Value{}, true},
		{`"+7"`, value.Int64, value.Value{}, true},
		{`9223372036854775808`, value.Int64, value.Value{}, true},
		{`null`, value.Int64, value.Value{}, true},
		{`"a\u00e9\ufffd"`, value.String, value.Text("aé\ufffd"), false},
		{`"\ud83d\ude00"`, value.String, value.Text("😀"), false},
		{`"\ud83d"`, value.String, value.Value{}, true},
		{"\"\xff\"", value.String, value.Value{}, true},
		{`7`, value.String, value.Value{}, true},
		{`null`, value.String, value.Value{}, true},
		{`true`, value.String, value.Value{}, true},
		{`"AP8="`, value.Bytes, value.Raw([]byte{0, 255}), false},
		{`"AP8"`, value.Bytes, value.Value{}, true},
		{`"AP8=\n"`, value.Bytes, value.Value{}, true},
		{`1234`, value.Bytes, value.Value{}, true},
		{``, value.String, value.Value{}, true},
	} {
		got, err := KeyPartFromJSON([]byte(c.raw), c.kind)
		if (err != nil) != c.bad || !c.bad && !value.Equal(got, c.want) {
			t.Errorf("%s as %s: %v, %v", c.raw, c.kind, got, err)
		}
	}
}
