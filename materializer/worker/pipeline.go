package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

// pipeline folds one view instance: one reader, and one owner per partition.
type pipeline struct {
	r        *Region
	project  string
	key      string // what must be the same for the pipeline to go on
	identity kafka.Identity
	replaced bool // a partition was folded from another log than there is now

	view    *state.View
	topic   string            // the own stream topic
	origins map[string]string // delta topic → origin
	// retractions is the own topic of retractions of a stream whose ids are
	// shared; empty: there is none.
	retractions string
	corrections kafka.Identity // of the log of retractions
	reader      *kafka.Reader
	owners      []*owner

	cancel context.CancelFunc
	done   chan struct{}

	targets map[position.Source]state.Closing // what to have folded before serving

	mu     sync.Mutex
	halted map[int32]error
}

// openPipeline opens the view's state and checks that the logs are the ones
// that it was folded from.
func (r *Region) openPipeline(ctx context.Context, key string, view *state.View, project *definition.Project, holds bool) (*pipeline, error) {
	p := &pipeline{
		r: r, project: project.Name, key: key, view: view, topic: view.Prog.Stream.Topic, origins: map[string]string{},
		done: make(chan struct{}), halted: map[int32]error{}, targets: map[position.Source]state.Closing{},
	}
	if project.SharesIDs(view.Prog.Stream) {
		p.retractions = definition.RetractionsTopic(p.topic)
	}
	if holds {
		for _, origin := range project.Regions {
			if origin == r.cfg.Region {
				continue
			}
			p.origins[definition.DeltaTopic(project.Name, view.Prog.Stream.Name, origin)] = origin
		}
	}
	var err error
	if p.identity, err = r.cfg.Kafka.Identity(ctx, p.topic); err != nil {
		return nil, err
	}
	if p.retractions != "" {
		if p.corrections, err = r.cfg.Kafka.Identity(ctx, p.retractions); err != nil {
			return nil, err
		}
	}
	for _, shard := range view.Shards {
		o, err := newOwner(p, shard)
		if err != nil {
			return nil, err
		}
		p.owners = append(p.owners, o)
	}
	assignments, err := p.assign(ctx, p.identity)
	if err != nil {
		return nil, err
	}
	p.reader, err = r.cfg.Kafka.NewReader(kafka.ReaderConfig{MaxBytes: 8 << 20, MaxPartitionBytes: 1 << 20}, assignments...)
	return p, err
}

// assign says where each partition of each log goes on. A partition whose log
// is another than the one folded is halted and not read.
func (p *pipeline) assign(ctx context.Context, id kafka.Identity) ([]kafka.Assignment, error) {
	var list []kafka.Assignment
	for i, o := range p.owners {
		have := o.shard.Identity()
		mark := o.shard.Mark(o.source)
		if err := sameLog(p.topic, int32(i), have, id, mark); err != nil {
			p.replaced = true
			p.halt(int32(i), o.broken(err))
			continue
		}
		o.shard.SetIdentity(state.Identity{ClusterID: id.ClusterID, TopicID: id.TopicID.String(), LeaderEpoch: have.LeaderEpoch})
		list = append(list, o.assignment())
		if p.retractions != "" {
			list = append(list, p.assignRetractions(o)...)
		}
	}
	for topic, origin := range p.origins {
		starts, err := p.deltaStarts(ctx, topic)
		if err != nil {
			return nil, err
		}
		for i, o := range p.owners {
			next := max(o.shard.Delta(origin), starts[i])
			o.shard.SetDelta(origin, next)
			list = append(list, kafka.Assignment{Topic: topic, Partition: int32(i), Offset: next})
		}
	}
	return list, nil
}

// sameLog compares the identity that a shard was folded from with what the
// cluster has now.
func sameLog(topic string, partition int32, have state.Identity, now kafka.Identity, mark position.Mark) error {
	fail := func(format string, args ...any) error {
		return &kafka.IdentityError{Topic: topic, Partition: partition, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case have.ClusterID == "":
		return nil
	case have.ClusterID != now.ClusterID:
		return fail("another cluster (id was %s, is %s)", have.ClusterID, now.ClusterID)
	case have.TopicID != now.TopicID.String():
		return fail("the topic was created anew (id was %s, is %s)", have.TopicID, now.TopicID)
	case mark.Next > 0 && int(partition) < len(now.LeaderEpochs) && now.LeaderEpochs[partition] < have.LeaderEpoch:
		return fail("its leader epoch went back from %d to %d", have.LeaderEpoch, now.LeaderEpochs[partition])
	}
	return nil
}

// deltaStarts is the first offset of each partition of a delta topic.
func (p *pipeline) deltaStarts(ctx context.Context, topic string) ([]int64, error) {
	tps := make([]kafka.TopicPartition, len(p.owners))
	for i := range tps {
		tps[i] = kafka.TopicPartition{Topic: topic, Partition: int32(i)}
	}
	starts, err := p.r.cfg.Kafka.StartOffsets(ctx, tps)
	if err != nil {
		return nil, err
	}
	list := make([]int64, len(tps))
	for i, tp := range tps {
		list[i] = starts[tp].Offset
	}
	return list, nil
}

// run reads and hands each partition's records to its owner until ctx ends.
func (p *pipeline) run(outer context.Context) {
	defer close(p.done)
	defer p.reader.Close()
	group, ctx := errgroup.WithContext(outer)
	for i, o := range p.owners {
		group.Go(func() error {
			err := o.run(ctx)
			if err != nil && ctx.Err() == nil {
				p.halt(int32(i), err)
			} else if err != nil { // nothing is lost: it is folded again
				p.r.cfg.Log.Warn("last flush failed", "view", p.view.Name, "partition", i, "error", err)
			}
			return nil
		})
	}
	group.Go(func() error { return p.poll(ctx) })
	group.Go(func() error { return p.becomeReady(ctx) })
	if p.view.IDs() {
		group.Go(func() error { return p.takeBack(ctx) })
	}
	if err := group.Wait(); err != nil && outer.Err() == nil {
		for i := range p.owners {
			p.halt(int32(i), err)
		}
	}
}

func (p *pipeline) poll(ctx context.Context) error {
	for {
		batch, err := p.reader.Poll(ctx, 0)
		if err != nil {
			return err
		}
		for _, recs := range batch.Partitions {
			o := p.owners[recs.Partition]
			select {
			case o.work <- recs:
			case <-o.done:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

func (p *pipeline) halt(partition int32, err error) {
	var halt *HaltError
	if !errors.As(err, &halt) {
		err = &HaltError{View: p.view.Name, Partition: partition, Err: err, Next: "restart the worker; if it halts again, see ops/runbooks/halted-partition.md"}
	}
	p.mu.Lock()
	if p.halted[partition] == nil {
		p.halted[partition] = err
	}
	p.mu.Unlock()
	p.view.Halt(err)
	p.r.metrics.halts.Inc()
	p.r.cfg.Log.Error("partition halted", "view", p.view.Name, "partition", partition, "error", err)
}

// stop ends the pipeline and waits for it.
func (p *pipeline) stop() {
	p.cancel()
	<-p.done
}

func readyNote(instance string) string { return "ready/" + instance }

// peerPatience is how long a new view waits to hear of a region that says
// nothing before it serves without it, with an honest age.
const peerPatience = 15 * time.Second

// becomeReady lets the view serve once it has folded what the logs of all
// regions held when it began. A view that was ready before serves at once.
func (p *pipeline) becomeReady(ctx context.Context) error {
	noted, err := p.r.cfg.Store.Noted(readyNote(p.view.Instance))
	if err != nil {
		return err
	}
	if noted != nil {
		p.view.SetReady()
		return nil
	}
	target, err := p.ownEnds(ctx, p.topic)
	if err != nil {
		return err
	}
	var corrected []int64
	if p.retractions != "" {
		if corrected, err = p.ownEnds(ctx, p.retractions); err != nil {
			return err
		}
	}
	began := p.r.cfg.Now()
	deadline := time.Now().Add(peerPatience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !p.reached(target) || !p.corrected(corrected) || !p.heard(began, time.Now().After(deadline)) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	if err := p.r.cfg.Store.Note(readyNote(p.view.Instance), []byte{1}); err != nil {
		return err
	}
	p.view.SetReady()
	p.r.cfg.Log.Info("view ready", "view", p.view.Name, "version", p.view.Version)
	return nil
}

func (p *pipeline) ownEnds(ctx context.Context, topic string) ([]int64, error) {
	tps := make([]kafka.TopicPartition, len(p.owners))
	for i := range tps {
		tps[i] = kafka.TopicPartition{Topic: topic, Partition: int32(i)}
	}
	for {
		ends, err := p.r.cfg.Kafka.EndOffsets(ctx, tps)
		if err == nil {
			list := make([]int64, len(tps))
			for i, tp := range tps {
				list[i] = ends[tp].Stable
			}
			return list, nil
		}
		if !kafka.IsRetriable(err) {
			return nil, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

// reached reports whether the own log is folded up to ends, and tells how far
// it is.
func (p *pipeline) reached(ends []int64) bool {
	var progress state.Progress
	all := true
	for i, o := range p.owners {
		next := o.shard.Mark(o.source).Next
		all = all && next >= ends[i]
		progress.Total += ends[i]
		progress.Folded += min(next, ends[i])
	}
	p.view.SetProgress(progress)
	return all
}

// heard reports whether what the other regions' logs held at began is folded.
func (p *pipeline) heard(began stamp.Micros, impatient bool) bool {
	for _, src := range p.others() {
		c, ok := p.targets[src]
		if !ok {
			if c, ok = p.r.closings.Latest(p.view.Prog.Stream.Name, src); !ok && impatient {
				continue
			}
			if !ok || c.Closed < began {
				return false
			}
			p.targets[src] = c
		}
		for i, o := range p.owners {
			if i < len(c.Ends) && o.shard.Mark(src).Next < c.Ends[i] {
				return false
			}
		}
	}
	return true
}

// corrected reports whether the own log of retractions is folded up to ends.
func (p *pipeline) corrected(ends []int64) bool {
	for i := range ends {
		if o := p.owners[i]; o.shard.Mark(o.source.Retractions()).Next < ends[i] {
			return false
		}
	}
	return true
}

// others are the sources whose rounds the pipeline takes. The retractions of a
// stream's ids are of no use to the ids of another region.
func (p *pipeline) others() []position.Source {
	var list []position.Source
	for _, origin := range p.origins {
		src := position.Source{Origin: origin, Incarnation: 1}
		list = append(list, src)
		if p.retractions != "" && !p.view.IDs() {
			list = append(list, src.Retractions())
		}
	}
	return list
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
