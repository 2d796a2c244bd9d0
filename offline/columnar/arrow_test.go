package columnar

import (
	"bytes"
	"encoding/base64"
	"testing"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"pgregory.net/rapid"
)

func TestArrowRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anySchema(t)
		var out bytes.Buffer
		w, err := NewArrowWriter(&out, s)
		if err != nil {
			t.Fatal(err)
		}
		want := rowsOf{}
		for range rapid.IntRange(0, 3).Draw(t, "batches") {
			rows := anyRows(t, s, 12)
			if err := w.Write(rows.batch(s)); err != nil {
				t.Fatal(err)
			}
			want = append(want, rows...)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		r, err := ReadArrow(&out)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for i, c := range r.Schema() {
			if c.Name != s[i].Name || !c.Type.Equal(s[i].Type) || s[i].Type.Scalar() && c.Local != s[i].Local {
				t.Fatalf("column %d reads as %+v, want %+v", i, c, s[i])
			}
		}
		equalRows(t, drainRows(t, r), want)
	})
}

func arrowFieldNames(encoded string) ([]string, error) {
	message, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	r, err := ipc.NewReader(bytes.NewReader(message))
	if err != nil {
		return nil, err
	}
	defer r.Release()
	var names []string
	for _, f := range r.Schema().Fields() {
		names = append(names, f.Name)
	}
	return names, nil
}
