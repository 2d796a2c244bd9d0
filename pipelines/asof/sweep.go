package asof

import (
	"cmp"
	"fmt"
	"slices"

	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
	"anabranch.dev/anabranch/schemas/wire"
)

// Answer is what one label is given. Its slices are the sweeper's until the
// next answer; the values in Results share nothing with it.
type Answer struct {
	Label   int           // index in the labels that were asked
	Results []fold.Result // by index in the features that were asked
	// Newest is the greatest event timestamp seen at the label, or
	// stamp.NoTime.
	Newest stamp.Micros
	// Leaked tells for each result whether a join on event time alone, through
	// the same cuts of the whole query, would have given another value.
	Leaked []bool
	// Hidden tells for each result whether it is null and such a join would
	// have given a value.
	Hidden []bool
}

// Sweeper computes the features of one view at past times. It reuses its
// memory from key to key and is owned by one goroutine.
type Sweeper struct {
	prog    *fold.Program
	mach    *fold.Machine
	hasIDs  bool
	horizon stamp.Micros
	fields  []int         // see Compact
	wide    []value.Value // a compact event's fields, spread

	events   []Event // of the key at hand
	scratch  wire.Event
	admitted []int32
	settled  []bool // by event: already decided by its id
	ids      []hashed
	group    []int32
	back     []int32 // admitted events of logs of retractions

	asked, off track
	order      []int32 // labels by time
	answer     Answer
	other      []fold.Result
}

// New makes a sweeper for a program.
func New(prog *fold.Program) *Sweeper {
	return &Sweeper{prog: prog, mach: prog.New(), hasIDs: !prog.Stream.EventID.None(), horizon: prog.Stream.EventIDHorizon}
}

// Compact says that Fields of the events to come may hold only these fields, by
// index in the stream's Fields, ascending: at least those that the program
// needs. Events that hold all fields are taken as well. Nil: there are no others.
func (s *Sweeper) Compact(fields []int) {
	s.fields, s.wide = fields, make([]value.Value, len(s.prog.Stream.Fields))
}

// Program is the program that the sweeper runs.
func (s *Sweeper) Program() *fold.Program { return s.prog }

// Errors counts expressions that failed at run time and counted as null. An
// event that is folded more than once counts each time.
func (s *Sweeper) Errors() int64 { return s.mach.Errors }

// Key gives for each label, a time, the view's features in which, by index. The
// events are all those of one key, of all sources, in any order. Answers come
// in the order of the labels' times, equal ones in the order given.
func (s *Sweeper) Key(events []Event, labels []stamp.Micros, which []int, cut *Cut, emit func(*Answer)) {
	s.begin(events, cut)
	always := s.hasIDs && s.resolveIDs(cut)
	late := s.addSpans(cut, always)
	if len(s.back) > 0 {
		s.takeBack()
	}
	s.asked.sort()
	s.off.sort()
	s.sortLabels(labels)
	s.makeAnswer(len(which))
	pending := pendings{spans: s.off.spans, events: events, cut: cut, known: stamp.NoTime}
	for n, i := range s.order {
		t := labels[i]
		s.answer.Label = int(i)
		if n > 0 && t == labels[s.order[n-1]] {
			emit(&s.answer)
			continue
		}
		s.asked.moveTo(s, t)
		s.mach.Read(&s.asked.row, t, which, s.answer.Results)
		s.answer.Newest = s.asked.row.Newest()
		clear(s.answer.Leaked)
		clear(s.answer.Hidden)
		if late && (pending.at(t) || always) {
			s.compare(t, which)
		}
		emit(&s.answer)
	}
	s.events = nil
}

func (s *Sweeper) begin(events []Event, cut *Cut) {
	s.events = events
	s.asked.reset()
	s.off.reset()
	s.admitted, s.back = s.admitted[:0], s.back[:0]
	s.settled = append(s.settled[:0], make([]bool, len(events))...)
	limit := limits{cut: cut, stream: s.prog.Stream.Name}
	for i := range events {
		if !limit.admits(&events[i]) {
			continue
		}
		if _, ok := events[i].Source.Retracts(); !ok {
			s.admitted = append(s.admitted, int32(i))
		} else if cut.Served {
			s.back = append(s.back, int32(i))
		}
	}
}

// limits is Cut.Admits with the last log looked up kept.
type limits struct {
	cut    *Cut
	stream string
	last   position.Log
	next   int64
}

func (l *limits) admits(e *Event) bool {
	if l.cut.Frontier == nil {
		return l.cut.Admits(l.stream, e)
	}
	if l.last.Stream == "" || l.last.Source != e.Source || l.last.Partition != e.Partition {
		l.last = position.Log{Stream: l.stream, Source: e.Source, Partition: e.Partition}
		l.next = l.cut.Frontier[l.last].Next
	}
	return e.Offset < l.next && (!l.cut.Timed || e.Created <= l.cut.AsOf)
}

// addSpans adds the events whose place their id leaves alone. It reports whether the two tracks may differ: because of ids, or
// because some event is known later than it happened.
func (s *Sweeper) addSpans(cut *Cut, differ bool) bool {
	late := differ
	for _, i := range s.admitted {
		if s.settled[i] {
			continue
		}
		e := &s.events[i]
		from := max(e.Time, cut.known(e))
		s.asked.add(from, never, i)
		late = late || from > e.Time
	}
	if cut.Knowledge == Off {
		return false
	}
	if late {
		for _, i := range s.admitted {
			if !s.settled[i] {
				s.off.add(s.events[i].Time, never, i)
			}
		}
	}
	return late
}

func (s *Sweeper) sortLabels(labels []stamp.Micros) {
	s.order = s.order[:0]
	for i := range labels {
		s.order = append(s.order, int32(i))
	}
	slices.SortFunc(s.order, func(i, j int32) int {
		return cmp.Or(cmp.Compare(labels[i], labels[j]), cmp.Compare(i, j))
	})
}

func (s *Sweeper) makeAnswer(n int) {
	if len(s.answer.Results) != n {
		s.answer = Answer{Results: make([]fold.Result, n), Leaked: make([]bool, n), Hidden: make([]bool, n)}
		s.other = make([]fold.Result, n)
	}
}

// compare reads the same label without the knowledge cut.
func (s *Sweeper) compare(t stamp.Micros, which []int) {
	s.off.moveTo(s, t)
	s.mach.Read(&s.off.row, t, which, s.other)
	for i := range which {
		asked, other := s.answer.Results[i].Value, s.other[i].Value
		s.answer.Leaked[i] = !value.Equal(asked, other)
		s.answer.Hidden[i] = asked.IsNull() && !other.IsNull()
	}
}

// pendings tells at which labels an event had happened that was not known yet.
type pendings struct {
	spans  []span // by event time
	events []Event
	cut    *Cut
	next   int
	known  stamp.Micros // the latest of spans[:next]
}

func (p *pendings) at(t stamp.Micros) bool {
	for p.next < len(p.spans) && p.spans[p.next].from <= t {
		p.known = max(p.known, p.cut.known(&p.events[p.spans[p.next].event]))
		p.next++
	}
	return p.known > t
}

// prepare readies the machine for an event and reports whether the view takes
// it.
func (s *Sweeper) prepare(i int32) bool {
	e := &s.events[i]
	s.scratch.Time, s.scratch.Partition, s.scratch.Offset = e.Time, e.Partition, e.Offset
	s.scratch.Observed = e.Observed
	s.scratch.Fields = s.spread(e.Fields)
	return s.mach.Prepare(&s.scratch).OK()
}

// spread is an event's fields by index in the stream's Fields.
func (s *Sweeper) spread(fields []value.Value) []value.Value {
	if len(fields) == len(s.prog.Stream.Fields) {
		return fields
	}
	if len(fields) != len(s.fields) {
		panic(fmt.Sprintf("BUG: asof: an event of %d fields, want %d or all %d", len(fields), len(s.fields), len(s.prog.Stream.Fields)))
	}
	for n, f := range s.fields {
		s.wide[f] = fields[n]
	}
	return s.wide
}

func (s *Sweeper) step(row *fold.Row, i int32) {
	if s.prepare(i) {
		e := &s.events[i]
		s.mach.Step(row, e.Source, &s.scratch, e.Stamp)
	}
}
