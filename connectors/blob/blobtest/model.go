package blobtest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/connectors/blob"
)

// testModel runs a random sequence of operations on few names against a map.
func testModel(t *testing.T, s blob.Store) {
	rng, model := rand.New(rand.NewPCG(1, 9)), map[string][]byte{}
	for step := range 150 {
		name := fmt.Sprintf("d%d/n%d", rng.IntN(3), rng.IntN(3))
		data := noise(rng.IntN(3000), uint64(step))
		switch have, taken := model[name]; rng.IntN(6) {
		case 0, 1:
			err := s.Create(t.Context(), name, data)
			if taken != errors.Is(err, blob.ErrExists) || (!taken && err != nil) {
				t.Fatalf("step %d: create %s: %v; taken: %v", step, name, err, taken)
			}
			if !taken {
				model[name] = data
			}
		case 2:
			if info, err := s.Upload(t.Context(), name, bytes.NewReader(data)); err != nil || info.SizeBytes != int64(len(data)) {
				t.Fatalf("step %d: upload %s: %+v, %v", step, name, info, err)
			}
			model[name] = data
		case 3:
			if err := s.Delete(t.Context(), name); err != nil {
				t.Fatalf("step %d: delete %s: %v", step, name, err)
			}
			delete(model, name)
		case 4:
			got, err := s.Get(t.Context(), name)
			if taken == errors.Is(err, blob.ErrNotFound) || (taken && err != nil) || !bytes.Equal(got, have) {
				t.Fatalf("step %d: get %s: %d bytes, %v; want %d, taken: %v", step, name, len(got), err, len(have), taken)
			}
		case 5:
			prefix := name[:rng.IntN(len(name))]
			names := slices.Sorted(maps.Keys(model))
			wantNames(t, s, prefix, slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) })...)
		}
	}
}
