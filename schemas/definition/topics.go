package definition

// RegistryTopic is the topic of a project's registry log, in every region.
func RegistryTopic(project string) string { return project + ".registry" }

// ClosedTopic is the topic in a receiving region where other regions say up to
// which time their logs are closed.
func ClosedTopic(project string) string { return project + ".closed" }

// RepairsTopic is the topic in a receiving region where it asks other regions
// for full rounds.
func RepairsTopic(project string) string { return project + ".repairs" }

// DeltaTopic is the topic in a receiving region that takes the rounds of one
// stream from one origin.
func DeltaTopic(project, stream, origin string) string {
	return project + ".deltas." + stream + "." + origin
}

// QuarantineTopic is the topic that keeps the quarantined records of a
// stream's topic.
func QuarantineTopic(topic string) string { return topic + ".quarantine" }

// Subject is the schema registry's subject of a stream's topic.
func Subject(topic string) string { return topic + "-value" }
