package catalogue

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"anabranch.dev/anabranch/schemas/definition"
)

// full is a command with everything in it.
func full(t testing.TB) *Command {
	return &Command{ID: "2ZkOZ1Yx0XnDsiSqQUX2bGpnAGm", Expected: 41, Kind: Apply, Project: project(t), Files: sources(shop), Secret: []byte("0123456789abcdef")}
}

func encode(t testing.TB, c *Command) []byte {
	t.Helper()
	b, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// same compares commands, projects by their canonical bytes.
func same(a, b *Command) bool {
	x, y := *a, *b
	x.Project, y.Project = nil, nil
	return reflect.DeepEqual(x, y) && bytes.Equal(definition.Encode(a.Project), definition.Encode(b.Project))
}

func TestDecodeReadsWhatEncodeWrote(t *testing.T) {
	for _, c := range []*Command{full(t), apply("a", 0, project(t))} {
		got, err := Decode(encode(t, c))
		if err != nil || !same(got, c) {
			t.Errorf("decoded %+v, %v, want %+v", got, err, c)
		}
	}
}

func TestUnknownFieldsAreKept(t *testing.T) {
	b := encode(t, full(t))
	b = protowire.AppendVarint(protowire.AppendTag(b, 99, protowire.VarintType), 7)
	b = protowire.AppendString(protowire.AppendTag(b, 100, protowire.BytesType), "later")
	b = protowire.AppendFixed32(protowire.AppendTag(b, fieldID, protowire.Fixed32Type), 1) // a known number of another type
	c, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if again := encode(t, c); !bytes.Equal(again, b) {
		t.Errorf("encoded again\n%x, want\n%x", again, b)
	}
}

func TestFieldsInAnyOrderAndTwice(t *testing.T) {
	want := full(t)
	b := appendVarint(nil, fieldKind, 7)
	b = appendBytes(b, fieldID, []byte("other"))
	b = append(b, encode(t, want)...)
	got, err := Decode(b)
	if err != nil || !same(got, want) {
		t.Errorf("decoded %+v, %v", got, err)
	}
}

func TestNewerCommandsStopTheReader(t *testing.T) {
	kind := appendVarint(appendBytes(nil, fieldID, []byte("x")), fieldKind, 2)
	key := appendBytes(appendVarint(appendBytes(nil, fieldID, []byte("x")), fieldKind, 1), fieldProject, []byte(`{"project":"p","regions":[{"name":"a"}],"feature_models":[]}`))
	for name, b := range map[string][]byte{"kind": kind, "key in the project": key} {
		if _, err := Decode(b); !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNoCommandIsNotNewer(t *testing.T) {
	good := encode(t, full(t))
	for name, b := range map[string][]byte{
		"empty":          {},
		"text":           []byte("hello"),
		"cut":            good[:len(good)-3],
		"no id":          appendVarint(nil, fieldKind, 1),
		"bad id":         appendVarint(appendBytes(nil, fieldID, []byte("a b")), fieldKind, 1),
		"long id":        appendVarint(appendBytes(nil, fieldID, bytes.Repeat([]byte("a"), 65)), fieldKind, 1),
		"no kind":        appendBytes(nil, fieldID, []byte("a")),
		"no project":     appendVarint(appendBytes(nil, fieldID, []byte("a")), fieldKind, 1),
		"short secret":   appendBytes(bytes.Clone(good), fieldSecret, []byte("short")),
		"bad file":       appendBytes(bytes.Clone(good), fieldFile, []byte{0xff}),
		"file not UTF-8": appendBytes(bytes.Clone(good), fieldFile, appendBytes(nil, fieldFileName, []byte{0xff})),
		"too large":      appendBytes(bytes.Clone(good), 99, make([]byte, MaxCommandBytes)),
	} {
		if c, err := Decode(b); err == nil || errors.Is(err, ErrNewer) || c != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

func TestEncodeRefusesWhatDecodeWould(t *testing.T) {
	for name, c := range map[string]*Command{
		"no id":      {Kind: Apply, Project: project(t)},
		"no kind":    {ID: "a", Project: project(t)},
		"no project": {ID: "a", Kind: Apply},
		"secret":     {ID: "a", Kind: Apply, Project: project(t), Secret: []byte("x")},
		"too large":  {ID: "a", Kind: Apply, Project: project(t), Files: []definition.File{{Name: "x", Data: make([]byte, MaxCommandBytes)}}},
	} {
		if _, err := c.Encode(); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

// vector reads released bytes: hexadecimal text.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "vectors", "v1", "catalogue", name))
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReleasedBytes(t *testing.T) {
	if b := encode(t, full(t)); !bytes.Equal(b, vector(t, "apply.hex")) {
		t.Errorf("the command of apply.hex is now\n%x", b)
	}
	c, err := Decode(vector(t, "apply.hex"))
	if err != nil || !same(c, full(t)) {
		t.Errorf("apply.hex: %+v, %v", c, err)
	}
	later, err := Decode(vector(t, "apply-with-unknown-field.hex"))
	if err != nil || later.ID != "later" || !bytes.Equal(encode(t, later), vector(t, "apply-with-unknown-field.hex")) {
		t.Errorf("apply-with-unknown-field.hex: %+v, %v", later, err)
	}
	if _, err := Decode(vector(t, "kind-2.hex")); !errors.Is(err, ErrNewer) {
		t.Errorf("kind-2.hex: %v", err)
	}
}

// FuzzDecode: no input panics, and what is read encodes to what reads the same.
func FuzzDecode(f *testing.F) {
	f.Add(encode(f, full(f)))
	f.Add(vector(f, "apply-with-unknown-field.hex"))
	f.Add(vector(f, "kind-2.hex"))
	f.Add([]byte{0x0a, 0x01, 'a', 0x18, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(encode(t, c))
		if err != nil || !same(c, again) {
			t.Fatalf("decoded %+v, again %+v, %v", c, again, err)
		}
	})
}
