package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxHeaderBytes bounds what is read of an Avro file to find its schema.
const maxHeaderBytes = 4 << 20

// avroHeaderSchema is the schema in the header of an object container file (Avro
// 1.11, "Object Container Files").
func avroHeaderSchema(r io.Reader) (string, error) {
	b := bufio.NewReader(io.LimitReader(r, maxHeaderBytes))
	magic := make([]byte, 4)
	if _, err := io.ReadFull(b, magic); err != nil || string(magic) != "Obj\x01" {
		return "", errors.New("not an Avro object container file")
	}
	for {
		pairs, err := binary.ReadVarint(b)
		if err != nil || pairs == 0 {
			return "", errors.New("the file's header has no schema")
		}
		if pairs < 0 { // the block's size in bytes follows
			if _, err := binary.ReadVarint(b); err != nil {
				return "", fmt.Errorf("file header: %w", err)
			}
			pairs = -pairs
		}
		for ; pairs > 0; pairs-- {
			name, err := avroBytes(b)
			if err != nil {
				return "", err
			}
			text, err := avroBytes(b)
			if err != nil {
				return "", err
			}
			if name == "avro.schema" {
				return text, nil
			}
		}
	}
}

func avroBytes(b *bufio.Reader) (string, error) {
	n, err := binary.ReadVarint(b)
	if err == nil && (n < 0 || n > maxHeaderBytes) {
		err = fmt.Errorf("a length of %d", n)
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(b, n))
	}
	if err == nil && int64(len(text)) < n {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", fmt.Errorf("file header: %w", err)
	}
	return string(text), nil
}
