package position

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// Source is one life of one region's log.
type Source struct {
	Origin      string // the region whose log first took the events
	Incarnation uint32 // grows when the log's identity breaks; the first is 1
}

// Compare orders sources by origin, then incarnation.
func (s Source) Compare(t Source) int {
	if c := strings.Compare(s.Origin, t.Origin); c != 0 {
		return c
	}
	return cmp.Compare(s.Incarnation, t.Incarnation)
}

// retractionMark ends the origin of a source of retractions; no region's name
// may have it.
const retractionMark = "^"

// Retractions is the source of the log in which s takes back what another
// region counted first.
func (s Source) Retractions() Source {
	return Source{Origin: s.Origin + retractionMark, Incarnation: s.Incarnation}
}

// Retracts reports whether s is a source of retractions, and of whose events.
func (s Source) Retracts() (Source, bool) {
	origin, ok := strings.CutSuffix(s.Origin, retractionMark)
	return Source{Origin: origin, Incarnation: s.Incarnation}, ok
}

// Log is one partition of one stream at one source.
type Log struct {
	Stream string
	Source
	Partition int32
}

// Compare orders logs by stream, source, partition.
func (l Log) Compare(m Log) int {
	if c := strings.Compare(l.Stream, m.Stream); c != 0 {
		return c
	}
	if c := l.Source.Compare(m.Source); c != 0 {
		return c
	}
	return cmp.Compare(l.Partition, m.Partition)
}

// Mark is how far a log has been folded.
type Mark struct {
	Next  int64       // the first offset not folded; 0: none is
	Stamp stamp.Stamp // of the last record below Next; 0 if none
}

// Frontier is how far each log has been folded. Nil is an empty frontier.
type Frontier map[Log]Mark

// Join raises f to the greater mark of each log of g.
func (f Frontier) Join(g Frontier) {
	for l, m := range g {
		if m.Next > f[l].Next {
			f[l] = m
		}
	}
}

// Covers reports whether f has folded everything that g has.
func (f Frontier) Covers(g Frontier) bool {
	for l, m := range g {
		if f[l].Next < m.Next {
			return false
		}
	}
	return true
}

// Clone copies f.
func (f Frontier) Clone() Frontier { return maps.Clone(f) }

// Logs lists f's logs in order.
func (f Frontier) Logs() []Log {
	return slices.SortedFunc(maps.Keys(f), Log.Compare)
}

const frontierVersion = 1

// maxLogs bounds the logs of a frontier that is read.
const maxLogs = 1 << 24

// Append appends f's canonical bytes (FORMAT.md §3.1).
func (f Frontier) Append(dst []byte) []byte {
	logs := f.Logs()
	dst = append(dst, frontierVersion)
	dst = binary.AppendUvarint(dst, uint64(len(logs)))
	var prev Log
	for _, l := range logs {
		dst = appendName(dst, l.Stream, prev.Stream)
		dst = appendName(dst, l.Origin, prev.Origin)
		dst = binary.AppendUvarint(dst, uint64(l.Incarnation))
		dst = binary.AppendUvarint(dst, uint64(l.Partition))
		dst = binary.AppendUvarint(dst, uint64(f[l].Next))
		dst = binary.AppendUvarint(dst, uint64(f[l].Stamp))
		prev = l
	}
	return dst
}

// appendName writes a name, or a 0 for the same name as before.
func appendName(dst []byte, s, prev string) []byte {
	if s == prev {
		return append(dst, 0)
	}
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// DecodeFrontier reads what Append wrote and returns the bytes used.
func DecodeFrontier(b []byte) (Frontier, int, error) {
	if len(b) == 0 || b[0] != frontierVersion {
		return nil, 0, fmt.Errorf("frontier: not version %d", frontierVersion)
	}
	r := value.NewCursor(b, 1)
	count := r.Count(maxLogs)
	f := make(Frontier, count)
	var prev Log
	for range count {
		l := Log{Stream: readName(r, prev.Stream), Source: Source{Origin: readName(r, prev.Origin), Incarnation: uint32(r.Limited(1 << 31))}}
		l.Partition = int32(r.Limited(1 << 30))
		m := Mark{Next: int64(r.Limited(1 << 62)), Stamp: stamp.Stamp(r.Uvarint())}
		if r.Err() == nil && prev.Compare(l) >= 0 {
			r.Fail("logs out of order")
		}
		if r.Err() != nil {
			break
		}
		f[l], prev = m, l
	}
	if r.Err() != nil {
		return nil, 0, fmt.Errorf("frontier: %w", r.Err())
	}
	return f, r.At(), nil
}

// readName reads what appendName wrote.
func readName(r *value.Cursor, prev string) string {
	s := r.Text()
	if s == "" {
		return prev
	}
	if s == prev {
		r.Fail("name repeated in full")
	}
	return s
}

// Text prints f on one line, URL-safe, to be given back to ParseFrontier.
func (f Frontier) Text() string {
	return "f" + base64.RawURLEncoding.EncodeToString(f.Append(nil))
}

// ParseFrontier reads Text.
func ParseFrontier(s string) (Frontier, error) {
	b, ok := unprint(s, "f")
	if !ok {
		return nil, fmt.Errorf("frontier %q: want the text that a command printed, f…", s)
	}
	f, n, err := DecodeFrontier(b)
	if err == nil && n != len(b) {
		err = fmt.Errorf("frontier: %d bytes too many", len(b)-n)
	}
	return f, err
}

// unprint undoes mark + base64. It refuses the line breaks that the decoder
// skips even when it is strict: one frontier or token has one text.
func unprint(s, mark string) ([]byte, bool) {
	digits, marked := strings.CutPrefix(s, mark)
	b, err := base64.RawURLEncoding.Strict().DecodeString(digits)
	return b, marked && err == nil && !strings.ContainsAny(digits, "\r\n")
}

// Position is the identity of one event.
type Position struct {
	Log
	Offset int64
}

// String prints REGION/STREAM/PARTITION/OFFSET, with the incarnation after the
// region if it is not the first: us-east~2/flights/3/1041.
func (p Position) String() string {
	origin := p.Origin
	if p.Incarnation > 1 {
		origin += "~" + strconv.FormatUint(uint64(p.Incarnation), 10)
	}
	return fmt.Sprintf("%s/%s/%d/%d", origin, p.Stream, p.Partition, p.Offset)
}

// ParsePosition reads String.
func ParsePosition(s string) (Position, error) {
	parts := strings.Split(s, "/")
	bad := fmt.Errorf("position %q: want REGION/STREAM/PARTITION/OFFSET", s)
	if len(parts) != 4 || parts[0] == "" || parts[1] == "" {
		return Position{}, bad
	}
	origin, inc, has := strings.Cut(parts[0], "~")
	incarnation := uint64(1)
	var err error
	if has {
		if incarnation, err = strconv.ParseUint(inc, 10, 31); err != nil || incarnation < 2 {
			return Position{}, bad
		}
	}
	partition, err1 := strconv.ParseUint(parts[2], 10, 30)
	offset, err2 := strconv.ParseUint(parts[3], 10, 62)
	if err1 != nil || err2 != nil {
		return Position{}, bad
	}
	log := Log{Stream: parts[1], Source: Source{origin, uint32(incarnation)}, Partition: int32(partition)}
	return Position{Log: log, Offset: int64(offset)}, nil
}
