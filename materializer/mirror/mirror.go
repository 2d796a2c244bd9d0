package mirror

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/link"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/materializer/worker"
	"anabranch.dev/anabranch/pipelines/round"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// Config is what one mirror needs. Everything stays the caller's, who closes it
// after Run has returned.
type Config struct {
	Region *worker.Region
	Name   string        // of the own region
	Peer   string        // the region to send to
	Remote *kafka.Client // the peer's Kafka, dialled over Link
	Local  *kafka.Client // the own region's Kafka
	Link   *link.Link    // counts the bytes; nil: they are not counted and the budget is not kept
	Store  *state.Store

	// Interval is the shortest time between two waves. Default 250 ms.
	Interval time.Duration
	// CloseEvery is how often the peer hears up to when the logs are closed if
	// there is nothing else to send. Default 500 ms.
	CloseEvery time.Duration
	// BytesPerSecond is the budget of the link, framing included. 0: unlimited.
	BytesPerSecond int64
	Log            *slog.Logger
}

// pieceBytes is about how large a piece of a round grows before compression.
const pieceBytes = 256 << 10

// Mirror sends to one peer.
type Mirror struct {
	cfg    Config
	budget *link.Budget
	epoch  uint64

	// Owned by the goroutine of waves.
	lanes   map[laneKey]*lane
	rounds  uint64
	charged int64
	closed  time.Time

	mu     sync.Mutex
	reset  map[laneKey]int64 // repairs asked for: from which offset
	status Status
	since  time.Time // when the wave under way was sent; zero: none is
}

// Status says what a mirror has done since its start.
type Status struct {
	Peer         string `json:"peer"`
	Waves        int64  `json:"waves"`
	Rounds       int64  `json:"rounds"`
	Pieces       int64  `json:"pieces"`
	PayloadBytes int64  `json:"payload_bytes"` // of pieces, before compression
	WireBytes    int64  `json:"wire_bytes"`    // both directions, framing included
	Repairs      int64  `json:"repairs"`
	Error        string `json:"error,omitempty"` // the last trouble, empty once it is over
}

type laneKey struct {
	instance  string
	partition int32
	source    string // whose log: the own one or that of what it takes back
}

// lane is how far one view's partition was sent.
type lane struct {
	view   *state.View // the one that remembers changed keys for us
	linked bool
	lo     position.Mark
}

// New makes a mirror; nothing runs yet.
func New(cfg Config) *Mirror {
	if cfg.Interval == 0 {
		cfg.Interval = 250 * time.Millisecond
	}
	if cfg.CloseEvery == 0 {
		cfg.CloseEvery = 500 * time.Millisecond
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Log = cfg.Log.With("peer", cfg.Peer)
	return &Mirror{
		cfg: cfg, budget: link.NewBudget(cfg.BytesPerSecond, cfg.BytesPerSecond/4),
		lanes: map[laneKey]*lane{}, reset: map[laneKey]int64{}, status: Status{Peer: cfg.Peer},
	}
}

// Run sends until ctx ends.
func (m *Mirror) Run(ctx context.Context) error {
	for m.cfg.Region.Live().Project == nil {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return nil
		}
	}
	if err := m.nextEpoch(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return m.waves(ctx) })
	group.Go(func() error { return m.repairs(ctx) })
	if m.cfg.Region.Live().Project.Regions[0] == m.cfg.Name {
		group.Go(func() error { return m.copyRegistry(ctx) })
	}
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// nextEpoch counts the starts of this mirror, so that a receiver can tell a
// round of a former life.
func (m *Mirror) nextEpoch() error {
	name := "mirror/epoch/" + m.cfg.Peer
	b, err := m.cfg.Store.Noted(name)
	if err != nil {
		return err
	}
	if len(b) == 8 {
		m.epoch = binary.BigEndian.Uint64(b)
	}
	// The clock helps where the store was lost: receivers remember the greatest.
	m.epoch = max(m.epoch+1, uint64(time.Now().UnixMicro()))
	return m.cfg.Store.Note(name, binary.BigEndian.AppendUint64(nil, m.epoch))
}

// Status describes the mirror now.
func (m *Mirror) Status() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status
	if m.cfg.Link != nil {
		s.WireBytes = m.cfg.Link.WireBytes()
	}
	if d := time.Since(m.since); !m.since.IsZero() && d > stalled {
		s.Error = fmt.Sprintf("no acknowledgement from %s for %v", m.cfg.Peer, d.Round(time.Second))
	}
	return s
}

// stalled is how long a wave may be under way before that is said to be trouble.
const stalled = time.Second

func (m *Mirror) waiting(since time.Time) {
	m.mu.Lock()
	m.since = since
	m.mu.Unlock()
}

func (m *Mirror) note(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Error = ""
	if err != nil {
		m.status.Error = err.Error()
	}
}

// longestWait bounds how long is waited after trouble; it begins with little and
// doubles.
const longestWait = 2 * time.Second

// waves sends one wave after the other until ctx ends.
func (m *Mirror) waves(ctx context.Context) error {
	wait := m.cfg.Interval
	for {
		if err := pause(ctx, max(wait, m.budget.Wait(time.Now()))); err != nil {
			return err
		}
		err := m.wave(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		m.note(err)
		if err != nil {
			wait = max(m.cfg.Interval, min(2*wait, longestWait))
			m.cfg.Log.Warn("wave failed", "error", err, "wait", wait)
		} else {
			wait = m.cfg.Interval
		}
		m.charge()
	}
}

// charge takes what has crossed the link since the last wave off the budget.
func (m *Mirror) charge() {
	if m.cfg.Link == nil {
		return
	}
	now := m.cfg.Link.WireBytes()
	m.budget.Take(now-m.charged, time.Now())
	m.charged = now
}

// sent is a round that is under way.
type sent struct {
	key     laneKey
	hi      position.Mark
	records int // how many, in the order of the wave
}

// wave takes a round from every lane that moved and sends all of them.
func (m *Mirror) wave(ctx context.Context) error {
	if !m.cfg.Region.Live().Project.HasRegion(m.cfg.Peer) {
		return nil
	}
	m.repair()
	records, under, err := m.gather(ctx)
	if err != nil {
		return err
	}
	closings := m.closings(len(under) > 0)
	if closings != nil {
		records = append(records, *closings)
	}
	if len(records) == 0 {
		return nil
	}
	m.waiting(time.Now())
	produced, err := m.cfg.Remote.Produce(ctx, records)
	m.waiting(time.Time{})
	// What was not acknowledged is taken again by its shard.
	return errors.Join(err, m.acknowledged(whole(under, produced)))
}

// whole picks the rounds of which every piece was acknowledged: one topic of the
// peer that is in trouble must not have all others sent again.
func whole(under []sent, produced []kafka.Produced) (ok []sent) {
	for _, s := range under {
		missing := func(p kafka.Produced) bool { return p.Offset < 0 }
		if !slices.ContainsFunc(produced[:s.records], missing) {
			ok = append(ok, s)
		}
		produced = produced[s.records:]
	}
	return ok
}

func (m *Mirror) acknowledged(under []sent) error {
	for _, s := range under {
		m.answered(s)
		m.lanes[s.key].lo = s.hi
		if err := m.cfg.Store.Note(m.noteName(s.key), binary.BigEndian.AppendUint64(nil, uint64(s.hi.Next))); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status.Waves++
	m.status.Rounds += int64(len(under))
	return nil
}

func (m *Mirror) noteName(k laneKey) string {
	if k.source != m.cfg.Name {
		return fmt.Sprintf("mirror/sent/%s/%s/%d/retractions", m.cfg.Peer, k.instance, k.partition)
	}
	return fmt.Sprintf("mirror/sent/%s/%s/%d", m.cfg.Peer, k.instance, k.partition)
}

// wavefront is what a wave is made of while it is gathered.
type wavefront struct {
	records []kafka.Record
	under   []sent
}

func (w *wavefront) add(key laneKey, hi position.Mark, recs []kafka.Record) {
	if len(recs) > 0 {
		w.records, w.under = append(w.records, recs...), append(w.under, sent{key, hi, len(recs)})
	}
}

// gather takes the rounds of all lanes that moved since they were last sent.
func (m *Mirror) gather(ctx context.Context) ([]kafka.Record, []sent, error) {
	var w wavefront
	live, lanes := m.cfg.Region.Live(), m.cfg.Region.Lanes()
	m.forget(lanes)
	for name, l := range lanes {
		if !l.View.IDs() {
			if v := live.Project.View(name); v == nil || !v.MayHold(m.cfg.Peer) {
				continue
			}
		}
		for _, shard := range l.View.Shards {
			err := m.gatherShard(ctx, &w, live, name, l, shard)
			if err != nil && !errors.Is(err, worker.ErrStopped) { // halted; the others go on
				return nil, nil, err
			}
		}
	}
	return w.records, w.under, nil
}

// gatherShard takes the rounds of one shard: of the own log, and of what it takes
// back. The latter is cut first and sent last, so that it takes back nothing
// that the receiver has not counted.
func (m *Mirror) gatherShard(ctx context.Context, w *wavefront, live *state.Live, name string, l worker.Lane, shard *state.Shard) error {
	own := position.Source{Origin: m.cfg.Name, Incarnation: 1}
	var back wavefront
	if !l.View.IDs() {
		if err := m.gatherLog(ctx, &back, live, name, l, shard, own.Retractions()); err != nil {
			return err
		}
	}
	if err := m.gatherLog(ctx, w, live, name, l, shard, own); err != nil {
		return err
	}
	w.records, w.under = append(w.records, back.records...), append(w.under, back.under...)
	return nil
}

// gatherLog takes the round of one shard and log, if it moved.
func (m *Mirror) gatherLog(ctx context.Context, w *wavefront, live *state.Live, name string, l worker.Lane, shard *state.Shard, src position.Source) error {
	key := laneKey{l.View.Instance, shard.Partition(), src.Origin}
	if shard.Mark(src).Next == 0 {
		return nil
	}
	ln, err := m.lane(ctx, key, l, src)
	if err != nil || shard.Mark(src).Next <= ln.lo.Next {
		return err
	}
	head := round.Header{
		View: name, Instance: l.View.Instance, Source: src, Partition: key.partition,
		Epoch: m.epoch, Round: m.nextRound(), Lo: ln.lo, Catalogue: live.Catalogue,
	}
	topic := definition.DeltaTopic(live.Project.Name, l.View.Prog.Stream.Name, m.cfg.Name)
	recs, hi, err := m.take(ctx, l, head, topic)
	if err == nil {
		w.add(key, hi, recs)
	}
	return err
}

// forget drops the lanes of instances that the region no longer folds.
func (m *Mirror) forget(lanes map[string]worker.Lane) {
	folded := map[string]bool{}
	for _, l := range lanes {
		folded[l.View.Instance] = true
	}
	maps.DeleteFunc(m.lanes, func(k laneKey, _ *lane) bool { return !folded[k.instance] })
}

func (m *Mirror) nextRound() uint64 { m.rounds++; return m.rounds }

// take has the owner of a shard cut a round.
func (m *Mirror) take(ctx context.Context, l worker.Lane, head round.Header, topic string) ([]kafka.Record, position.Mark, error) {
	var pieces [][]byte
	err := l.Do(ctx, head.Partition, func(s *state.Shard) error {
		var err error
		head, pieces, err = s.Round(m.linkName(head.Source), head, pieceBytes)
		return err
	})
	if err != nil {
		return nil, position.Mark{}, err
	}
	records := make([]kafka.Record, len(pieces))
	total := 0
	for i, b := range pieces {
		records[i] = kafka.Record{Topic: topic, Partition: head.Partition, Value: b}
		total += len(b)
	}
	m.mu.Lock()
	m.status.Pieces += int64(len(pieces))
	m.status.PayloadBytes += int64(total)
	m.mu.Unlock()
	return records, head.Hi, nil
}

// lane finds how far a view's partition was sent; at first, and after trouble,
// it has the shard look for what changed since.
func (m *Mirror) lane(ctx context.Context, key laneKey, l worker.Lane, src position.Source) (*lane, error) {
	ln := m.lanes[key]
	if ln == nil {
		ln = &lane{}
		b, err := m.cfg.Store.Noted(m.noteName(key))
		if err != nil {
			return nil, err
		}
		if len(b) == 8 {
			ln.lo.Next = int64(binary.BigEndian.Uint64(b))
		}
		m.lanes[key] = ln
	}
	if ln.linked && ln.view == l.View {
		return ln, nil
	}
	err := l.Do(ctx, key.partition, func(s *state.Shard) error { return s.Link(m.linkName(src), src, ln.lo) })
	if err != nil {
		return nil, err
	}
	ln.view, ln.linked = l.View, true
	return ln, nil
}

// linkName is what a shard knows a lane's log by.
func (m *Mirror) linkName(src position.Source) string {
	if src.Origin == m.cfg.Name {
		return m.cfg.Peer
	}
	return src.Origin + m.cfg.Peer
}

// closings is a record of the latest closings of the own logs, if it is time
// or a round is leaving anyway.
func (m *Mirror) closings(leaving bool) *kafka.Record {
	if !leaving && time.Since(m.closed) < m.cfg.CloseEvery {
		return nil
	}
	p := m.cfg.Region.Live().Project
	var list []state.Closing
	for i := range p.Streams {
		src := position.Source{Origin: m.cfg.Name, Incarnation: 1}
		for _, log := range []position.Source{src, src.Retractions()} {
			if c, ok := m.cfg.Region.Closings().Latest(p.Streams[i].Name, log); ok {
				list = append(list, c)
			}
		}
	}
	if len(list) == 0 {
		return nil
	}
	m.closed = time.Now()
	return &kafka.Record{Topic: definition.ClosedTopic(p.Name), Value: worker.AppendClosings(nil, list)}
}

// answered forgets a request that came while the round that answers it was
// under way. If that was lost too, the receiver asks again.
func (m *Mirror) answered(s sent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if next, ok := m.reset[s.key]; ok && next >= m.lanes[s.key].lo.Next {
		delete(m.reset, s.key)
	}
}

// repair applies what receivers asked for: rounds from where they stand.
func (m *Mirror) repair() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, next := range m.reset {
		if ln := m.lanes[key]; ln != nil && next < ln.lo.Next {
			ln.lo, ln.linked = position.Mark{Next: next, Stamp: stamp.Stamp(0)}, false
			m.status.Repairs++
		}
		delete(m.reset, key)
	}
}

// pause waits for d or for the end of ctx, whose error it returns.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
