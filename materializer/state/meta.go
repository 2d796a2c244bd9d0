package state

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/value"
)

// Meta is what a shard's rows were made of, stored in the same batch as them.
type Meta struct {
	// Frontier has one mark for each source of the shard's partition.
	Frontier position.Frontier
	// Deltas holds for each origin the next offset to read of its delta topic.
	Deltas map[string]int64
	// Identity names the log that the own mark counts in: cluster id, topic
	// id, and the leader epoch of the last record folded.
	Identity Identity
	// Retractions names the own log of retractions; zero if there is none.
	Retractions Identity
	Counts      Counts
}

// Counts is what became of the own log's accepted events, counted from its
// start and stored with the frontier, so that a crash does not count twice.
type Counts struct {
	Events   int64 // stepped into a row
	Filtered int64 // left out by the view's where
	Repeated int64 // left out because their id had counted before
	Failed   int64 // expressions that failed at run time and counted as null
	// Retracted counts own events that were taken back, because another region
	// had accepted them before.
	Retracted int64
}

// Identity tells one life of a Kafka partition from another.
type Identity struct {
	ClusterID   string
	TopicID     string // 32 hex digits
	LeaderEpoch int32  // of the last record folded; -1: none
}

// The versions of a shard's meta: the second also has what is said of the own log
// of retractions, and is written where there is one.
const (
	metaVersion            = 1
	metaVersionRetractions = 2
)

func (m *Meta) append(dst []byte) []byte {
	version := byte(metaVersion)
	if m.Retractions.ClusterID != "" || m.Counts.Retracted > 0 {
		version = metaVersionRetractions
	}
	dst = append(dst, version)
	dst = m.Frontier.Append(dst)
	origins := make([]string, 0, len(m.Deltas))
	for o := range m.Deltas {
		origins = append(origins, o)
	}
	slices.SortFunc(origins, strings.Compare)
	dst = binary.AppendUvarint(dst, uint64(len(origins)))
	for _, o := range origins {
		dst = appendText(dst, o)
		dst = binary.AppendUvarint(dst, uint64(m.Deltas[o]))
	}
	dst = m.Identity.append(dst)
	for _, n := range []int64{m.Counts.Events, m.Counts.Filtered, m.Counts.Repeated, m.Counts.Failed} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	if version == metaVersionRetractions {
		dst = m.Retractions.append(dst)
		dst = binary.AppendUvarint(dst, uint64(m.Counts.Retracted))
	}
	return dst
}

func (id *Identity) append(dst []byte) []byte {
	dst = appendText(dst, id.ClusterID)
	dst = appendText(dst, id.TopicID)
	return binary.AppendVarint(dst, int64(id.LeaderEpoch))
}

func (r *textReader) identity() Identity {
	id := Identity{ClusterID: r.text(), TopicID: r.text()}
	u := r.uvarint()
	id.LeaderEpoch = int32(int64(u>>1) ^ -int64(u&1))
	return id
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func decodeMeta(b []byte) (Meta, error) {
	if len(b) == 0 || b[0] != metaVersion && b[0] != metaVersionRetractions {
		return Meta{}, fmt.Errorf("meta: not version %d or %d", metaVersion, metaVersionRetractions)
	}
	f, n, err := position.DecodeFrontier(b[1:])
	if err != nil {
		return Meta{}, fmt.Errorf("meta: %w", err)
	}
	r := &textReader{b: b[1+n:]}
	m := Meta{Frontier: f, Deltas: map[string]int64{}}
	for range r.uvarint() {
		if r.err != nil {
			break
		}
		origin := r.text()
		m.Deltas[origin] = int64(r.uvarint())
	}
	m.Identity = r.identity()
	for _, n := range []*int64{&m.Counts.Events, &m.Counts.Filtered, &m.Counts.Repeated, &m.Counts.Failed} {
		*n = int64(r.uvarint())
	}
	if b[0] == metaVersionRetractions {
		m.Retractions, m.Counts.Retracted = r.identity(), int64(r.uvarint())
	}
	if r.err == nil && len(r.b) > 0 {
		r.err = fmt.Errorf("%d bytes too many", len(r.b))
	}
	if r.err != nil {
		return Meta{}, fmt.Errorf("meta: %w", r.err)
	}
	return m, nil
}

type textReader struct {
	b   []byte
	err error
}

func (r *textReader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	u, n, err := value.Uvarint(r.b)
	if err != nil {
		r.err = err
		return 0
	}
	r.b = r.b[n:]
	return u
}

func (r *textReader) text() string {
	n := r.uvarint()
	if r.err != nil || n > uint64(len(r.b)) {
		if r.err == nil {
			r.err = fmt.Errorf("torn text")
		}
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}
