package columnar

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/pierrec/lz4/v4"
)

// maxPageBytes bounds one page, decompressed or not.
const maxPageBytes = 1 << 30

// checkLZ4 decompresses the pages of an LZ4 column chunk into buffers of the announced size, once, before the library
// does: on a damaged block it would double its buffer until memory ends.
func checkLZ4(r io.ReaderAt, m *format.ColumnMetaData) error {
	from := m.DataPageOffset
	if m.DictionaryPageOffset != 0 { // as the library begins, so that nothing else is read than was checked
		from = m.DictionaryPageOffset
	}
	in := bufio.NewReader(io.NewSectionReader(r, from, m.TotalCompressedSize))
	decoder := thrift.NewDecoder(new(thrift.CompactProtocol).NewReader(in))
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return nil
		}
		var h format.PageHeader
		if err := decoder.Decode(&h); err != nil {
			return fmt.Errorf("page header: %w", err)
		}
		if err := checkLZ4Page(in, &h); err != nil {
			return err
		}
	}
}

func checkLZ4Page(in io.Reader, h *format.PageHeader) error {
	packed, plain := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
	if packed < 0 || packed > maxPageBytes || plain < 0 || plain > maxPageBytes {
		return fmt.Errorf("page of %d bytes in %d", plain, packed)
	}
	src, err := readExactly(in, packed)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	if v2 := h.DataPageHeaderV2; h.Type == format.DataPageV2 {
		if !v2.Valid || h.DictionaryPageHeader.Valid {
			return errors.New("page of two types")
		}
		levels := int64(v2.V.RepetitionLevelsByteLength) + int64(v2.V.DefinitionLevelsByteLength)
		if levels < 0 || levels > packed || levels > plain {
			return fmt.Errorf("page of %d bytes with %d bytes of levels", packed, levels)
		}
		if v2.V.IsCompressed.Valid && !v2.V.IsCompressed.V {
			return nil
		}
		src, plain = src[levels:], plain-levels
	}
	// A block of n bytes cannot hold more than 255 times as much.
	n, err := lz4.UncompressBlock(src, make([]byte, min(plain, 255*int64(len(src))+16)))
	if err != nil || int64(n) != plain {
		return fmt.Errorf("page of %d bytes decompresses to %d: %w", plain, n, errors.Join(errLZ4, err))
	}
	return nil
}

var errLZ4 = errors.New("damaged LZ4 block")
