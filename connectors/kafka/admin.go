package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic describes a topic as the cluster has it now.
type Topic struct {
	Name       string
	ID         TopicID
	Partitions []PartitionState // by number
}

// PartitionState is the leadership of one partition.
type PartitionState struct {
	Partition   int32
	Leader      int32 // node, -1: none
	LeaderEpoch int32 // -1: the broker does not say
	Replicas    int
}

// Identity is what makes a topic the one that it was. Store it beside positions
// and compare it with Compare when going on.
type Identity struct {
	ClusterID    string
	TopicID      TopicID
	LeaderEpochs []int32 // by partition
}

// Compare returns an *IdentityError if now cannot be a later state of the same
// topic: another cluster, another creation of the topic, fewer partitions, or a
// leader epoch that went back. More partitions and later epochs are no break;
// whether a later epoch truncated the log is answered by Client.EpochEnds.
func (id Identity) Compare(topic string, now Identity) error {
	whole := func(format string, args ...any) error {
		return &IdentityError{Topic: topic, Partition: -1, Reason: fmt.Sprintf(format, args...)}
	}
	if id.ClusterID != now.ClusterID {
		return whole("another cluster (id was %s, is %s)", id.ClusterID, now.ClusterID)
	}
	if id.TopicID != now.TopicID {
		return whole("the topic was created anew (id was %v, is %v)", id.TopicID, now.TopicID)
	}
	if len(now.LeaderEpochs) < len(id.LeaderEpochs) {
		return whole("it had %d partitions, it has %d", len(id.LeaderEpochs), len(now.LeaderEpochs))
	}
	for p, epoch := range id.LeaderEpochs {
		if now.LeaderEpochs[p] < epoch {
			return &IdentityError{Topic: topic, Partition: int32(p),
				Reason: fmt.Sprintf("its leader epoch went back from %d to %d", epoch, now.LeaderEpochs[p])}
		}
	}
	return nil
}

// ErrNoTopic is in the error for a topic or partition that does not exist.
var ErrNoTopic = errors.New("topic or partition does not exist")

// metadata asks for topics; nil means all.
func metadata(ctx context.Context, k *kgo.Client, topics []string) (*kmsg.MetadataResponse, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = false
	if topics != nil {
		req.Topics = []kmsg.MetadataRequestTopic{}
	}
	for _, t := range topics {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(t)
		req.Topics = append(req.Topics, rt)
	}
	return req.RequestWith(ctx, k)
}

// ClusterID is the cluster's name for itself.
func (c *Client) ClusterID(ctx context.Context) (string, error) {
	resp, err := metadata(ctx, c.kgo, []string{})
	if err != nil {
		return "", fmt.Errorf("ask for cluster id: %w", err)
	}
	if resp.ClusterID == nil {
		return "", errors.New("ask for cluster id: the cluster has none")
	}
	return *resp.ClusterID, nil
}

// TopicNames lists the topics, sorted, without Kafka's internal ones.
func (c *Client) TopicNames(ctx context.Context) ([]string, error) {
	resp, err := metadata(ctx, c.kgo, nil)
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", err)
	}
	var names []string
	for _, t := range resp.Topics {
		if t.Topic != nil && !t.IsInternal {
			names = append(names, *t.Topic)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Topic describes a topic. The error wraps ErrNoTopic if there is none.
func (c *Client) Topic(ctx context.Context, name string) (Topic, error) {
	t, _, err := c.topic(ctx, name)
	if err != nil {
		return Topic{}, fmt.Errorf("describe topic %s: %w", name, err)
	}
	return t, nil
}

// Identity is the present identity of a topic.
func (c *Client) Identity(ctx context.Context, name string) (Identity, error) {
	t, cluster, err := c.topic(ctx, name)
	if err != nil {
		return Identity{}, fmt.Errorf("identify topic %s: %w", name, err)
	}
	id := Identity{ClusterID: cluster, TopicID: t.ID}
	for _, p := range t.Partitions {
		id.LeaderEpochs = append(id.LeaderEpochs, p.LeaderEpoch)
	}
	return id, nil
}

func (c *Client) topic(ctx context.Context, name string) (Topic, string, error) {
	resp, err := metadata(ctx, c.kgo, []string{name})
	if err != nil {
		return Topic{}, "", err
	}
	if len(resp.Topics) != 1 {
		return Topic{}, "", fmt.Errorf("%d answers for one topic", len(resp.Topics))
	}
	m := resp.Topics[0]
	if err := topicError(m.ErrorCode); err != nil {
		return Topic{}, "", err
	}
	t := Topic{Name: name, ID: m.TopicID}
	for _, p := range m.Partitions {
		t.Partitions = append(t.Partitions, PartitionState{
			Partition: p.Partition, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, Replicas: len(p.Replicas),
		})
	}
	slices.SortFunc(t.Partitions, func(a, b PartitionState) int { return int(a.Partition - b.Partition) })
	var cluster string
	if resp.ClusterID != nil {
		cluster = *resp.ClusterID
	}
	return t, cluster, nil
}

func topicError(code int16) error { return named(kerr.ErrorForCode(code)) }

// named adds the sentinel that callers look for.
func named(err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.UnknownTopicID):
		return fmt.Errorf("%w: %w", ErrNoTopic, err)
	case errors.Is(err, kerr.TopicAlreadyExists):
		return fmt.Errorf("%w: %w", ErrTopicExists, err)
	}
	return err
}

// TopicConfig is every setting of a topic, the defaults included.
func (c *Client) TopicConfig(ctx context.Context, name string) (map[string]string, error) {
	all, err := c.admin.DescribeTopicConfigs(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("describe configuration of %s: %w", name, err)
	}
	rc, err := all.On(name, nil)
	if err == nil {
		err = rc.Err
	}
	if err != nil {
		return nil, fmt.Errorf("describe configuration of %s: %w", name, named(err))
	}
	out := make(map[string]string, len(rc.Configs))
	for _, c := range rc.Configs {
		if c.Value != nil {
			out[c.Key] = *c.Value
		}
	}
	return out, nil
}

// NewTopic says how to create a topic.
type NewTopic struct {
	Name       string
	Partitions int32             // at least 1
	Replicas   int16             // default: the cluster's
	Config     map[string]string // settings that differ from the cluster's
}

// ErrTopicExists is in the error for a topic that exists already.
var ErrTopicExists = errors.New("topic exists")

// CreateTopic creates a topic. The error wraps ErrTopicExists if there is one of
// the name.
func (c *Client) CreateTopic(ctx context.Context, t NewTopic) error {
	if t.Partitions < 1 {
		return fmt.Errorf("create topic %s: %d partitions", t.Name, t.Partitions)
	}
	replicas := t.Replicas
	if replicas == 0 {
		replicas = -1
	}
	config := make(map[string]*string, len(t.Config))
	for k, v := range maps.All(t.Config) {
		config[k] = &v
	}
	resp, err := c.admin.CreateTopic(ctx, t.Partitions, replicas, config, t.Name)
	if err == nil {
		return nil
	}
	err = named(err)
	if msg := strings.TrimSpace(resp.ErrMessage); msg != "" {
		err = fmt.Errorf("%w: %s", err, msg)
	}
	return fmt.Errorf("create topic %s: %w", t.Name, err)
}

// DeleteTopic deletes a topic and everything in it. The error wraps ErrNoTopic
// if there is none.
func (c *Client) DeleteTopic(ctx context.Context, name string) error {
	resp, err := c.admin.DeleteTopics(ctx, name)
	if err == nil {
		err = resp[name].Err
	}
	if err != nil {
		return fmt.Errorf("delete topic %s: %w", name, named(err))
	}
	c.kgo.PurgeTopicsFromProducing(name)
	return nil
}

// DeleteRecords deletes what lies below an offset of each partition.
func (c *Client) DeleteRecords(ctx context.Context, below map[TopicPartition]int64) error {
	req := kmsg.NewPtrDeleteRecordsRequest()
	req.TimeoutMillis = 15_000
	for tp, offset := range below {
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic = tp.Topic
		p := kmsg.NewDeleteRecordsRequestTopicPartition()
		p.Partition, p.Offset = tp.Partition, offset
		t.Partitions = append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, c.kgo)
	if err != nil {
		return fmt.Errorf("delete records: %w", err)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("delete records of %s-%d: %w", t.Topic, p.Partition, err)
			}
		}
	}
	return nil
}
