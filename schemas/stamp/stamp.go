package stamp

// LogicalBits is the number of low bits of a Stamp that count records within
// one millisecond of append time.
const LogicalBits = 16

// Stamp orders the records of one partition in the order the log took them,
// and records of different partitions by append time first. The high 48 bits
// are milliseconds since the epoch, the low 16 a logical counter that may
// carry into the milliseconds. The zero Stamp precedes every record.
type Stamp uint64

// Next returns the stamp of the record that follows prev and was appended at
// appendMillis (milliseconds since the epoch; negative counts as 0).
//
//	Next(p, a) > p   and   Next(p, a) >= a << LogicalBits
func Next(prev Stamp, appendMillis int64) Stamp {
	if appendMillis < 0 {
		appendMillis = 0
	}
	physical := Stamp(appendMillis) << LogicalBits
	if physical > prev {
		return physical
	}
	return prev + 1
}

// Millis is the physical part of s in milliseconds since the epoch.
func (s Stamp) Millis() int64 { return int64(s >> LogicalBits) }

// Micros is the physical part of s as a point in time.
func (s Stamp) Micros() Micros { return FromMillis(s.Millis()) }

// Logical is the counter part of s.
func (s Stamp) Logical() uint16 { return uint16(s) }
