package definition

// RetractionsTopic is the topic in a region where it takes back events of a
// stream's topic that another region had accepted before.
func RetractionsTopic(topic string) string { return topic + ".retractions" }

// SharesIDs reports whether copies of one event may be accepted by several
// regions, so that they exchange the ids of the stream.
func (p *Project) SharesIDs(s *Stream) bool { return !s.EventID.None() && len(p.Regions) > 1 }

// IDsHash is 16 hexadecimal digits that stand for all that decides which ids a
// stream's events have.
func IDsHash(p *Project, s *Stream) string {
	return hashOf(struct {
		IDs streamMeaning `json:"ids"`
	}{meaningOf(p, s)})
}
