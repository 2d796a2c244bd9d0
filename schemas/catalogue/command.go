package catalogue

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"anabranch.dev/anabranch/schemas/definition"
)

// MaxCommandBytes bounds an encoded command.
const MaxCommandBytes = 8 << 20

// MaxSecretBytes bounds a token secret; MinSecretBytes is the least that signs.
const (
	MinSecretBytes = 16
	MaxSecretBytes = 256
)

// ErrNewer is a command that a newer program wrote and this one cannot read.
// Passing it over would make this reader's catalogue differ from the others'.
var ErrNewer = errors.New("written by a newer version of anabranch: upgrade this one")

// Kind is what a command does.
type Kind uint64

// Apply puts a whole project in force.
const Apply Kind = 1

// Command is one record of the registry log.
type Command struct {
	ID       string // 1 to 64 of A-Z a-z 0-9 _ -; a KSUID in text
	Expected uint64 // the version of the catalogue that the writer saw
	Kind     Kind
	Project  *definition.Project // Apply
	Files    []definition.File   // Apply: what the project was read from
	// Secret signs tokens; only the first accepted command that has one sets it.
	Secret []byte

	unknown []byte // fields that this program does not know, kept as they came
}

// Field numbers of command.proto.
const (
	fieldID       protowire.Number = 1
	fieldExpected protowire.Number = 2
	fieldKind     protowire.Number = 3
	fieldProject  protowire.Number = 4
	fieldFile     protowire.Number = 5
	fieldSecret   protowire.Number = 6

	fieldFileName protowire.Number = 1
	fieldFileData protowire.Number = 2
)

// Encode is the command's bytes: fields by number, zero values left out,
// unknown fields last. It refuses a command that Decode would not take.
func (c *Command) Encode() ([]byte, error) {
	var project []byte
	if c.Project != nil {
		project = definition.Encode(c.Project)
	}
	if err := c.check(project); err != nil {
		return nil, err
	}
	b := c.append(nil, project)
	if len(b) > MaxCommandBytes {
		return nil, fmt.Errorf("command: %d bytes, more than %d: the definitions and their files are too large", len(b), MaxCommandBytes)
	}
	return b, nil
}

func (c *Command) append(b, project []byte) []byte {
	b = appendBytes(b, fieldID, []byte(c.ID))
	b = appendVarint(b, fieldExpected, c.Expected)
	b = appendVarint(b, fieldKind, uint64(c.Kind))
	b = appendBytes(b, fieldProject, project)
	for _, f := range c.Files {
		file := appendBytes(nil, fieldFileName, []byte(f.Name))
		file = appendBytes(file, fieldFileData, f.Data)
		b = protowire.AppendTag(b, fieldFile, protowire.BytesType)
		b = protowire.AppendBytes(b, file)
	}
	b = appendBytes(b, fieldSecret, c.Secret)
	return append(b, c.unknown...)
}

func appendBytes(b []byte, field protowire.Number, content []byte) []byte {
	if len(content) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), content)
}

func appendVarint(b []byte, field protowire.Number, n uint64) []byte {
	if n == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), n)
}

// check is what holds for every command, known kind or not, and for an Apply.
func (c *Command) check(project []byte) error {
	switch {
	case !validID(c.ID):
		return fmt.Errorf("command: id %q: want 1 to 64 of A-Z a-z 0-9 _ -", c.ID)
	case c.Kind == 0:
		return fmt.Errorf("command %s: no kind", c.ID)
	case c.Kind == Apply && len(project) == 0:
		return fmt.Errorf("command %s: no project", c.ID)
	case len(c.Secret) > 0 && len(c.Secret) < MinSecretBytes, len(c.Secret) > MaxSecretBytes:
		return fmt.Errorf("command %s: token secret of %d bytes: want %d to %d", c.ID, len(c.Secret), MinSecretBytes, MaxSecretBytes)
	}
	for _, f := range c.Files {
		if !utf8.ValidString(f.Name) {
			return fmt.Errorf("command %s: file name %q is not UTF-8", c.ID, f.Name)
		}
	}
	return nil
}

func validID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for _, r := range []byte(id) {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (r < '0' || r > '9') && r != '_' && r != '-' {
			return false
		}
	}
	return true
}

// Decode reads what Encode wrote. It keeps no reference to b. Of a field that
// is there twice the last counts, as protocol buffers want it.
//
// The error is [ErrNewer] for a command whose kind or project this program does
// not know; any other means that the record is no command.
func Decode(b []byte) (*Command, error) {
	if len(b) > MaxCommandBytes {
		return nil, fmt.Errorf("command: %d bytes, more than %d", len(b), MaxCommandBytes)
	}
	c := &Command{}
	var project []byte
	if err := fields(b, func(f field) error { return c.take(f, &project) }); err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	if err := c.check(project); err != nil {
		return nil, err
	}
	if c.Kind != Apply {
		return nil, fmt.Errorf("command %s of kind %d: %w", c.ID, c.Kind, ErrNewer)
	}
	var err error
	if c.Project, err = definition.Decode(project); err != nil {
		return nil, fmt.Errorf("command %s: %w (%w)", c.ID, ErrNewer, err)
	}
	return c, nil
}

func (c *Command) take(f field, project *[]byte) (err error) {
	switch {
	case f.is(fieldID, protowire.BytesType):
		c.ID = string(f.bytes)
	case f.is(fieldExpected, protowire.VarintType):
		c.Expected = f.varint
	case f.is(fieldKind, protowire.VarintType):
		c.Kind = Kind(f.varint)
	case f.is(fieldProject, protowire.BytesType):
		*project = f.bytes
	case f.is(fieldFile, protowire.BytesType):
		var file definition.File
		file, err = decodeFile(f.bytes)
		c.Files = append(c.Files, file)
	case f.is(fieldSecret, protowire.BytesType):
		c.Secret = bytes.Clone(f.bytes)
	default:
		c.unknown = append(c.unknown, f.raw...)
	}
	return err
}

func decodeFile(b []byte) (definition.File, error) {
	var file definition.File
	err := fields(b, func(f field) error {
		switch {
		case f.is(fieldFileName, protowire.BytesType):
			file.Name = string(f.bytes)
		case f.is(fieldFileData, protowire.BytesType):
			file.Data = bytes.Clone(f.bytes)
		}
		return nil
	})
	return file, err
}

// field is one field of a message on the wire.
type field struct {
	number protowire.Number
	wire   protowire.Type
	varint uint64 // of a varint
	bytes  []byte // of a length-delimited field
	raw    []byte // the whole field with its tag
}

func (f field) is(number protowire.Number, wire protowire.Type) bool {
	return f.number == number && f.wire == wire
}

// fields calls take for each field of a message, in order.
func fields(b []byte, take func(field) error) error {
	for at := 0; at < len(b); {
		number, wire, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			return fmt.Errorf("at byte %d: %w", at, protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(number, wire, b[at+n:])
		if size < 0 {
			return fmt.Errorf("at byte %d: field %d: %w", at, number, protowire.ParseError(size))
		}
		f := field{number: number, wire: wire, raw: b[at : at+n+size]}
		switch wire {
		case protowire.VarintType:
			f.varint, _ = protowire.ConsumeVarint(b[at+n:])
		case protowire.BytesType:
			f.bytes, _ = protowire.ConsumeBytes(b[at+n:])
		}
		if err := take(f); err != nil {
			return fmt.Errorf("at byte %d: field %d: %w", at, number, err)
		}
		at += n + size
	}
	return nil
}
