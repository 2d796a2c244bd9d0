package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/testdata/flights"
)

// demoInput is the events of a demo and who writes which of them.
type demoInput struct {
	file    *inputFile
	stream  string
	columns map[string]string
	split   *split
	own     bool             // the demo's own data: bad records and duplicates are put in
	total   int64            // rows
	sent    map[string]int64 // records sent, by region
}

func (in *demoInput) close() { in.file.close() }

// writeDefinitions puts the definitions where dev, and later the user, finds
// them.
func (d *demo) writeDefinitions() error {
	dir := filepath.Join(d.dir, "definitions")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files := []definition.File{{Name: "anabranch.yaml", Data: flights.Definitions}, {Name: "flights.avsc", Data: flights.Schema}}
	if d.cmd.Definitions != "" {
		if d.cmd.Input == "" && d.cmd.Synthetic == 0 {
			return usage("-f %s: which events? give --input FILE", d.cmd.Definitions)
		}
		if d.cmd.Synthetic > 0 {
			return usage("--synthetic makes flights, for the demo's own definitions: leave out -f")
		}
		var err error
		if files, err = readDefinitionFiles(d.cmd.Definitions); err != nil {
			return err
		}
	}
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// flightsSplit is who writes which flights: airports west of the Mississippi
// are in us-west.
const flightsSplit = "origin=us-west:LAX,SFO,SEA,PHX,LAS,DEN,SLC,SAN,PDX,HNL,OAK,SJC,SMF,ONT,BUR,SNA,ABQ,TUS,RNO,OGG,LIH,KOA,ITO,ANC,FAI,JNU,BOI,GEG,COS,ELP,SAT,AUS,DFW,DAL,IAH,HOU,OKC,TUL,MCI,OMA,MSP,DSM;us-east:*"

// flightsMap is where the flights' columns are not named as the schema's fields.
var flightsMap = map[string]string{"departed_at": "date", "landed_at": "landed"}

// openInput finds the events.
func (d *demo) openInput() (*demoInput, error) {
	p := d.defs.project
	if len(p.Streams) == 0 || len(p.Views) == 0 {
		return nil, fmt.Errorf("the definitions have no stream or no view")
	}
	in := &demoInput{stream: p.Streams[0].Name, columns: d.cmd.Map, sent: map[string]int64{}, own: d.cmd.Input == ""}
	path, rules := d.cmd.Input, d.cmd.Split
	switch {
	case d.cmd.Input != "":
	case d.cmd.Synthetic > 0:
		path = filepath.Join(d.dir, "synthetic.jsonl")
		if err := writeSynthetic(path, d.cmd.Synthetic); err != nil {
			return nil, err
		}
	default:
		path = filepath.Join(d.dir, "flights-20k.jsonl.gz")
		if err := os.WriteFile(path, flights.Events, 0o644); err != nil {
			return nil, err
		}
	}
	if in.own {
		in.columns = flightsMap
		if rules == "" && d.cmd.Synthetic == 0 {
			rules = flightsSplit
		}
	}
	var err error
	if in.split, err = parseSplit(rules, p.Regions, in.columns); err != nil {
		return nil, err
	}
	if in.file, err = openInputFile(path, ""); err != nil {
		return nil, err
	}
	err = in.file.each(func(inputRow) error { in.total++; return nil })
	if err == nil && in.total == 0 {
		err = fmt.Errorf("%s holds no events", path)
	}
	return in, err
}

// split says in which region an event is written.
type split struct {
	column  string
	regions []string
	values  map[string]string // value → region
	rest    string            // region of all other values; empty: by hash
}

// parseSplit reads FIELD=REGION:VALUE,VALUE;REGION:*. FIELD is a field or a
// column. Nothing spreads the events evenly.
func parseSplit(text string, regions []string, columns map[string]string) (*split, error) {
	s := &split{regions: regions, values: map[string]string{}}
	if text == "" {
		return s, nil
	}
	field, rules, ok := strings.Cut(text, "=")
	if !ok || field == "" || rules == "" {
		return nil, usage("--split %s: want FIELD=REGION:VALUE,VALUE;REGION:*", text)
	}
	s.column = field
	if column, ok := columns[field]; ok {
		s.column = column
	}
	for _, rule := range strings.Split(rules, ";") {
		region, values, ok := strings.Cut(strings.TrimSpace(rule), ":")
		if !ok || !slices.Contains(regions, region) {
			return nil, usage("--split %s: %q names no region of %s", text, rule, strings.Join(regions, ", "))
		}
		for _, v := range strings.FieldsFunc(values, func(r rune) bool { return r == ',' || r == '|' }) {
			if v == "*" {
				s.rest = region
				continue
			}
			if other, twice := s.values[v]; twice && other != region {
				return nil, usage("--split %s: %s is given to %s and to %s", text, v, other, region)
			}
			s.values[v] = region
		}
	}
	return s, nil
}

// region picks the region of a row.
func (s *split) region(fields map[string]any) string {
	if s.column == "" {
		return s.even(fields)
	}
	v := fmt.Sprint(fields[s.column])
	if r, ok := s.values[v]; ok {
		return r
	}
	if s.rest != "" {
		return s.rest
	}
	return s.even(map[string]any{s.column: v})
}

// even spreads rows by a hash of what they hold.
func (s *split) even(fields map[string]any) string {
	b, err := json.Marshal(fields)
	if err != nil {
		b = fmt.Append(nil, fields)
	}
	h := fnv.New64a()
	_, _ = h.Write(b)
	return s.regions[h.Sum64()%uint64(len(s.regions))]
}

// writeSynthetic writes n made-up flights to 50,000 airports whose traffic is
// heavy-tailed, over 90 days, a little out of order.
func writeSynthetic(path string, n int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	r := rand.New(rand.NewPCG(2001, 1))
	to, from := rand.NewZipf(r, 1.1, 10, 49_999), rand.NewZipf(r, 1.1, 10, 999)
	start := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		at := start.Add(time.Duration(float64(i) / float64(n) * 90 * 24 * float64(time.Hour))).Add(-time.Duration(r.ExpFloat64() * float64(10*time.Minute)))
		miles, delay := 100+r.IntN(2500), int(r.NormFloat64()*20+5)
		landed := at.Add(time.Duration(30+miles/8+delay) * time.Minute)
		fmt.Fprintf(w, `{"date":%q,"delay":%d,"distance":%d,"origin":"A%d","destination":"A%d","landed":%q}`+"\n",
			at.Format("2006/01/02 15:04:05"), delay, miles, from.Uint64(), to.Uint64(), landed.Format("2006/01/02 15:04:05"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
