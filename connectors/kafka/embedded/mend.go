package embedded

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// asked is a request whose answer is changed on its way out.
type asked struct {
	key     kmsg.Key
	version int16
}

// mends change the body of a response in place, without changing its size. The
// key says of which request.
var mends = map[kmsg.Key]func(version int16, body []byte) error{
	kmsg.Fetch:                   mendFetched,
	kmsg.ShareFetch:              mendShared,
	kmsg.CreateTopics:            mendCreated,
	kmsg.DescribeTopicPartitions: mendDescribed,
}

// mendFetched marks batches. Decoding leaves them where they are, so that they
// can be changed there.
func mendFetched(version int16, body []byte) error {
	resp := kmsg.NewPtrFetchResponse()
	if _, err := read(resp, version, body); err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			markFetched(p.RecordBatches)
		}
	}
	return nil
}

func mendShared(version int16, body []byte) error {
	resp := kmsg.NewPtrShareFetchResponse()
	if _, err := read(resp, version, body); err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			markFetched(p.Records)
		}
	}
	return nil
}

// sourceTopic is the source of a setting made for a topic itself (the admin
// protocol's DYNAMIC_TOPIC_CONFIG).
const sourceTopic = 1

// mendCreated gives the settings of a created topic their source, which kfake
// leaves at -1; Java's admin client takes that for a failure of the whole call.
func mendCreated(version int16, body []byte) error {
	resp := kmsg.NewPtrCreateTopicsResponse()
	old, err := read(resp, version, body)
	if err != nil {
		return err
	}
	for i := range resp.Topics {
		for j := range resp.Topics[i].Configs {
			resp.Topics[i].Configs[j].Source = sourceTopic
		}
	}
	return replace(old, resp)
}

// mendDescribed writes no eligible leader replicas as an empty list: kfake
// writes null, which Java's admin client does not survive. Both take one byte.
func mendDescribed(version int16, body []byte) error {
	resp := kmsg.NewPtrDescribeTopicPartitionsResponse()
	old, err := read(resp, version, body)
	if err != nil {
		return err
	}
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			p.EligibleLeaderReplicas = orEmpty(p.EligibleLeaderReplicas)
			p.LastKnownELR = orEmpty(p.LastKnownELR)
		}
	}
	return replace(old, resp)
}

func orEmpty(nodes []int32) []int32 {
	if nodes == nil {
		return []int32{}
	}
	return nodes
}

// read decodes a response, whose slices alias body, and returns the bytes that
// it was decoded from.
func read(resp kmsg.Response, version int16, body []byte) ([]byte, error) {
	resp.SetVersion(version)
	if resp.IsFlexible() { // the response header's empty tags
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		return nil, fmt.Errorf("BUG: broker wrote a response that cannot be read: %w", err)
	}
	return body, nil
}

func replace(old []byte, resp kmsg.Response) error {
	mended := resp.AppendTo(nil)
	if len(mended) != len(old) {
		return errors.New("BUG: a response changed its size")
	}
	copy(old, mended)
	return nil
}
