package kafka

// Header is one header of a record. Keys may repeat; order is kept.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record, read or to be produced.
//
// A null key or value and an empty one are different: a nil slice is null.
// KeyNull and ValueNull say the same of a record that was read, whose slices
// alias the batch they came in and must not be changed.
//
// For producing, Topic, Partition, Key, Value and Headers count, the rest is
// ignored.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64

	Key, Value         []byte
	KeyNull, ValueNull bool
	Headers            []Header

	AppendTime  int64 // ms since the epoch: the log's time, or the producer's if the topic is CreateTime
	LogAppend   bool  // AppendTime is the log's
	LeaderEpoch int32 // of the leader that appended it, -1 if unknown
}

// Header returns the value of the last header named key.
func (r *Record) Header(key string) ([]byte, bool) {
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == key {
			return r.Headers[i].Value, true
		}
	}
	return nil, false
}

// clone copies a record out of its batch.
func (r *Record) clone() Record {
	c := *r
	c.Key, c.Value, c.Headers = bytesOf(r.Key), bytesOf(r.Value), nil
	for _, h := range r.Headers {
		c.Headers = append(c.Headers, Header{Key: h.Key, Value: bytesOf(h.Value)})
	}
	return c
}

// bytesOf copies b; null stays null and empty stays empty.
func bytesOf(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}
