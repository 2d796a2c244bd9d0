package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// maxShown bounds the bad rows that are named.
const maxShown = 20

// badRows are what is wrong with a file.
type badRows struct {
	count   int64
	shown   []error
	columns map[string]bool // of all rows
	cause   string          // of all so far, if it is one
	several bool
}

func (b *badRows) add(place string, err error) {
	if b.count++; b.count == 1 {
		b.cause = err.Error()
	}
	b.several = b.several || b.cause != err.Error()
	if len(b.shown) < maxShown {
		b.shown = append(b.shown, fmt.Errorf("%s: %w", place, err))
	}
}

// failure says what to mend: each row, or what is wrong with all of them.
func (b *badRows) failure(name string, rows int64) error {
	if b.count == rows && rows > 1 && !b.several {
		return fmt.Errorf("%s: all of %s rows: %s\nnothing was sent: the columns are %s; --map FIELD=COLUMN reads a field from a column of another name",
			name, count(rows), b.cause, strings.Join(slices.Sorted(maps.Keys(b.columns)), ", "))
	}
	if more := b.count - int64(len(b.shown)); more > 0 {
		b.shown = append(b.shown, fmt.Errorf("… and %s more", count(more)))
	}
	return fmt.Errorf("%w\nnothing was sent: mend these rows, or set them aside with --rejects FILE", errors.Join(b.shown...))
}

type rejectJSON struct {
	Line  int64  `json:"line"`
	Error string `json:"error"`
	Row   string `json:"row"`
}

// rejects is the file of rows that are set aside; nil sets nothing aside.
type rejects struct {
	file *os.File
	buf  *bufio.Writer
	json *json.Encoder
}

func openRejects(path string, in *inputFile) (*rejects, error) {
	if path == "" {
		return nil, nil
	}
	if same, err := os.Stat(path); err == nil {
		if input, err := os.Stat(in.path); err == nil && os.SameFile(same, input) {
			return nil, usage("--rejects %s is the input itself", path)
		}
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, usage("--rejects: %v", err)
	}
	w := &rejects{file: f, buf: bufio.NewWriter(f)}
	w.json = json.NewEncoder(w.buf)
	w.json.SetEscapeHTML(false)
	return w, nil
}

func (w *rejects) add(r *inputRow, err error) error {
	if w == nil {
		return nil
	}
	return w.json.Encode(rejectJSON{Line: r.Line, Error: err.Error(), Row: string(r.text())})
}

func (w *rejects) close() error {
	if w == nil {
		return nil
	}
	if err := w.buf.Flush(); err != nil {
		return err
	}
	return w.file.Close()
}
