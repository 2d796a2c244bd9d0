package position

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// ErrSignature: the token was not made with this secret, or was changed.
var ErrSignature = errors.New("token: signature does not hold")

// Token names what an answer was made of: for each view the frontier of the
// logs it touched, and the read time. A write's token has one part without a
// view.
type Token struct {
	Time  stamp.Micros // read time t; NoTime for a write
	Parts []Part
}

// Part is one view's share of a token.
type Part struct {
	View     string // name, or empty for a write
	Version  int    // view version; 0 for a write
	Frontier Frontier
}

const (
	tokenVersion = 1
	tagBytes     = 16
	maxParts     = 1000
)

// Frontier is the join of the token's parts: what a read after it must cover.
func (t Token) Frontier() Frontier {
	f := Frontier{}
	for _, p := range t.Parts {
		f.Join(p.Frontier)
	}
	return f
}

// Sign prints the token as URL-safe text with a tag made with secret
// (FORMAT.md §3.2).
func (t Token) Sign(secret []byte) string {
	b := append([]byte{}, tokenVersion)
	b = binary.AppendVarint(b, int64(t.Time))
	b = binary.AppendUvarint(b, uint64(len(t.Parts)))
	for _, p := range t.Parts {
		b = append(binary.AppendUvarint(b, uint64(len(p.View))), p.View...)
		b = binary.AppendUvarint(b, uint64(p.Version))
		b = p.Frontier.Append(b)
	}
	return "t" + base64.RawURLEncoding.EncodeToString(append(b, tag(b, secret)...))
}

// Verify reads Sign's text and checks its tag.
func Verify(s string, secret []byte) (Token, error) {
	t, b, err := parse(s)
	if err != nil {
		return Token{}, err
	}
	cut := len(b) - tagBytes
	if !hmac.Equal(tag(b[:cut], secret), b[cut:]) {
		return Token{}, ErrSignature
	}
	return t, nil
}

// Inspect reads Sign's text without the secret, for people and for offline use
// where the caller vouches for the text.
func Inspect(s string) (Token, error) {
	t, _, err := parse(s)
	return t, err
}

func parse(s string) (Token, []byte, error) {
	b, ok := unprint(s, "t")
	if !ok || len(b) < tagBytes+3 || b[0] != tokenVersion {
		return Token{}, nil, fmt.Errorf("token: want the text that an answer carried, t…")
	}
	r := value.NewCursor(b[:len(b)-tagBytes], 1)
	t := Token{Time: stamp.Micros(r.Varint())}
	for range r.Count(maxParts) {
		p := Part{View: r.Text(), Version: int(r.Limited(1 << 31))}
		f, n, err := DecodeFrontier(r.Rest())
		if err != nil {
			r.Fail(err.Error())
			break
		}
		r.Skip(n)
		p.Frontier = f
		t.Parts = append(t.Parts, p)
	}
	r.End()
	if r.Err() != nil {
		return Token{}, nil, fmt.Errorf("token: %w", r.Err())
	}
	return t, b, nil
}

func tag(b, secret []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write(b)
	return m.Sum(nil)[:tagBytes]
}
