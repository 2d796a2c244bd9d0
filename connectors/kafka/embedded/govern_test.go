package embedded

import (
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTopicsReportLogAppendTimeAndKeepIt(t *testing.T) {
	b := start(t, Config{Dir: t.TempDir()})
	createTime := "CreateTime"
	createTopic(t, b, "t", 1, map[string]*string{"message.timestamp.type": &createTime})
	adm := kadm.NewClient(client(t, b))
	describe := func() string {
		all, err := adm.DescribeTopicConfigs(soon(t), "t")
		if err != nil {
			t.Fatal(err)
		}
		var seen []string
		for _, c := range all[0].Configs {
			if c.Key == "message.timestamp.type" {
				seen = append(seen, *c.Value)
			}
		}
		return strings.Join(seen, ",")
	}
	if got := describe(); got != "LogAppendTime" {
		t.Errorf("created: %q", got)
	}
	_, err := adm.AlterTopicConfigs(soon(t), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.timestamp.type", Value: &createTime}}, "t")
	if got := describe(); err != nil || got != "LogAppendTime" {
		t.Errorf("altered: %q, %v", got, err)
	}
	if _, err := adm.AlterTopicConfigsState(soon(t), []kadm.AlterConfig{{Name: "retention.ms", Value: kmsg.StringPtr("1")}}, "t"); err != nil {
		t.Fatal(err)
	}
	if got := describe(); got != "LogAppendTime" {
		t.Errorf("replaced: %q", got)
	}
}

func TestCreatedTopicsSayWhereTheirSettingsComeFrom(t *testing.T) {
	b := start(t, Config{})
	req := kmsg.NewPtrCreateTopicsRequest()
	rt := kmsg.NewCreateTopicsRequestTopic()
	rt.Topic, rt.NumPartitions, rt.ReplicationFactor = "t", 1, 1
	rc := kmsg.NewCreateTopicsRequestTopicConfig()
	rc.Name, rc.Value = "retention.ms", kmsg.StringPtr("5")
	rt.Configs = append(rt.Configs, rc)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(soon(t), client(t, b))
	if err != nil || len(resp.Topics) != 1 || len(resp.Topics[0].Configs) != 2 {
		t.Fatalf("%+v, %v", resp, err)
	}
	for _, c := range resp.Topics[0].Configs {
		if c.Source != sourceTopic {
			t.Errorf("%s has source %d: Java's admin client fails on it", c.Name, c.Source)
		}
	}
}

func TestDescribedPartitionsHaveNoNullLists(t *testing.T) {
	b := start(t, Config{})
	createTopic(t, b, "t", 2, nil)
	req := kmsg.NewPtrDescribeTopicPartitionsRequest()
	rt := kmsg.NewDescribeTopicPartitionsRequestTopic()
	rt.Topic = "t"
	req.Topics = append(req.Topics, rt)
	req.ResponsePartitionLimit = 100
	resp, err := req.RequestWith(soon(t), client(t, b))
	if err != nil || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 2 {
		t.Fatalf("%+v, %v", resp, err)
	}
	for _, p := range resp.Topics[0].Partitions {
		if p.EligibleLeaderReplicas == nil || p.LastKnownELR == nil {
			t.Errorf("partition %d: a null list: Java's admin client fails on it", p.Partition)
		}
	}
}

func TestDeletingAllRecordsKeepsTheOffsets(t *testing.T) {
	dir := t.TempDir()
	b := start(t, Config{Dir: dir})
	createTopic(t, b, "t", 2, nil)
	for i := range 5 {
		produce(t, client(t, b), lie(0, i))
	}
	for _, upTo := range []int64{-1, 5} {
		var os kadm.Offsets
		os.AddOffset("t", 0, upTo, -1)
		if _, err := kadm.NewClient(client(t, b)).DeleteRecords(soon(t), os); err != nil {
			t.Fatal(err)
		}
	}
	b.Close()
	b = start(t, Config{Dir: dir})
	p := client(t, b)
	r := lie(0, 9)
	produce(t, p, r)
	if r.Offset != 5 {
		t.Fatalf("after deleting all and restarting, the next offset is %d, want 5", r.Offset)
	}
}

func TestUnknownTopicsAreNotCreated(t *testing.T) {
	b := start(t, Config{})
	c := client(t, b, kgo.AllowAutoTopicCreation())
	err := c.ProduceSync(soon(t), &kgo.Record{Topic: "absent", Value: []byte("v")}).FirstErr()
	if !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Fatalf("produce to an absent topic: %v", err)
	}
}

func TestManyRequestsOutliveOneHook(t *testing.T) {
	c := &clock{}
	b := start(t, Config{Now: c.now})
	createTopic(t, b, "t", 1, nil)
	p := client(t, b, kgo.ProducerLinger(0))
	const n = 3*hookLife + 5
	for i := range n {
		c.ms.Store(t0 + int64(i))
		produce(t, p, lie(0, i))
	}
	for i, r := range consume(t, b, "t", n)[0] {
		requireStamped(t, r, t0+int64(i))
	}
}
