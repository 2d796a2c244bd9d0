package definition

import (
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Ref names the basis and its version as features do: NAME@VERSION.
func (b *Basis) Ref() string { return fmt.Sprintf("%s@%d", b.Name, b.Version) }

// Basis finds a basis by what a feature names it, NAME@VERSION, or returns nil.
func (p *Project) Basis(ref string) *Basis { return find(p.Bases, ref, (*Basis).Ref) }

func (b *builder) bases(roots []*node) {
	for _, r := range roots {
		for _, n := range r.items("bases") {
			basis := Basis{Pos: n.pos(), Name: n.string("name"), Version: n.integer("version", 0)}
			if basis.Name == "" || basis.Version == 0 || !b.claim(n, "basis", basis.Ref()) {
				continue
			}
			if basis.Data = b.basisData(n, &basis); basis.Data != nil {
				b.project.Bases = append(b.project.Bases, basis)
			}
		}
	}
}

// basisData is what a basis's file holds, or its data; nil if that is reported.
func (b *builder) basisData(n *node, basis *Basis) []byte {
	file, text, what := n.get("file"), n.get("data"), "basis "+quote(basis.Ref())
	var data []byte
	switch {
	case (file == nil) == (text == nil):
		b.report(n, what+" has neither file nor data, or both", "one of file, data", "")
		return nil
	case file != nil:
		if data = b.basisFile(file, what); data == nil {
			return nil
		}
	case text.bad:
		return nil
	default:
		var err error
		if data, err = base64.StdEncoding.Strict().DecodeString(text.text); err != nil || strings.ContainsAny(text.text, "\r\n") {
			b.report(text, "data of "+what+" is not base64", "base64 with padding, on one line", "")
			return nil
		}
	}
	if len(data) == 0 || len(data) > MaxBasisBytes {
		b.report(n, fmt.Sprintf("%s has %d bytes", what, len(data)), fmt.Sprintf("1 to %d", MaxBasisBytes), "")
		return nil
	}
	return data
}

// basisFile is what the named file holds; nil if there is none, which it
// reports.
func (b *builder) basisFile(at *node, what string) []byte {
	if at.bad {
		return nil
	}
	name := schemaPath(at.file, at.text)
	data, ok := b.files[name]
	if !ok {
		known := b.filesLike(func(name string) bool { return path.Ext(name) == basisExt })
		b.report(at, fmt.Sprintf("there is no file %s for %s", quote(name), what), strings.Join(known, ", "), Nearest(name, known))
		return nil
	}
	return slices.Clip(append([]byte{}, data...))
}

// IsBasisRef reports whether a text is NAME@VERSION of a basis, as definitions
// may have them.
func IsBasisRef(ref string) bool { return basisRef.pattern.MatchString(ref) }
