package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"anabranch.dev/anabranch/connectors/kafka"
	"anabranch.dev/anabranch/schemas/catalogue"
	"anabranch.dev/anabranch/schemas/definition"
)

// TopicError says that a topic exists with settings that would break the fold.
type TopicError struct {
	Topic string
	Found string
	Want  string
	Mend  string // a command
}

// Error is one line with the command that mends it.
func (e *TopicError) Error() string {
	return fmt.Sprintf("topic %s has %s, want %s; mend it with: %s", e.Topic, e.Found, e.Want, e.Mend)
}

// EnsureTopics creates the topics that a project needs in one region's Kafka
// and checks those that exist. It changes no topic that exists.
func EnsureTopics(ctx context.Context, k *kafka.Client, p *definition.Project, region string) error {
	return ensureTopics(ctx, k, ProjectTopics(p, region)...)
}

// MaxBatchBytes bounds a record batch of the topics that are Anabranch's own:
// a command with its files, or a wave of rounds.
const MaxBatchBytes = catalogue.MaxCommandBytes + 1<<16

// RegistryTopic is the topic of a project's registry log, to be created before
// anything else.
func RegistryTopic(project string) kafka.NewTopic {
	return kafka.NewTopic{Name: definition.RegistryTopic(project), Partitions: 1, Config: roomy(forever())}
}

// roomy lets a topic take batches of MaxBatchBytes.
func roomy(config map[string]string) map[string]string {
	config["max.message.bytes"] = strconv.Itoa(MaxBatchBytes)
	return config
}

// EnsureTopic creates one topic if it is missing and checks it otherwise.
func EnsureTopic(ctx context.Context, k *kafka.Client, t kafka.NewTopic) error {
	return ensureTopics(ctx, k, t)
}

// ProjectTopics lists the topics of a project in one region.
func ProjectTopics(p *definition.Project, region string) []kafka.NewTopic {
	list := []kafka.NewTopic{
		RegistryTopic(p.Name),
		{Name: definition.ClosedTopic(p.Name), Partitions: 1, Config: retained(time.Hour)},
		{Name: definition.RepairsTopic(p.Name), Partitions: 1, Config: retained(24 * time.Hour)},
	}
	seen := map[string]bool{}
	for i := range p.Streams {
		s := &p.Streams[i]
		if !seen[s.Topic] {
			seen[s.Topic] = true
			list = append(list,
				kafka.NewTopic{Name: s.Topic, Partitions: s.Partitions, Config: forever()},
				kafka.NewTopic{Name: definition.QuarantineTopic(s.Topic), Partitions: s.Partitions, Config: roomy(forever())})
		}
		if topic := definition.RetractionsTopic(s.Topic); p.SharesIDs(s) && !seen[topic] {
			seen[topic] = true
			list = append(list, kafka.NewTopic{Name: topic, Partitions: s.Partitions, Config: roomy(forever())})
		}
		for _, origin := range p.Regions {
			if origin != region {
				list = append(list, kafka.NewTopic{
					Name: definition.DeltaTopic(p.Name, s.Name, origin), Partitions: s.Partitions, Config: retained(7 * 24 * time.Hour),
				})
			}
		}
	}
	return list
}

// forever is the settings of a log that is a source of truth.
func forever() map[string]string {
	return map[string]string{
		"cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime",
		"retention.ms": "-1", "retention.bytes": "-1",
	}
}

func retained(d time.Duration) map[string]string {
	return map[string]string{
		"max.message.bytes": strconv.Itoa(MaxBatchBytes),
		"cleanup.policy":    "delete", "message.timestamp.type": "LogAppendTime",
		"retention.ms": fmt.Sprint(d.Milliseconds()),
	}
}

func ensureTopics(ctx context.Context, k *kafka.Client, list ...kafka.NewTopic) error {
	var made []kafka.TopicPartition
	for _, t := range list {
		created, err := ensureTopic(ctx, k, t)
		if err != nil {
			return err
		}
		for n := int32(0); created && n < t.Partitions; n++ {
			made = append(made, kafka.TopicPartition{Topic: t.Name, Partition: n})
		}
	}
	return settled(ctx, k, made)
}

// ensureTopic reports whether it created the topic.
func ensureTopic(ctx context.Context, k *kafka.Client, t kafka.NewTopic) (bool, error) {
	have, err := k.Topic(ctx, t.Name)
	if errors.Is(err, kafka.ErrNoTopic) {
		if err = k.CreateTopic(ctx, t); err == nil {
			return true, nil
		}
		if !errors.Is(err, kafka.ErrTopicExists) {
			return false, err
		}
		have, err = k.Topic(ctx, t.Name)
	}
	if err != nil {
		return false, err
	}
	if n := int32(len(have.Partitions)); n != t.Partitions {
		return false, &TopicError{Topic: t.Name, Found: fmt.Sprintf("%d partitions", n), Want: fmt.Sprint(t.Partitions),
			Mend: fmt.Sprintf("set partitions: %d in the definition, or delete the topic if nothing in it counts", n)}
	}
	return false, checkSettings(ctx, k, t)
}

func checkSettings(ctx context.Context, k *kafka.Client, t kafka.NewTopic) error {
	config, err := k.TopicConfig(ctx, t.Name)
	if err != nil {
		return err
	}
	for _, name := range []string{"message.timestamp.type", "cleanup.policy"} {
		if config[name] != t.Config[name] {
			return &TopicError{Topic: t.Name, Found: name + "=" + config[name], Want: t.Config[name],
				Mend: fmt.Sprintf("kafka-configs.sh --bootstrap-server BROKER --alter --topic %s --add-config %s=%s", t.Name, name, t.Config[name])}
		}
	}
	return nil
}

// settled waits until topics that were created can be asked for.
func settled(ctx context.Context, k *kafka.Client, made []kafka.TopicPartition) error {
	if len(made) == 0 {
		return nil
	}
	for wait := 5 * time.Millisecond; ; wait *= 2 {
		_, err := k.StartOffsets(ctx, made)
		if err == nil || wait > 5*time.Second {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}
