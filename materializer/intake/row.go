package intake

import "fmt"

// IDHeader is the record header that carries a row's id. A stream that
// declares event_id: header:ce_id counts rows with equal ids once.
const IDHeader = "ce_id"

// Row is one event to be produced.
type Row struct {
	// Fields are the event's fields by name, with values as wire.Encoder takes
	// them: as decoded from JSON, numbers best as json.Number.
	Fields map[string]any
	// ID, if not empty, is sent as the header IDHeader.
	ID string
	// Observed, if not empty, is sent as the header wire.ObservedHeader: the token
	// of the read that the row acts on.
	Observed string
}

// RowError says which row of a call cannot be produced, and why.
type RowError struct {
	Row int // index, from 0
	Err error
}

// Error is the row and the cause.
func (e *RowError) Error() string { return fmt.Sprintf("row %d: %v", e.Row, e.Err) }

// Unwrap gives the cause.
func (e *RowError) Unwrap() error { return e.Err }
