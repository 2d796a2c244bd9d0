package position

import (
	"errors"
	"maps"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/stamp"
)

func anyFrontier(t *rapid.T, label string) Frontier {
	f := Frontier{}
	for range rapid.IntRange(0, 6).Draw(t, label+".n") {
		l := Log{
			Stream:    rapid.SampledFrom([]string{"a", "b", "orders"}).Draw(t, "stream"),
			Source:    Source{rapid.SampledFrom([]string{"eu", "us"}).Draw(t, "origin"), rapid.Uint32Range(1, 3).Draw(t, "inc")},
			Partition: rapid.Int32Range(0, 9).Draw(t, "partition"),
		}
		next := rapid.Int64Range(1, 1000).Draw(t, "next")
		f[l] = Mark{Next: next, Stamp: stamp.Stamp(next * 7)}
	}
	return f
}

func join(fs ...Frontier) Frontier {
	out := Frontier{}
	for _, f := range fs {
		out.Join(f)
	}
	return out
}

func TestFrontierJoinLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := anyFrontier(t, "a"), anyFrontier(t, "b"), anyFrontier(t, "c")
		if !maps.Equal(join(a, b), join(b, a)) || !maps.Equal(join(a, a), a) || !maps.Equal(join(join(a, b), c), join(a, join(b, c))) {
			t.Fatal("join is not a semilattice")
		}
		if !join(a, b).Covers(a) || a.Covers(b) != maps.Equal(join(a, b), a) {
			t.Fatal("covers disagrees with join")
		}
	})
}

func TestFrontierText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := anyFrontier(t, "f")
		got, err := ParseFrontier(f.Text())
		if err != nil || !maps.Equal(got, f) {
			t.Fatalf("%v became %v, %v", f, got, err)
		}
	})
	for _, s := range []string{"", "f", "x", "f!!", "fAg"} {
		if _, err := ParseFrontier(s); err == nil {
			t.Errorf("ParseFrontier(%q) passed", s)
		}
	}
}

func TestTokenRoundTripAndSignature(t *testing.T) {
	secret := []byte("secret")
	rapid.Check(t, func(t *rapid.T) {
		tok := Token{Time: stamp.Micros(rapid.Int64().Draw(t, "time"))}
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			tok.Parts = append(tok.Parts, Part{View: rapid.StringN(0, 4, 8).Draw(t, "view"), Version: rapid.IntRange(0, 9).Draw(t, "v"), Frontier: anyFrontier(t, "f")})
		}
		s := tok.Sign(secret)
		got, err := Verify(s, secret)
		if err != nil || !reflect.DeepEqual(got, tok) {
			t.Fatalf("%v became %v, %v", tok, got, err)
		}
		if _, err := Verify(s, []byte("other")); !errors.Is(err, ErrSignature) {
			t.Fatalf("another secret: %v", err)
		}
		changed := []byte(s)
		i := rapid.IntRange(1, len(s)-2).Draw(t, "i")
		changed[i] ^= 1
		if _, err := Verify(string(changed), secret); err == nil {
			t.Fatal("a changed token passed")
		}
	})
}

func TestPositionText(t *testing.T) {
	p := Position{Log{"flights", Source{"us-east", 1}, 3}, 1041}
	if p.String() != "us-east/flights/3/1041" {
		t.Fatal(p)
	}
	for _, s := range []string{p.String(), "us-east~2/flights/0/0"} {
		got, err := ParsePosition(s)
		if err != nil || got.String() != s {
			t.Errorf("%q became %q, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "a/b/c", "a/b/-1/0", "a/b/0/x", "/b/0/0", "a~1/b/0/0", "a/b/0/0/0"} {
		if _, err := ParsePosition(s); err == nil {
			t.Errorf("ParsePosition(%q) passed", s)
		}
	}
}

func TestRetractionsNameTheirSource(t *testing.T) {
	s := Source{Origin: "us-east", Incarnation: 2}
	r := s.Retractions()
	if of, ok := r.Retracts(); !ok || of != s || r == s {
		t.Errorf("%v retracts %v, %t", r, of, ok)
	}
	if of, ok := s.Retracts(); ok {
		t.Errorf("%v retracts %v", s, of)
	}
}

func TestTextHasNoLineBreaks(t *testing.T) {
	f := Frontier{Log{"s", Source{"eu", 1}, 2}: {Next: 5, Stamp: 9}}
	frontier := f.Text()
	token := Token{Time: 1, Parts: []Part{{View: "v", Version: 1, Frontier: f}}}.Sign(nil)
	for _, mark := range []string{"\r", "\n", "\r\n"} {
		if _, err := ParseFrontier(frontier[:4] + mark + frontier[4:]); err == nil {
			t.Errorf("a frontier with %q inside passed", mark)
		}
		if _, err := Verify(token[:4]+mark+token[4:], nil); err == nil {
			t.Errorf("a token with %q inside passed", mark)
		}
	}
}

func FuzzDecodeFrontier(f *testing.F) {
	f.Add(Frontier{Log{"s", Source{"eu", 1}, 2}: {Next: 5, Stamp: 9}}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, n, err := DecodeFrontier(b)
		if err == nil && string(got.Append(nil)) != string(b[:n]) {
			t.Fatalf("%x is not canonical", b[:n])
		}
	})
}

func FuzzParseFrontier(f *testing.F) {
	f.Add(Frontier{Log{"s", Source{"eu", 1}, 2}: {Next: 5, Stamp: 9}}.Text())
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := ParseFrontier(s); err == nil && got.Text() != s {
			t.Fatalf("%q is not canonical", s)
		}
	})
}

func FuzzVerify(f *testing.F) {
	f.Add(Token{Time: 1, Parts: []Part{{View: "v", Version: 1, Frontier: Frontier{}}}}.Sign(nil))
	f.Fuzz(func(t *testing.T, s string) {
		if tok, err := Verify(s, nil); err == nil && tok.Sign(nil) != s {
			t.Fatalf("%q is not canonical", s)
		}
	})
}
