package worker

import (
	"fmt"
	"strings"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/pipelines/fold"
	"anabranch.dev/anabranch/schemas/definition"
)

// The ids of a stream that several regions accept are worked on like a view
// without features: one pipeline folds the own log and takes rounds of the other
// regions, and knows by them which own records are copies. It begins with a sign
// that no view's name has.
const idsMark = "^"

func idsName(stream string) string { return idsMark + stream }

// addIDs adds the ids of the streams whose ids are shared.
func (a *adoption) addIDs() {
	for i := range a.project.Streams {
		s := &a.project.Streams[i]
		if !a.project.SharesIDs(s) {
			continue
		}
		name := idsName(s.Name)
		a.instances[name] = definition.IDsHash(a.project, s)
		a.keys[name] = fmt.Sprintf("%s|%v", a.instances[name], a.project.Regions)
	}
}

// open opens the state of a view, or of a stream's ids.
func (r *Region) open(a adoption, name string, prog *fold.Program) (*state.View, error) {
	stream, ids := strings.CutPrefix(name, idsMark)
	if !ids {
		return r.cfg.Store.OpenView(name, a.instances[name], a.versions[name], r.cfg.Region, prog)
	}
	prog, err := fold.Compile(a.project, &definition.View{Name: name, Stream: stream})
	if err != nil {
		return nil, fmt.Errorf("ids of stream %s: %w", stream, err)
	}
	return r.cfg.Store.OpenIDs(name, a.instances[name], r.cfg.Region, prog)
}
