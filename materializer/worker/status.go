package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Status describes a region for people and for `anabranch status`.
type Status struct {
	Region    string         `json:"region"`
	Project   string         `json:"project"`
	Catalogue uint64         `json:"catalogue_version"`
	Ready     bool           `json:"ready"`
	Reason    string         `json:"reason,omitempty"` // why it is not ready
	Views     []ViewStatus   `json:"views"`
	Streams   []StreamStatus `json:"streams"`
	IDs       []IDStatus     `json:"ids,omitempty"`
	DiskBytes uint64         `json:"disk_bytes"`
}

// ViewStatus describes one view instance.
type ViewStatus struct {
	View     string `json:"view"`
	Version  int    `json:"version"`
	Instance string `json:"instance"`
	Ready    bool   `json:"ready"`
	Held     bool   `json:"held"` // false: residency lets this region only fold and ship it
	Folded   int64  `json:"folded"`
	Total    int64  `json:"total"`
	Events   int64  `json:"events"`
	Filtered int64  `json:"filtered"`
	Repeated int64  `json:"repeated"`
	Failed   int64  `json:"failed_expressions"`
	// SinceStart is how many own records were folded since the start of the
	// process, and FoldNanos the time spent on them and on rounds.
	SinceStart int64    `json:"folded_since_start"`
	FoldNanos  int64    `json:"fold_nanoseconds"`
	AgeMillis  *int64   `json:"age_ms"` // worst partition; null while a region has said nothing
	Frontier   string   `json:"frontier"`
	Halted     []string `json:"halted,omitempty"`
	Blocked    []string `json:"blocked,omitempty"`
}

// IDStatus describes the ids of a stream that several regions accept.
type IDStatus struct {
	Stream    string `json:"stream"`
	Counted   int64  `json:"counted"`    // own records with an id, each id once
	Repeated  int64  `json:"repeated"`   // own records whose id had counted before
	TakenBack int64  `json:"taken_back"` // own records that another region had accepted before
	// Due is how many own records wait to be taken back, until that is certain or
	// the log of retractions takes them.
	Due      int64    `json:"due"`
	Frontier string   `json:"frontier"`
	Halted   []string `json:"halted,omitempty"`
	Blocked  []string `json:"blocked,omitempty"`
}

// StreamStatus counts the verdicts on the region's own log of a stream.
type StreamStatus struct {
	Stream      string           `json:"stream"`
	Topic       string           `json:"topic"`
	Read        int64            `json:"read"`
	Accepted    int64            `json:"accepted"`
	Late        int64            `json:"late"`
	Quarantined map[string]int64 `json:"quarantined"`
}

// Status describes the region now.
func (r *Region) Status() Status {
	live := r.Live()
	s := Status{Region: r.cfg.Region, Catalogue: live.Catalogue, Ready: true, DiskBytes: r.cfg.Store.DiskBytes()}
	if live.Project != nil {
		s.Project = live.Project.Name
	}
	if err := r.Ready(); err != nil {
		s.Ready, s.Reason = false, err.Error()
	}
	if t := r.Trouble(); t != "" {
		s.Reason = t
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, name := range sortedKeys(r.pipelines) {
		if p := r.pipelines[name]; p.view.IDs() {
			s.IDs = append(s.IDs, p.idStatus())
		} else {
			s.Views = append(s.Views, r.viewStatus(live, p))
		}
	}
	for _, name := range sortedKeys(r.wardens) {
		s.Streams = append(s.Streams, r.wardens[name].status())
	}
	return s
}

func (r *Region) viewStatus(live *state.Live, p *pipeline) ViewStatus {
	progress := p.view.Progress()
	v := ViewStatus{
		View: p.view.Name, Version: p.view.Version, Instance: p.view.Instance, Ready: p.view.Ready(),
		Held: live.Views[p.view.Name] != nil, Folded: progress.Folded, Total: progress.Total,
		Frontier: p.view.Frontier().Text(),
	}
	worst, known := stamp.Micros(0), true
	for _, o := range p.owners {
		c := o.shard.Counts()
		v.Events, v.Filtered = v.Events+c.Events, v.Filtered+c.Filtered
		v.Repeated, v.Failed = v.Repeated+c.Repeated, v.Failed+c.Failed
		v.FoldNanos += o.busy.Load()
		v.SinceStart += o.folded.Load()
		if v.Held {
			age, ok := live.Age(p.view, o.shard.Partition(), r.now(), stamp.Micros(r.cfg.Epsilon.Microseconds()))
			worst, known = max(worst, age), known && ok
		}
	}
	if v.Held && known {
		ms := worst.Millis()
		v.AgeMillis = &ms
	}
	v.Halted, v.Blocked = p.troubles()
	return v
}

// troubles are why partitions halted, and what others wait for.
func (p *pipeline) troubles() (halted, blocked []string) {
	for _, o := range p.owners {
		if why := o.blocked.Load(); why != nil {
			blocked = append(blocked, fmt.Sprintf("partition %d: %s", o.shard.Partition(), *why))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range sortedKeys(p.halted) {
		halted = append(halted, p.halted[n].Error())
	}
	return halted, blocked
}

func (p *pipeline) idStatus() IDStatus {
	s := IDStatus{Stream: p.view.Prog.Stream.Name, Frontier: p.view.Frontier().Text()}
	for _, o := range p.owners {
		c := o.shard.Counts()
		s.Counted, s.Repeated, s.TakenBack = s.Counted+c.Events, s.Repeated+c.Repeated, s.TakenBack+c.Retracted
		s.Due += int64(o.shard.Due())
	}
	s.Halted, s.Blocked = p.troubles()
	return s
}

func (w *warden) status() StreamStatus {
	s := StreamStatus{Stream: w.stream.Name, Topic: w.stream.Topic, Quarantined: map[string]int64{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.stats {
		s.Read += w.stats[i].Next
		s.Accepted += w.stats[i].Accepted
		s.Late += w.stats[i].Late
		for reason, n := range w.stats[i].Quarantined {
			s.Quarantined[reason] += n
		}
	}
	return s
}

// Digest is a hash of all rows of all views that the region holds, and how many
// rows there are. Regions at equal frontiers have equal digests.
func (r *Region) Digest(ctx context.Context) (digest string, rows int, err error) {
	h := sha256.New()
	live, lanes := r.Live(), r.Lanes()
	for _, name := range sortedKeys(live.Views) {
		lane := lanes[name]
		fmt.Fprintf(h, "view %s %s\n", name, lane.View.Instance)
		for i := range lane.View.Shards {
			err := lane.Do(ctx, int32(i), func(s *state.Shard) error {
				n, err := s.Digest(h)
				rows += n
				return err
			})
			if err != nil {
				return "", 0, fmt.Errorf("digest of %s: %w", name, err)
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), rows, nil
}

type ordered interface{ ~string | ~int32 }

func sortedKeys[K ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
