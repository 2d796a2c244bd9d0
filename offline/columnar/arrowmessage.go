package columnar

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Bounds of one IPC message.
const (
	maxArrowMetadata = 64 << 20
	maxArrowBody     = 8 << 30
	maxArrowRows     = 1 << 27 // of a record batch, and items of a list column in it
)

// messages reads IPC messages and looks at each before the library does, which trusts their lengths. Memory grows with the
// bytes that are there, not with those that are announced.
type messages struct {
	in      io.Reader
	current *ipc.Message
	memory  allowance
}

func (m *messages) reader() (*ipc.Reader, error) {
	return ipc.NewReaderFromMessageReader(m, ipc.WithAllocator(&m.memory))
}

// allowance allocates for one message no more than its body can mean. The library reads past the end of the lists of
// buffers that a message has too few of, so what it finds there must not be believed either.
type allowance struct {
	memory.GoAllocator
	left int64
}

func (a *allowance) Allocate(size int) []byte {
	a.spend(size)
	return a.GoAllocator.Allocate(size)
}

func (a *allowance) Reallocate(size int, b []byte) []byte {
	a.spend(size)
	return a.GoAllocator.Reallocate(size, b)
}

// spend panics, which is how the library wants to hear of it: it recovers.
func (a *allowance) spend(size int) {
	if a.left -= int64(size); size < 0 || a.left < 0 {
		panic(fmt.Sprintf("message announces %d bytes more than it can hold", size))
	}
}

func (m *messages) Retain() {}

func (m *messages) Release() {
	if m.current != nil {
		m.current.Release()
		m.current = nil
	}
}

// Message reads the next message; it is valid until the call after it.
func (m *messages) Message() (*ipc.Message, error) {
	m.Release()
	size, err := m.prefix()
	if err != nil {
		return nil, err
	}
	meta, err := readExactly(m.in, size)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	bodySize, err := checkMessage(meta)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	body, err := readExactly(m.in, bodySize)
	if err != nil {
		return nil, fmt.Errorf("message body: %w", err)
	}
	if err := checkBody(meta, body); err != nil {
		return nil, fmt.Errorf("message body: %w", err)
	}
	m.memory.left = min(maxArrowBody, 64<<20+4096*int64(len(body)))
	m.current = ipc.NewMessage(memory.NewBufferBytes(meta), memory.NewBufferBytes(body))
	return m.current, nil
}

// prefix reads the length of the next message's metadata: after a continuation marker, or alone before Arrow 0.15. The end
// is a length of 0 or the end of the input.
func (m *messages) prefix() (int64, error) {
	for range 2 {
		var b [4]byte
		if _, err := io.ReadFull(m.in, b[:]); err != nil {
			return 0, err
		}
		switch n := binary.LittleEndian.Uint32(b[:]); {
		case n == 0:
			return 0, io.EOF
		case n == 0xffffffff:
		case n > maxArrowMetadata:
			return 0, fmt.Errorf("message of %d bytes of metadata: want at most %d", n, maxArrowMetadata)
		default:
			return int64(n), nil
		}
	}
	return 0, errors.New("message without a length")
}

func readExactly(r io.Reader, n int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(n, 1<<20)))
	got, err := io.CopyN(&b, r, n)
	if got < n && errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b.Bytes(), err
}

// streamOf finds the stream within an Arrow file: after its magic and before its footer. Anything else is a stream as it is.
func streamOf(r io.ReaderAt, size int64) (io.Reader, error) {
	const head, tail = 8, 10
	var front [6]byte
	if n, _ := r.ReadAt(front[:], 0); n < len(front) || !bytes.Equal(front[:], ipc.Magic) {
		return io.NewSectionReader(r, 0, size), nil
	}
	var back [tail]byte
	if size < head+tail {
		return nil, errors.New("read arrow: file is cut short")
	}
	if _, err := r.ReadAt(back[:], size-tail); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read arrow: %w", err)
	}
	footer := int64(binary.LittleEndian.Uint32(back[:]))
	if !bytes.Equal(back[4:], ipc.Magic) || footer > size-head-tail {
		return nil, errors.New("read arrow: file has no footer: it is cut short or damaged")
	}
	return io.NewSectionReader(r, head, size-head-tail-footer), nil
}
