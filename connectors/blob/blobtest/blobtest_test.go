package blobtest

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"anabranch.dev/anabranch/connectors/blob"
)

func TestMemoryConforms(t *testing.T) {
	Run(t, func(*testing.T) blob.Store { return NewMemory() })
}

func TestFaultyWithoutFaultsConforms(t *testing.T) {
	Run(t, func(*testing.T) blob.Store { return NewFaulty(NewMemory()) })
}

func TestFaultsDoWhatTheySay(t *testing.T) {
	for _, c := range []struct {
		fault            Fault
		unknown          bool
		there, thereLate bool
	}{
		{Refused, false, false, false},
		{LostRequest, true, false, false},
		{LostReply, true, true, true},
		{Delayed, true, false, true},
	} {
		inner := NewMemory()
		s := NewFaulty(inner)
		s.FailAt(1, c.fault)
		data := []byte("data")
		err := s.Create(t.Context(), "x", data)
		copy(data, "XXXX") // the caller has its slice back
		if !errors.Is(err, ErrInjected) || errors.Is(err, blob.ErrUnknown) != c.unknown {
			t.Errorf("%v: error is %v", c.fault, err)
		}
		if got := has(t, inner); got != c.there {
			t.Errorf("%v: applied at once: %v", c.fault, got)
		}
		_, err = s.Get(t.Context(), "x") // a delayed write lands after the next operation
		if found := err == nil; found != c.there {
			t.Errorf("%v: found by the next operation: %v", c.fault, err)
		}
		if got := has(t, inner); got != c.thereLate {
			t.Errorf("%v: applied in the end: %v", c.fault, got)
		}
		if want := []string{"create x", "get x"}; !slices.Equal(s.Log(), want) {
			t.Errorf("log %q, want %q", s.Log(), want)
		}
	}
}

func has(t *testing.T, m *Memory) bool {
	t.Helper()
	data, err := m.Get(t.Context(), "x")
	if err == nil && string(data) != "data" {
		t.Errorf("object holds %q", data)
	}
	return err == nil
}

// commit is the shape of every writer of numbered objects: create, and when the outcome is not known, look.
func commit(t *testing.T, s blob.Store, name string, data []byte) (mine bool, err error) {
	err = s.Create(t.Context(), name, data)
	for range 3 {
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, blob.ErrExists):
			got, getErr := s.Get(t.Context(), name)
			if getErr == nil {
				return bytes.Equal(got, data), nil
			}
		}
		err = s.Create(t.Context(), name, data)
	}
	return false, err
}

func TestEachFaultDrivesARetryingWriter(t *testing.T) {
	scenarios := 0
	EachFault(t, func(t *testing.T, s blob.Store, inner *Memory, settle func()) {
		scenarios++
		mine, err := commit(t, s, "m/1", []byte("writer 1"))
		if err != nil || !mine {
			t.Fatalf("commit: %v, %v", mine, err)
		}
		settle()
		wantObject(t, inner, "m/1", []byte("writer 1"))
	})
	if want := 1 + len(Faults); scenarios != want {
		t.Errorf("%d runs, want %d: one plain, and one for each fault of the only operation", scenarios, want)
	}
}

func TestUploadAppearsInTheLog(t *testing.T) {
	s := NewFaulty(NewMemory())
	if _, err := s.Upload(t.Context(), "u", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), "u"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if want := []string{"upload u", "delete u", "list "}; !slices.Equal(s.Log(), want) {
		t.Errorf("log %q, want %q", s.Log(), want)
	}
}
