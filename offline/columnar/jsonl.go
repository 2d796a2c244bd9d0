package columnar

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// jsonLines reads one JSON object a line; lines of nothing but space are skipped. Columns are the union of the keys, in
// order of first appearance.
type jsonLines struct {
	in     *bufio.Scanner
	header []string
	index  map[string]int
	seen   []int64 // the row that had the column last
	row    int64
	line   int64
}

func newJSONL(r io.Reader) (lines, error) {
	l := &jsonLines{in: bufio.NewScanner(buffered(r)), index: map[string]int{}}
	l.in.Buffer(make([]byte, 1<<16), maxLine)
	return l, nil
}

func (l *jsonLines) names() []string { return l.header }
func (l *jsonLines) where() string   { return "row " + strconv.FormatInt(l.row, 10) }

func (l *jsonLines) next(visit func(int, []byte, classes) error) error {
	for l.in.Scan() {
		l.line++
		line := bytes.TrimSpace(l.in.Bytes())
		if len(line) == 0 {
			continue
		}
		l.row++
		if err := l.object(line, visit); err != nil {
			return fmt.Errorf("read jsonl: line %d: %w", l.line, err)
		}
		return nil
	}
	if err := l.in.Err(); errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("read jsonl: line %d: over %d bytes", l.line+1, maxLine)
	} else if err != nil {
		return fmt.Errorf("read jsonl: %w", err)
	}
	return io.EOF
}

// object walks the members of a line that is a valid JSON object.
func (l *jsonLines) object(line []byte, visit func(int, []byte, classes) error) error {
	if line[0] != '{' || !json.Valid(line) {
		return fmt.Errorf("not a JSON object")
	}
	rest := skipSpace(line[1:])
	for rest[0] != '}' {
		end := stringEnd(rest)
		column, err := l.column(rest[:end])
		if err != nil {
			return err
		}
		rest = skipSpace(skipSpace(rest[end:])[1:])
		end = valueEnd(rest)
		if err := show(column, rest[:end], visit); err != nil {
			return err
		}
		rest = skipSpace(rest[end:])
		if rest[0] == ',' {
			rest = skipSpace(rest[1:])
		}
	}
	return nil
}

// column is the number of the column with that quoted key.
func (l *jsonLines) column(quoted []byte) (int, error) {
	key, err := unquote(quoted)
	if err != nil {
		return 0, err
	}
	i, known := l.index[string(key)]
	if !known {
		i = len(l.header)
		l.header, l.seen = append(l.header, string(key)), append(l.seen, 0)
		l.index[string(key)] = i
	}
	if l.seen[i] == l.row {
		return 0, fmt.Errorf("key %q twice", key)
	}
	l.seen[i] = l.row
	return i, nil
}

// show passes a JSON value on: a string without its quotes, anything else as it is written. Strings and nested values
// are text whatever they look like.
func show(column int, raw []byte, visit func(int, []byte, classes) error) error {
	switch raw[0] {
	case 'n':
		return nil
	case '"':
		s, err := unquote(raw)
		if err != nil {
			return err
		}
		return visit(column, s, text)
	case '{', '[':
		return visit(column, raw, text)
	}
	return visit(column, raw, 0)
}

func unquote(quoted []byte) ([]byte, error) {
	plain := quoted[1 : len(quoted)-1]
	if !utf8.Valid(plain) {
		return nil, fmt.Errorf("%q is not UTF-8", plain)
	}
	if bytes.IndexByte(plain, '\\') < 0 {
		return plain, nil
	}
	var s string
	err := json.Unmarshal(quoted, &s)
	return []byte(s), err
}

// skipSpace, stringEnd and valueEnd walk JSON that is known to be valid.
func skipSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	return b
}

func stringEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

func valueEnd(b []byte) int {
	if b[0] == '"' {
		return stringEnd(b)
	}
	depth := 0
	for i := 0; ; i++ {
		switch b[i] {
		case '"':
			i += stringEnd(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
}
