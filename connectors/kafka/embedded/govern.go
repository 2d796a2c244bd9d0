package embedded

import (
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	topicTimestampType  = "message.timestamp.type"
	brokerTimestampType = "log.message.timestamp.type"
	cleanerInterval     = "log.cleaner.backoff.ms"
	logAppendTime       = "LogAppendTime"
)

// never is the cleaner's interval: longer than any process lives. The cleaner
// would trim a partition's last batch, and compaction is not crash safe.
const never = 100 * 365 * 24 * time.Hour

func brokerSettings() map[string]string {
	return map[string]string{
		brokerTimestampType: logAppendTime,
		cleanerInterval:     strconv.FormatInt(never.Milliseconds(), 10),
	}
}

// stamper gives append times.
type stamper struct {
	mu   sync.Mutex
	now  func() time.Time
	last int64 // the newest time given, ms
}

// next is the time of a batch appended now: never less than any before it.
func (s *stamper) next() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = max(s.last, s.now().UnixMilli())
	return s.last
}

// govern changes requests before the cluster handles them. The cluster runs
// these functions and the requests one after another, so the order of stamps is
// the order of the log.
func (b *Broker) govern() {
	b.before(kmsg.Produce, func(r kmsg.Request) { b.stamp(r.(*kmsg.ProduceRequest)) })
	b.before(kmsg.CreateTopics, func(r kmsg.Request) { forceCreated(r.(*kmsg.CreateTopicsRequest)) })
	b.before(kmsg.AlterConfigs, func(r kmsg.Request) { forceAltered(r.(*kmsg.AlterConfigsRequest)) })
	b.before(kmsg.IncrementalAlterConfigs, func(r kmsg.Request) {
		forceIncremental(r.(*kmsg.IncrementalAlterConfigsRequest))
	})
	b.before(kmsg.DeleteRecords, func(r kmsg.Request) { b.keepLast(r.(*kmsg.DeleteRecordsRequest)) })
}

// hookLife is how many requests one hook sees before it is registered anew: the
// cluster remembers the last request of every connection that a hook ever saw,
// with all its bytes, for as long as the hook lives.
const hookLife = 256

func (b *Broker) before(key kmsg.Key, change func(kmsg.Request)) {
	seen := 0
	b.cluster.ControlKey(int16(key), func(r kmsg.Request) (kmsg.Response, error, bool) {
		change(r)
		if seen++; seen == hookLife {
			b.cluster.DropControl()
			b.before(key, change)
		}
		return nil, nil, false
	})
}

// stamp gives every batch of the request the same append time.
func (b *Broker) stamp(req *kmsg.ProduceRequest) {
	ms := b.stamper.next()
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			stampProduced(p.Records, ms)
		}
	}
}

// keepLast bounds a deletion to the record before a partition's last: a
// partition without batches would restart at offset 0, and other content would
// get offsets that were given before.
func (b *Broker) keepLast(req *kmsg.DeleteRecordsRequest) {
	for i := range req.Topics {
		t := &req.Topics[i]
		for j := range t.Partitions {
			p := &t.Partitions[j]
			info := b.cluster.PartitionInfo(t.Topic, p.Partition)
			if info == nil || info.HighWatermark == 0 {
				continue
			}
			if p.Offset == -1 || p.Offset == info.HighWatermark {
				p.Offset = max(info.HighWatermark-1, info.LogStartOffset)
			}
		}
	}
}

func forceCreated(req *kmsg.CreateTopicsRequest) {
	for i := range req.Topics {
		t := &req.Topics[i]
		kept := t.Configs[:0]
		for _, c := range t.Configs {
			if c.Name != topicTimestampType {
				kept = append(kept, c)
			}
		}
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = topicTimestampType, kmsg.StringPtr(logAppendTime)
		t.Configs = append(kept, c)
	}
}

// forced are the settings of a resource that no client may change.
func forced(t kmsg.ConfigResourceType) map[string]string {
	switch t {
	case kmsg.ConfigResourceTypeTopic:
		return map[string]string{topicTimestampType: logAppendTime}
	case kmsg.ConfigResourceTypeBroker:
		return brokerSettings()
	}
	return nil
}

// forceAltered mends a request that replaces all settings of a resource.
func forceAltered(req *kmsg.AlterConfigsRequest) {
	for i := range req.Resources {
		r := &req.Resources[i]
		fixed := forced(r.ResourceType)
		kept := r.Configs[:0]
		for _, c := range r.Configs {
			if _, ok := fixed[c.Name]; !ok {
				kept = append(kept, c)
			}
		}
		for name, value := range fixed {
			c := kmsg.NewAlterConfigsRequestResourceConfig()
			c.Name, c.Value = name, kmsg.StringPtr(value)
			kept = append(kept, c)
		}
		r.Configs = kept
	}
}

func forceIncremental(req *kmsg.IncrementalAlterConfigsRequest) {
	for i := range req.Resources {
		r := &req.Resources[i]
		fixed := forced(r.ResourceType)
		for j := range r.Configs {
			c := &r.Configs[j]
			if value, ok := fixed[c.Name]; ok {
				c.Op, c.Value = kmsg.IncrementalAlterConfigOpSet, kmsg.StringPtr(value)
			}
		}
	}
}
