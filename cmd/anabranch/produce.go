package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/connectors/registry"
	"anabranch.dev/anabranch/materializer/intake"
	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

type produceCmd struct {
	where `group:"where"`

	Stream   string            `arg:"" help:"The stream to send to."`
	Input    string            `help:"File of events, or - for standard input." required:"" placeholder:"FILE"`
	Format   string            `help:"jsonl, csv, parquet or avro; default by the file's extension." placeholder:"NAME"`
	Map      map[string]string `help:"Read a field from a column of another name." placeholder:"FIELD=COLUMN" mapsep:","`
	Observed string            `help:"Column with the token of the read that a row acts on (a set with removes: observed); sent as the header anabranch-observed." placeholder:"COLUMN"`
	Rate     perSecond         `help:"At most so many events per second, like 500/s." placeholder:"N/s"`
	Wait     bool              `help:"Wait until every region's frontier covers the events."`
	Timeout  time.Duration     `help:"How long --wait waits before it gives up with exit code 3." default:"5m"`
	Rejects  string            `help:"Write bad rows here, one JSON object a line, and send the others." placeholder:"FILE"`
}

// Help shows an example.
func (c *produceCmd) Help() string {
	return "Example:\n  anabranch produce flights --input flights.jsonl.gz --map departed_at=date --wait\n\n" +
		"The file is checked whole before its first event is sent. Columns that are no field of the schema are left out, and named."
}

// perSecond is a rate, as 500 or 500/s; 0 is as fast as it goes.
type perSecond float64

// UnmarshalText reads a rate.
func (r *perSecond) UnmarshalText(text []byte) error {
	f, err := strconv.ParseFloat(strings.TrimSuffix(string(text), "/s"), 64)
	if err != nil || !(f >= 0) || math.IsInf(f, 0) {
		return fmt.Errorf("found %q, want events per second like 500/s", text)
	}
	*r = perSecond(f)
	return nil
}

type produceJSON struct {
	Produced int64    `json:"produced"`
	Rejected int64    `json:"rejected"`
	Token    string   `json:"token"`
	Ignored  []string `json:"ignored_columns"`
	Region   string   `json:"region"`
}

// Run checks the file, sends it, and waits if asked to.
func (c *produceCmd) Run(ctx context.Context, out *output) error {
	e, err := c.find(ctx)
	if err != nil {
		return err
	}
	s, err := currentCatalogue(ctx, e, c.where.Project)
	if err != nil {
		return err
	}
	if s.Project.Stream(c.Stream) == nil {
		return usage("project %s has no stream %s, only %s", s.Project.Name, c.Stream, strings.Join(streamNames(s.Project), ", "))
	}
	pl := e.place(s.Project.Regions[0])
	if c.Region != "" || pl == nil {
		pl = &e.places[0]
	}
	if c.Wait {
		if err := e.canWait(s.Project); err != nil {
			return err
		}
	}
	in, err := openInputFile(c.Input, c.Format)
	if err != nil {
		return err
	}
	defer in.close()
	p := &producer{place: pl, project: s.Project, stream: c.Stream, columns: c.Map, observed: c.Observed, rate: float64(c.Rate), secret: s.Secret, out: out}
	result, err := p.send(ctx, in, c.Rejects)
	if err != nil {
		return err
	}
	if c.Wait {
		if err := waitCovered(ctx, e, s.Project, p.frontier, c.Timeout, out); err != nil {
			return err
		}
	}
	out.say("%s events produced to %s in %s, %s rejected\ntoken %s", count(result.Produced), c.Stream, pl.region, count(result.Rejected), result.Token)
	return out.result(result)
}

func streamNames(p *definition.Project) []string {
	var names []string
	for i := range p.Streams {
		names = append(names, p.Streams[i].Name)
	}
	return names
}

// producer sends a file of events to one region.
type producer struct {
	place    *place
	project  *definition.Project
	stream   string
	columns  map[string]string // field → column
	observed string            // column of tokens, or empty
	rate     float64
	secret   []byte
	out      *output
	// only, if set, picks the rows that are sent; most bounds how many; after is
	// told how many were.
	only  func(fields map[string]any) bool
	most  int64
	after func(sent int64)

	enc      *intake.Encoder
	fieldsOf map[string][]string // by column
	ignored  map[string]bool
	frontier position.Frontier
	checked  int64
	stall    time.Duration // how long nothing may be acknowledged; 0: the default
}

// send checks the whole file, then sends it, and returns once every event is
// acknowledged.
func (p *producer) send(ctx context.Context, in *inputFile, rejects string) (*produceJSON, error) {
	k, err := p.place.dial(ctx)
	if err != nil {
		return nil, err
	}
	defer k.Close()
	reg, err := registry.NewClient(p.place.registry)
	if err != nil {
		return nil, err
	}
	in2 := intake.New(intake.Config{Kafka: k, Registry: reg, Project: p.project, Region: p.place.region})
	if p.enc, err = in2.Stream(ctx, p.stream); err != nil {
		return nil, err
	}
	if err := p.checkMap(); err != nil {
		return nil, err
	}
	p.ignored = map[string]bool{}
	rejected, err := p.check(in, rejects)
	if err != nil {
		return nil, err
	}
	result := &produceJSON{Rejected: rejected, Ignored: slices.Sorted(maps.Keys(p.ignored)), Region: p.place.region}
	if len(p.ignored) > 0 {
		p.out.progress("columns that are no field of %s are left out: %s", p.stream, strings.Join(result.Ignored, ", "))
	}
	if result.Ignored == nil {
		result.Ignored = []string{}
	}
	if result.Produced, err = p.transmit(ctx, k, in); err != nil {
		return nil, err
	}
	if want := p.checked - rejected; p.most == 0 && result.Produced != want {
		return nil, fmt.Errorf("%s changed while it was read: %s rows were checked, %s sent", in.name, count(want), count(result.Produced))
	}
	result.Token = position.Token{Time: stamp.NoTime, Parts: []position.Part{{Frontier: p.frontier}}}.Sign(p.secret)
	return result, nil
}

func (p *producer) checkMap() error {
	for field := range p.columns {
		if !slices.Contains(p.enc.Fields(), field) {
			return usage("--map %s=…: the schema of %s has no field %s, only %s", field, p.stream, field, strings.Join(p.enc.Fields(), ", "))
		}
	}
	return nil
}

// row makes an event of a row: mapped columns under their fields' names, and
// columns that are no field left out.
func (p *producer) row(r inputRow) (intake.Row, error) {
	if r.Err != nil {
		return intake.Row{}, r.Err
	}
	if p.fieldsOf == nil {
		p.fieldsOf = fieldsOf(p.enc.Fields(), p.columns)
	}
	fields := make(map[string]any, len(r.Fields))
	token, err := p.token(r)
	if err != nil {
		return intake.Row{}, err
	}
	for column, v := range r.Fields {
		names, ok := p.fieldsOf[column]
		if !ok && column != p.observed {
			p.ignored[column] = true
		}
		for _, field := range names {
			fields[field] = v
		}
	}
	return intake.Row{Fields: fields, Observed: token}, nil
}

// token is what the column of --observed says of a row: nothing, or a token.
func (p *producer) token(r inputRow) (string, error) {
	v, ok := r.Fields[p.observed]
	if p.observed == "" || !ok || v == nil || v == "" {
		return "", nil
	}
	text, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("column %s: found %v, want the token of a read", p.observed, v)
	}
	if _, err := position.Inspect(text); err != nil {
		return "", fmt.Errorf("column %s: %w", p.observed, err)
	}
	return text, nil
}

// fieldsOf tells by column which fields it fills.
func fieldsOf(fields []string, columns map[string]string) map[string][]string {
	of := map[string][]string{}
	for _, field := range fields {
		column, mapped := columns[field]
		if !mapped {
			column = field
		}
		of[column] = append(of[column], field)
	}
	return of
}

// check encodes every row without sending it.
func (p *producer) check(in *inputFile, rejects string) (int64, error) {
	w, err := openRejects(rejects, in)
	if err != nil {
		return 0, err
	}
	bad := badRows{columns: map[string]bool{}}
	said := time.Now()
	err = in.each(func(r inputRow) error {
		if p.only != nil && r.Err == nil && !p.only(r.Fields) {
			return nil
		}
		p.checked++
		if p.checked%1024 == 0 && time.Since(said) > 2*time.Second {
			said = time.Now()
			p.out.progress("%s rows checked", count(p.checked))
		}
		for column := range r.Fields {
			bad.columns[column] = true
		}
		row, err := p.row(r)
		if err == nil {
			_, err = p.enc.Encode(row)
		}
		if err == nil {
			return nil
		}
		bad.add(fmt.Sprintf("%s:%d", in.name, r.Line), err)
		return w.add(&r, err)
	})
	if cerr := w.close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = p.unmapped(in, bad.columns)
	}
	if err == nil && bad.count > 0 && rejects == "" {
		err = bad.failure(in.name, p.checked)
	}
	return bad.count, err
}

// unmapped refuses a column of --map that no row has, and one that is needed
// and cannot be read.
func (p *producer) unmapped(in *inputFile, columns map[string]bool) error {
	for _, field := range slices.Sorted(maps.Keys(p.columns)) {
		column := p.columns[field]
		if !columns[column] && in.unreadable[column] == "" && p.checked > 0 {
			return usage("--map %s=%s: %s has no column %s, only %s", field, column, in.name, column, strings.Join(slices.Sorted(maps.Keys(columns)), ", "))
		}
	}
	if p.observed != "" && !columns[p.observed] && p.checked > 0 {
		return usage("--observed %s: %s has no such column, only %s", p.observed, in.name, strings.Join(slices.Sorted(maps.Keys(columns)), ", "))
	}
	for _, column := range slices.Sorted(maps.Keys(in.unreadable)) {
		if _, needed := fieldsOf(p.enc.Fields(), p.columns)[column]; needed {
			return fmt.Errorf("%s: column %s cannot be read: %s", in.name, column, in.unreadable[column])
		}
	}
	return nil
}

// transmit sends the good rows.
func (p *producer) transmit(ctx context.Context, k *kafka.Client, in *inputFile) (int64, error) {
	bulk, err := k.NewBulk(kafka.ProducerConfig{Compression: kafka.Compression{Codec: "zstd"}, Linger: 5 * time.Millisecond})
	if err != nil {
		return 0, err
	}
	defer bulk.Close()
	var added atomic.Int64
	ctx, stop := p.watch(ctx, bulk, &added)
	defer stop()
	sent := int64(0)
	began, said := time.Now(), time.Now()
	err = in.each(func(r inputRow) error {
		if p.only != nil && r.Err == nil && !p.only(r.Fields) || p.most > 0 && sent >= p.most {
			return nil
		}
		row, err := p.row(r)
		if err != nil {
			return nil // set aside by check
		}
		row.ID = fmt.Sprintf("%s:%d", in.digest, r.Line)
		rec, err := p.enc.Encode(row)
		if err != nil {
			return nil
		}
		if err := p.pace(ctx, began, sent); err != nil {
			return err
		}
		if err := bulk.Add(ctx, rec); err != nil {
			return err
		}
		sent = added.Add(1)
		if p.after != nil {
			p.after(sent)
		}
		if time.Since(said) > 2*time.Second {
			said = time.Now()
			p.out.progress("%s of %s events sent", count(sent), count(p.checked))
		}
		return nil
	})
	if err == nil {
		err = bulk.Flush(ctx)
	}
	p.frontier = position.Frontier{}
	for tp, span := range bulk.Spans() {
		log := position.Log{Stream: p.stream, Source: position.Source{Origin: p.place.region, Incarnation: 1}, Partition: tp.Partition}
		p.frontier[log] = position.Mark{Next: span.Next}
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return sent, fmt.Errorf("produce: %w; some events may be in the log: with event_id: header:ce_id the same command again changes nothing", err)
	}
	return sent, nil
}

// pace waits so that no more than rate events per second are sent.
func (p *producer) pace(ctx context.Context, began time.Time, sent int64) error {
	if p.rate <= 0 {
		return nil
	}
	wait := time.Until(began.Add(time.Duration(float64(sent) / p.rate * float64(time.Second))))
	if wait <= 0 {
		return nil
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
