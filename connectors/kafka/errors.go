package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ErrClosed is returned by what was closed.
var ErrClosed = errors.New("kafka: closed")

// GapError says that a wanted offset is not in the log: records were deleted
// before they were read, or the log is shorter than it was.
type GapError struct {
	Topic     string
	Partition int32
	Want      int64 // the offset that was asked for
	LogStart  int64 // the first offset in the log
	LogEnd    int64 // the offset after the last
}

func (e *GapError) Error() string {
	what := "records before it were deleted"
	if e.Want > e.LogEnd {
		what = "the log is shorter than what was read of it"
	}
	return fmt.Sprintf("read %s-%d: offset %d is not in the log, which holds %d to %d: %s",
		e.Topic, e.Partition, e.Want, e.LogStart, e.LogEnd, what)
}

// IdentityError says that a topic or log is not the one that it was: deleted,
// recreated, or truncated and written anew.
type IdentityError struct {
	Topic     string
	Partition int32 // -1: the whole topic
	Reason    string
}

func (e *IdentityError) Error() string {
	where := e.Topic
	if e.Partition >= 0 {
		where = fmt.Sprintf("%s-%d", e.Topic, e.Partition)
	}
	return fmt.Sprintf("read %s: not the log that it was: %s", where, e.Reason)
}

// CorruptError says that the bytes at an offset cannot be what a broker wrote.
type CorruptError struct {
	Topic     string
	Partition int32
	Offset    int64 // the batch is at or after it
	Reason    error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("read %s-%d: damaged batch at offset %d: %v", e.Topic, e.Partition, e.Offset, e.Reason)
}

func (e *CorruptError) Unwrap() error { return e.Reason }

// ProduceError says what became of a record that was not acknowledged.
type ProduceError struct {
	Topic     string
	Partition int32
	Unknown   bool // it may be in the log; false: it is definitely not
	Err       error
}

func (e *ProduceError) Error() string {
	fate := "not written"
	if e.Unknown {
		fate = "may or may not be written"
	}
	return fmt.Sprintf("produce to %s-%d: %s: %v", e.Topic, e.Partition, fate, e.Err)
}

func (e *ProduceError) Unwrap() error { return e.Err }

// IsRetriable reports whether the same call may succeed later without anyone
// changing anything: brokers away, elections, timeouts. A cancelled context is
// not retriable.
func IsRetriable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, ErrClosed) || errors.Is(err, kgo.ErrClientClosed) {
		return false
	}
	if _, ok := errors.AsType[*kerr.Error](err); ok {
		return kerr.IsRetriable(err)
	}
	if errors.Is(err, context.DeadlineExceeded) || kgo.IsRetryableBrokerErr(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	if errors.Is(err, kgo.ErrRecordTimeout) || errors.Is(err, kgo.ErrRecordRetries) {
		return true
	}
	_, isNet := errors.AsType[net.Error](err)
	return isNet
}

// definitive reports whether a produce error proves that nothing was written.
func definitive(err error) bool {
	for _, e := range []error{
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidTopicException, kerr.InvalidRecord,
		kerr.InvalidTimestamp, kerr.CorruptMessage, kerr.UnsupportedForMessageFormat, kerr.UnsupportedCompressionType,
		kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.SaslAuthenticationFailed,
		kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.InvalidRequiredAcks, kerr.PolicyViolation,
		kgo.ErrMaxBuffered,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func produceError(topic string, partition int32, err error) *ProduceError {
	return &ProduceError{Topic: topic, Partition: partition, Unknown: !definitive(err), Err: err}
}

// TopicID is the id that a cluster gave to one creation of a topic; zero if it
// gives none.
type TopicID [16]byte

// String is the id in hexadecimal.
func (id TopicID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether there is no id.
func (id TopicID) IsZero() bool { return id == TopicID{} }
