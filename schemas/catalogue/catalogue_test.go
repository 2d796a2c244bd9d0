package catalogue

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/evolve"
)

const orderSchema = `{"type":"record","name":"Order","fields":[{"name":"user_id","type":"long"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"item","type":"string"}]}`

const shop = `project: shop
regions: [{name: eu}]
entities: [{name: user, join_keys: [{name: user_id, type: int64}]}]
streams:
  - {name: orders, entity: user, schema: order.avsc, event_timestamp: at}
feature_views:
  - name: spending
    stream: orders
    features:
      - {name: orders_1h, kind: count, window: 1h}
      - {name: items, kind: recent, of: item, k: 10}
  - {name: other, stream: orders, features: [{name: n, kind: count}]}
feature_services:
  - {name: checkout, features: ["spending:*"]}
`

func sources(yaml string) []definition.File {
	return []definition.File{{Name: "shop.yaml", Data: []byte(yaml)}, {Name: "order.avsc", Data: []byte(orderSchema)}}
}

func project(t testing.TB, edits ...string) *definition.Project {
	t.Helper()
	yaml := strings.NewReplacer(edits...).Replace(shop)
	if len(edits) > 0 && yaml == shop {
		t.Fatalf("%q changes nothing", edits)
	}
	p, err := definition.Parse(sources(yaml))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func apply(id string, expected uint64, p *definition.Project) *Command {
	return &Command{ID: id, Expected: expected, Kind: Apply, Project: p}
}

// history steps through commands at offsets 0, 1, 2…, each expecting the
// version before it.
func history(projects ...*definition.Project) State {
	var s State
	for i, p := range projects {
		s, _ = s.Step(apply(fmt.Sprint("c", i), uint64(i), p), int64(i))
	}
	return s
}

func TestViewVersions(t *testing.T) {
	base := project(t)
	hash := func(p *definition.Project, name string) string { return definition.ViewHash(p, p.View(name)) }
	cases := []struct {
		name  string
		edits [][]string // one project after another, each from the shop
		want  []View     // without hashes
	}{
		{"first", nil, []View{{"spending", 1, "", 0}, {"other", 1, "", 0}}},
		{"metadata", [][]string{{"stream: orders\n", "stream: orders\n    owner: x\n    policy: {mode: session}\n"}}, []View{{"spending", 1, "", 0}, {"other", 1, "", 0}}},
		{"feature added", [][]string{{"      - {name: items", "      - {name: n, kind: count}\n      - {name: items"}}, []View{{"spending", 1, "", 1}, {"other", 1, "", 0}}},
		{"feature changed", [][]string{{"k: 10", "k: 9"}}, []View{{"spending", 2, "", 1}, {"other", 1, "", 0}}},
		{"feature removed", [][]string{{"      - {name: orders_1h, kind: count, window: 1h}\n", ""}}, []View{{"spending", 2, "", 1}, {"other", 1, "", 0}}},
		{"changed and back", [][]string{{"k: 10", "k: 9"}, {}}, []View{{"spending", 3, "", 2}, {"other", 1, "", 0}}},
		{"stream changed", [][]string{{"event_timestamp: at", "event_timestamp: at, max_future: 1m"}}, []View{{"spending", 2, "", 1}, {"other", 2, "", 1}}},
		{"removed", [][]string{{"  - {name: other, stream: orders, features: [{name: n, kind: count}]}\n", ""}}, []View{{"spending", 1, "", 0}}},
		{"removed and back", [][]string{{"  - {name: other, stream: orders, features: [{name: n, kind: count}]}\n", ""}, {}}, []View{{"spending", 1, "", 0}, {"other", 2, "", 2}}},
		{"long gone and back", [][]string{{"  - {name: other, stream: orders, features: [{name: n, kind: count}]}\n", ""}, {"  - {name: other, stream: orders, features: [{name: n, kind: count}]}\n", ""}, {}, {"kind: count}]", "kind: count, where: item == 'x'}]"}},
			[]View{{"spending", 1, "", 0}, {"other", 3, "", 4}}},
		{"service alone", [][]string{{"spending:*", "spending:items"}}, []View{{"spending", 1, "", 0}, {"other", 1, "", 0}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			projects := []*definition.Project{base}
			for _, edits := range c.edits {
				projects = append(projects, project(t, edits...))
			}
			last := projects[len(projects)-1]
			before := history(projects[:len(projects)-1]...)
			plan := before.Plan(last)
			s := history(projects...)
			for i := range c.want {
				c.want[i].Hash = hash(last, c.want[i].Name)
			}
			if !reflect.DeepEqual(s.Views, c.want) {
				t.Errorf("views\n%+v, want\n%+v", s.Views, c.want)
			}
			for i, v := range plan.Views {
				if v.BuiltFrom < 0 {
					plan.Views[i].BuiltFrom = s.Next - 1
				}
			}
			if !reflect.DeepEqual(plan.Views, s.Views) {
				t.Errorf("planned\n%+v, became\n%+v", plan.Views, s.Views)
			}
		})
	}
}

func TestFirstCommandOfAVersionWins(t *testing.T) {
	one, two := project(t), project(t, "k: 10", "k: 9")
	var s State
	var verdicts []Verdict
	for offset, c := range []*Command{apply("a", 0, one), apply("b", 0, two), apply("a", 0, one), apply("b2", 1, two), apply("ahead", 9, one), apply("b", 0, two)} {
		var v Verdict
		s, v = s.Step(c, int64(offset))
		verdicts = append(verdicts, v)
	}
	want := []Verdict{{Accepted, 1}, {Stale, 1}, {Repeated, 1}, {Accepted, 2}, {Stale, 2}, {Stale, 2}}
	if !reflect.DeepEqual(verdicts, want) {
		t.Errorf("verdicts %v, want %v", verdicts, want)
	}
	if s.Version != 2 || s.Next != 6 || s.Project != two {
		t.Errorf("state %+v", s)
	}
}

func TestAReplayedOffsetChangesNothing(t *testing.T) {
	p := project(t)
	s, _ := State{}.Step(apply("early", 1, p), 0) // stale: the catalogue is at 0
	s, _ = s.Step(apply("a", 0, p), 1)
	again, v := s.Step(apply("early", 1, p), 0)
	if v.Outcome != Stale || !reflect.DeepEqual(again, s) {
		t.Errorf("verdict %v, state %+v, want %+v", v, again, s)
	}
}

func TestOnlyTheFirstSecretCounts(t *testing.T) {
	p := project(t)
	var s State
	for i, secret := range []string{"", "first secret of all", "second secret, later"} {
		c := apply(fmt.Sprint(i), uint64(i), p)
		c.Secret = []byte(secret)
		s, _ = s.Step(c, int64(i))
	}
	if string(s.Secret) != "first secret of all" {
		t.Errorf("secret %q", s.Secret)
	}
}

func TestManyCommandsAreForgottenByIDNotByVersion(t *testing.T) {
	p := project(t)
	var s State
	for i := range uint64(rememberedIDs + 5) {
		s, _ = s.Step(apply(fmt.Sprint("c", i), i, p), int64(i))
	}
	for id, want := range map[uint64]Outcome{0: Stale, 4: Stale, 5: Repeated, rememberedIDs + 4: Repeated} {
		if _, v := s.Step(apply(fmt.Sprint("c", id), id, p), s.Next); v.Outcome != want {
			t.Errorf("command %d: %v, want %v", id, v.Outcome, want)
		}
	}
	if len(s.ids) != rememberedIDs {
		t.Errorf("%d ids remembered", len(s.ids))
	}
}

func TestSkipMovesOnly(t *testing.T) {
	s := history(project(t))
	skipped := s.Skip(s.Next)
	if skipped.Next != s.Next+1 {
		t.Errorf("next %d", skipped.Next)
	}
	skipped.Next = s.Next
	if !reflect.DeepEqual(skipped, s) {
		t.Error("Skip changed more than Next")
	}
}

func TestPlanRefusesPinsThatAreNotServed(t *testing.T) {
	s := history(project(t))
	for edit, refused := range map[string]bool{"spending@v1:*": false, "spending@v2:*": true} {
		plan := s.Plan(project(t, "spending:*", edit))
		if plan.Refused() != refused {
			t.Errorf("%s: refused %v, changes %v", edit, plan.Refused(), plan.Changes)
		}
		if refused && !strings.Contains(plan.Changes[len(plan.Changes)-1].Consequence, "not built yet") {
			t.Errorf("%v", plan.Changes)
		}
	}
	if plan := s.Plan(project(t)); !plan.Empty() || plan.Refused() {
		t.Errorf("plan of the same: %v", plan.Changes)
	}
	if plan := s.Plan(project(t, "project: shop", "project: market")); evolve.Worst(plan.Changes) != evolve.Refused {
		t.Errorf("plan of another project: %v", plan.Changes)
	}
}

// model is the catalogue told naively: who was first at each version.
type model struct {
	accepted []string
}

func (m *model) step(id string, expected uint64) Outcome {
	for _, other := range m.accepted {
		if other == id {
			return Repeated
		}
	}
	if expected != uint64(len(m.accepted)) {
		return Stale
	}
	m.accepted = append(m.accepted, id)
	return Accepted
}

// applier is a writer of commands: it reads some prefix of the log, writes, may
// write again when it lost the reply, and tries anew when it was stale.
type applier struct {
	name    string
	tries   int
	pending *Command
}

func (a *applier) write(t *rapid.T, known State, p *definition.Project) *Command {
	if a.pending == nil || !rapid.Bool().Draw(t, "again") {
		a.tries++
		a.pending = apply(fmt.Sprintf("%s-%d", a.name, a.tries), known.Version, p)
	}
	return a.pending
}

// TestRacingAppliersAgree: whatever the interleaving of writers that have read
// as far as they happen to, every reader of the log comes to the same catalogue
// and the same verdicts, which are those of the model.
func TestRacingAppliersAgree(t *testing.T) {
	projects := []*definition.Project{project(t), project(t, "k: 10", "k: 9"), project(t, "window: 1h", "window: 2h"), project(t, "      - {name: items", "      - {name: n, kind: count}\n      - {name: items")}
	rapid.Check(t, func(t *rapid.T) {
		var log []*Command
		states := []State{{}} // after each prefix
		var verdicts []Verdict
		var naive model
		writers := []*applier{{name: "a"}, {name: "b"}, {name: "c"}}
		for range rapid.IntRange(1, 12).Draw(t, "writes") {
			w := rapid.SampledFrom(writers).Draw(t, "writer")
			known := states[rapid.IntRange(max(0, len(states)-3), len(states)-1).Draw(t, "read")]
			c := w.write(t, known, rapid.SampledFrom(projects).Draw(t, "project"))
			s, v := states[len(states)-1].Step(c, int64(len(log)))
			if want := naive.step(c.ID, c.Expected); v.Outcome != want {
				t.Fatalf("command %s at %d: %v, want %v", c.ID, len(log), v, want)
			}
			log, states, verdicts = append(log, c), append(states, s), append(verdicts, v)
		}
		if last := states[len(states)-1]; last.Version != uint64(len(naive.accepted)) {
			t.Fatalf("version %d, %d accepted", last.Version, len(naive.accepted))
		}
		agree(t, log, states, verdicts)
	})
}

// agree reads the log anew from its bytes, and again from a snapshot in its
// middle with some records seen twice.
func agree(t *rapid.T, log []*Command, states []State, verdicts []Verdict) {
	var s State
	for i, c := range log {
		b, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		d, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		var v Verdict
		s, v = s.Step(d, int64(i))
		if v != verdicts[i] || !reflect.DeepEqual(s.Views, states[i+1].Views) || s.Version != states[i+1].Version {
			t.Fatalf("a second reader at %d: %v %+v, want %v %+v", i, v, s.Views, verdicts[i], states[i+1].Views)
		}
	}
	at := rapid.IntRange(0, len(log)).Draw(t, "snapshot")
	s = states[at]
	for i := max(0, at-2); i < len(log); i++ {
		s, _ = s.Step(log[i], int64(i))
	}
	if !reflect.DeepEqual(s, states[len(log)]) {
		t.Fatalf("a reader that starts in the middle: %+v, want %+v", s, states[len(log)])
	}
}
