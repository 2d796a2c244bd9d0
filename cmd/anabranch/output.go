package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"unicode/utf8"
)

// output is where a command's words go.
type output struct {
	stdout, stderr *os.File
	json, verbose  bool
	quiet          bool // nothing for a person
}

// say prints a line for a person; with --json it goes to stderr.
func (o *output) say(format string, args ...any) {
	if o.quiet {
		return
	}
	w := o.stdout
	if o.json {
		w = o.stderr
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// progress prints a line about long work, always on stderr.
func (o *output) progress(format string, args ...any) {
	if o.quiet {
		return
	}
	fmt.Fprintf(o.stderr, format+"\n", args...)
}

// result prints the one JSON document of a command under --json.
func (o *output) result(v any) error {
	if !o.json {
		return nil
	}
	enc := json.NewEncoder(o.stdout)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

func (o *output) log() *slog.Logger {
	level := slog.LevelWarn
	if o.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(o.stderr, &slog.HandlerOptions{Level: level}))
}

// table prints rows in aligned columns, under a head if there is one.
func (o *output) table(head []string, rows [][]string) {
	if head != nil {
		rows = slices.Insert(slices.Clone(rows), 0, head)
	}
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string) {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		o.say("%s", strings.TrimRight(b.String(), " "))
	}
	for _, row := range rows {
		line(row)
	}
}

// count prints a number with thousands separated.
func count[N ~int | ~int64 | ~int32](n N) string {
	s := fmt.Sprintf("%d", n)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// sizeOf prints a number of bytes for a person.
func sizeOf(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
