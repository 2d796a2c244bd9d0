package evolve

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

const schema = `{"type":"record","name":"Order","fields":[
  {"name":"id","type":"string"}, {"name":"customer","type":"long"}, {"name":"other","type":"long"},
  {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}, {"name":"known","type":{"type":"long","logicalType":"timestamp-millis"}},
  {"name":"item","type":"string"}]}`

const shop = `project: shop
regions: [{name: eu}, {name: us}]
bases: [{name: items, version: 1, data: b25l}, {name: items, version: 2, data: dHdv}]
entities:
  - {name: user, join_keys: [{name: user_id, type: int64}]}
  - {name: lonely, join_keys: [{name: id, type: string}]}
streams:
  - {name: orders, entity: user, schema: order.avsc, key: {user_id: customer}, event_timestamp: at, event_id: id}
  - {name: spare, entity: user, schema: order.avsc, key: {user_id: customer}, event_timestamp: at}
feature_views:
  - name: spending
    stream: orders
    ttl: 90d
    features:
      - {name: orders_1h, kind: count, window: 1h}
      - {name: items, kind: recent, of: item, k: 10}
feature_services:
  - {name: checkout, features: ["spending:*"]}
`

func parse(t testing.TB, yaml, avsc string) *definition.Project {
	t.Helper()
	p, err := definition.Parse([]definition.File{{Name: "shop.yaml", Data: []byte(yaml)}, {Name: "order.avsc", Data: []byte(avsc)}})
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return p
}

// TestDiff changes the shop at one place and wants these changes and no others.
// The first word of each is the severity.
func TestDiff(t *testing.T) {
	views := "each view on it gets a new version, folded from the log's start"
	cases := []struct {
		name, old, new string
		want           []string
		view           Severity // of spending
	}{
		{"nothing", "", "", nil, Unchanged},
		{"project", "project: shop", "project: market", []string{
			"refused project market changed (name: shop → market): refused: topics and state carry the project's name; apply it to regions of its own",
			"refused stream orders changed (topic: shop.orders → market.orders): refused: its views' state is bound to it; define a new stream",
			"metadata stream spare changed (topic: shop.spare → market.spare): no view folds it yet: metadata only",
		}, Semantic},
		{"region added", "{name: us}", "{name: us}, {name: ap}", []string{"additive region ap added: it mirrors with the others from its log's start"}, Unchanged},
		{"region removed", ", {name: us}", "", []string{"refused region us removed: refused: values hold events of its log; a region cannot be removed"}, Unchanged},
		{"leader changed", "{name: eu}, {name: us}", "{name: us}, {name: eu}", []string{"refused project shop changed (regions: eu, us → us, eu): refused: the first region leads the registry and cannot change; keep eu first"}, Unchanged},
		{"region put first", "{name: eu}", "{name: ap}, {name: eu}", []string{
			"additive region ap added: it mirrors with the others from its log's start",
			"refused project shop changed (regions: eu, us → ap, eu, us): refused: the first region leads the registry and cannot change; keep eu first",
		}, Unchanged},
		{"entity added", "streams:", "  - {name: item}\nstreams:", []string{"metadata entity item added: metadata only"}, Unchanged},
		{"entity removed", "  - {name: lonely, join_keys: [{name: id, type: string}]}\n", "", []string{"metadata entity lonely removed: metadata only"}, Unchanged},
		{"entity described", "{name: user,", "{name: user, description: who buys,", []string{"metadata entity user changed (description: none → who buys): metadata only"}, Unchanged},
		{"keys of a folded entity", "user_id, type: int64}]}", "user_id, type: int64}, {name: other, type: int64}]}", []string{
			"refused entity user changed (join_keys: user_id int64 → user_id int64, other int64): refused: the views on stream orders are keyed by it; define a new entity and a new stream",
			"refused stream orders changed (key: user_id int64 from customer → user_id int64 from customer, other int64 from other): refused: its views' state is bound to it; define a new stream",
			"metadata stream spare changed (key: user_id int64 from customer → user_id int64 from customer, other int64 from other): no view folds it yet: metadata only",
		}, Semantic},
		{"keys of another entity", "id, type: string}", "id, type: bytes}", []string{"metadata entity lonely changed (join_keys: id string → id bytes): metadata only"}, Unchanged},
		{"stream added", "feature_views:", "  - {name: more, entity: user, schema: order.avsc, key: {user_id: customer}, event_timestamp: at}\nfeature_views:", []string{"additive stream more added: its topic is created in every region, or checked if it is there"}, Unchanged},
		{"stream removed", "  - {name: spare, entity: user, schema: order.avsc, key: {user_id: customer}, event_timestamp: at}\n", "", []string{"semantic stream spare removed: no longer read; its topic stays in Kafka"}, Unchanged},
		{"topic", "event_id: id", "event_id: id, topic: t", []string{"refused stream orders changed (topic: shop.orders → t): refused: its views' state is bound to it; define a new stream"}, Semantic},
		{"partitions", "event_id: id", "event_id: id, partitions: 9", []string{"refused stream orders changed (partitions: 8 → 9): refused: its views' state is bound to it; define a new stream"}, Semantic},
		{"key", "customer}, event_timestamp: at, event_id", "other}, event_timestamp: at, event_id", []string{"refused stream orders changed (key: user_id int64 from customer → user_id int64 from other): refused: its views' state is bound to it; define a new stream"}, Semantic},
		{"partitions of a stream without views", "event_timestamp: at}", "event_timestamp: at, partitions: 9}", []string{"metadata stream spare changed (partitions: 8 → 9): no view folds it yet: metadata only"}, Unchanged},
		{"event time", "event_timestamp: at, event_id", "event_timestamp: known, event_id", []string{"semantic stream orders changed (event_timestamp: at → known): " + views}, Semantic},
		{"created time", "event_id: id", "event_id: id, created_timestamp: known", []string{"semantic stream orders changed (created_timestamp: append → known): " + views}, Semantic},
		{"event id", "event_id: id", "event_id: 'header:id'", []string{"semantic stream orders changed (event_id: id → header:id): " + views}, Semantic},
		{"no event id", ", event_id: id", "", []string{
			"semantic stream orders changed (event_id: id → none): " + views,
			"semantic stream orders changed (event_id_horizon: 7d → none): " + views,
		}, Semantic},
		{"horizon of nothing", "event_timestamp: at}", "event_timestamp: at, event_id_horizon: 1d}", nil, Unchanged},
		{"future", "event_id: id", "event_id: id, max_future: 1m", []string{"semantic stream orders changed (max_future: 5m → 1m): " + views}, Semantic},
		{"stream's owner", "event_id: id", "event_id: id, owner: x, tags: {a: b}", []string{
			"metadata stream orders changed (owner: none → x): metadata only",
			`metadata stream orders changed (tags: none → {"a":"b"}): metadata only`,
		}, Metadata},
		{"view added", "feature_services:", "  - {name: v, stream: spare, features: [{name: n, kind: count}]}\nfeature_services:", []string{"additive view v added: folded from the log's start before it serves"}, Unchanged},
		{"view moved", "stream: orders", "stream: spare", []string{"semantic view spending changed (stream: orders → spare): new version, folded from the log's start before it serves"}, Semantic},
		{"ttl", "    ttl: 90d\n", "", []string{"semantic view spending changed (ttl: 90d → none): new version, folded from the log's start before it serves"}, Semantic},
		{"where", "    ttl: 90d", "    where: id != ''\n    ttl: 90d", []string{"semantic view spending changed (where: none → id != ''): new version, folded from the log's start before it serves"}, Semantic},
		{"policy", "    ttl: 90d", "    policy: {mode: session, residency: [us]}\n    max_bytes_per_key: 5\n    ttl: 90d", []string{
			`metadata view spending changed (policy: none → mode session, residency ["us"]): metadata only`,
			"metadata view spending changed (max_bytes_per_key: none → 5): metadata only",
		}, Metadata},
		{"feature added", "      - {name: items", "      - {name: n, kind: count}\n      - {name: items", []string{"additive feature spending:n added: same version; the view is folded again from the log's start before it serves"}, Additive},
		{"feature removed", "      - {name: orders_1h, kind: count, window: 1h}\n", "", []string{"semantic feature spending:orders_1h removed: the view gets a new version, folded from the log's start before it serves"}, Semantic},
		{"feature changed", "k: 10", "k: 11", []string{"semantic feature spending:items changed (k: 10 → 11): the view gets a new version, folded from the log's start before it serves"}, Semantic},
		{"feature described", "k: 10", "k: 10, description: d", []string{"metadata feature spending:items changed (description: none → d): metadata only"}, Metadata},
		{"features in another order", "      - {name: orders_1h, kind: count, window: 1h}\n      - {name: items, kind: recent, of: item, k: 10}\n", "      - {name: items, kind: recent, of: item, k: 10}\n      - {name: orders_1h, kind: count, window: 1h}\n", []string{
			"additive view spending changed (order: orders_1h, items → items, orders_1h): same version; the view is folded again from the log's start before it serves",
		}, Additive},
		{"service added", "  - {name: checkout", "  - {name: s, features: ['spending:items']}\n  - {name: checkout", []string{"additive service s added: served once its views are"}, Unchanged},
		{"service changed", "spending:*", "spending:items", []string{"semantic service checkout changed (features: spending:* → spending:items): answers hold the new list at once"}, Unchanged},
	}
	base := parse(t, shop, schema)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(shop, c.old, c.new, 1)
			if changed == shop && c.old != "" {
				t.Fatalf("%q is not in the example", c.old)
			}
			next := parse(t, changed, schema)
			expect(t, Diff(base, next), c.want)
			if got := OfView(base, next, "spending"); got != c.view {
				t.Errorf("OfView: %v, want %v", got, c.view)
			}
		})
	}
}

// TestParametersAreCompared changes one parameter of a kind and wants that one
// change.
func TestParametersAreCompared(t *testing.T) {
	semantic, noted := ": the view gets a new version, folded from the log's start before it serves", ": metadata only"
	cases := []struct{ old, new, want string }{
		{"kind: mean, of: other", "kind: mean, of: other, weight: customer", "semantic (weight: none → customer)" + semantic},
		{"kind: mean, of: other, as: decimal", "kind: mean, of: other", "semantic (as: decimal → none)" + semantic},
		{"kind: max, of: other, window: 1h", "kind: max, of: other, window: 1h, exact: true", "semantic (exact: false → true)" + semantic},
		{"kind: set, of: item, remove_where: 'other > 1'", "kind: set, of: item, remove_where: 'other > 1', removes: observed", "semantic (removes: latest → observed)" + semantic},
		{"kind: top, of: item, k: 3", "kind: top, of: item, k: 4", "semantic (k: 3 → 4)" + semantic},
		{"kind: top, of: item, k: 3", "kind: top, of: item, k: 3, by: other", "semantic (by: 1 → other)" + semantic},
		{"kind: top, of: item, k: 3", "kind: top, of: item, k: 3, error: 0.001", "semantic (error: 0.01 → 0.001)" + semantic},
		{"kind: quantiles, of: other", "kind: quantiles, of: other, q: [0.5]", "semantic (q: 0.5, 0.99 → 0.5)" + semantic},
		{"kind: quantiles, of: other, q: [1]", "kind: quantiles, of: other, q: [0]", "semantic (q: 1 → 0)" + semantic},
		{"kind: quantiles, of: other", "kind: quantiles, of: other, relative_error: 2e-2", "semantic (relative_error: 0.01 → 0.02)" + semantic},
		{"kind: ema, of: other, half_life: 1h", "kind: ema, of: other, half_life: 2h", "semantic (half_life: 1h → 2h)" + semantic},
		{"kind: vector_sum, of: '[other]', dim: 1", "kind: vector_sum, of: '[other]', dim: 2", "semantic (dim: 1 → 2)" + semantic},
		{"kind: vector_sum, of: '[other]', dim: 1", "kind: vector_sum, of: '[other]', dim: 1, bits: 8", "semantic (bits: none → 8)" + semantic},
		{"kind: low_rank, of: '[other]', basis: items@1", "kind: low_rank, of: '[other]', basis: items@2", "semantic (basis: items@1 → items@2)" + semantic},
		{"kind: count", "kind: count, error_budget: 0.5", "metadata (error_budget: none → 0.5)" + noted},
		{"kind: count, discrepancy: abs", "kind: count, sensitivity: 1e-3", "metadata (sensitivity: none → 0.001)" + noted},
		{"kind: count, discrepancy: abs", "kind: count, discrepancy: squared", "metadata (discrepancy: abs → squared)" + noted},
		{"kind: mean, of: other", "kind: mean, of: other, weight: 1", ""},
		{"kind: quantiles, of: other", "kind: quantiles, of: other, q: [.5, 99e-2], relative_error: 0.010", ""},
	}
	with := func(feature string) *definition.Project {
		return parse(t, strings.Replace(shop, "kind: recent, of: item, k: 10", feature, 1), schema)
	}
	for _, c := range cases {
		old, next := with(c.old), with(c.new)
		var want []string
		if severity, rest, ok := strings.Cut(c.want, " "); ok {
			want = append(want, severity+" feature spending:items changed "+rest)
		}
		expect(t, Diff(old, next), want)
		same := definition.ViewHash(old, &old.Views[0]) == definition.ViewHash(next, &next.Views[0])
		if same != (OfView(old, next, "spending") <= Metadata) {
			t.Errorf("%s → %s: view hash stays: %v", c.old, c.new, same)
		}
	}
}

func TestBasesKeepWhatTheyHold(t *testing.T) {
	used := strings.Replace(shop, "kind: recent, of: item, k: 10", "kind: low_rank, of: '[other]', basis: items@1", 1)
	other := strings.NewReplacer("b25l", "b3RoZXI=")
	for _, c := range []struct {
		name, old, new string
		want           []string
		view           Severity
	}{
		{"changed", used, other.Replace(used), []string{"refused basis items@1 changed (content): refused: views use it as it was; give this one a new version: {name: items, version: 3}"}, Semantic},
		{"changed and used by none", shop, other.Replace(shop), []string{"metadata basis items@1 changed (content): no view uses it yet: metadata only"}, Unchanged},
		{"another changed", used, strings.Replace(used, "dHdv", "b3RoZXI=", 1), []string{"metadata basis items@2 changed (content): no view uses it yet: metadata only"}, Unchanged},
		{"added", used, strings.Replace(used, "bases: [", "bases: [{name: more, version: 1, data: aGk=}, ", 1), []string{"metadata basis more@1 added: metadata only"}, Unchanged},
		{"removed", used, strings.Replace(used, ", {name: items, version: 2, data: dHdv}", "", 1), []string{"metadata basis items@2 removed: metadata only"}, Unchanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			old, next := parse(t, c.old, schema), parse(t, c.new, schema)
			expect(t, Diff(old, next), c.want)
			if got := OfView(old, next, "spending"); got != c.view {
				t.Errorf("OfView: %v, want %v", got, c.view)
			}
			same := definition.ViewHash(old, &old.Views[0]) == definition.ViewHash(next, &next.Views[0])
			if same != (c.view <= Metadata) {
				t.Errorf("view hash stays: %v", same)
			}
		})
	}
}

func expect(t *testing.T, changes []Change, want []string) {
	t.Helper()
	var got []string
	for _, c := range changes {
		got = append(got, c.Severity.String()+" "+c.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("changes\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFirstApplyAddsEverything(t *testing.T) {
	changes := Diff(nil, parse(t, shop, schema))
	for _, c := range changes {
		if c.Action != Added {
			t.Errorf("%v", c)
		}
	}
	if len(changes) != 2+2+2+2+1+1 || Worst(changes) != Additive {
		t.Errorf("%d changes, worst %v", len(changes), Worst(changes))
	}
}

func TestRemovingAViewFreesItsStream(t *testing.T) {
	next := parse(t, strings.Replace(shop[:strings.Index(shop, "feature_views")], "event_id: id", "event_id: id, partitions: 3", 1), schema)
	expect(t, Diff(parse(t, shop, schema), next), []string{
		"metadata stream orders changed (partitions: 8 → 3): no view folds it yet: metadata only",
		"semantic view spending removed: no longer served; reads of it are 404",
		"semantic service checkout removed: no longer served; reads of it are 404",
	})
}

func TestSchemaChanges(t *testing.T) {
	cases := []struct {
		name, old, new string
		want           Severity
	}{
		{"whitespace", `"type":"record"`, `"type" : "record"`, Unchanged},
		{"doc", `"name":"Order"`, `"name":"Order","doc":"d"`, Metadata},
		{"doc of a field", `"name":"id"`, `"name":"id","doc":"d"`, Metadata},
		{"field with a default", `{"name":"item"`, `{"name":"more","type":["null","string"],"default":null},{"name":"item"`, Additive},
		{"field without a default", `{"name":"item"`, `{"name":"more","type":"string"},{"name":"item"`, Refused},
		{"field removed", `{"name":"other","type":"long"},`, ``, Semantic},
		{"field widened", `{"name":"other","type":"long"}`, `{"name":"other","type":"double"}`, Semantic},
		{"field made nullable", `{"name":"item","type":"string"}`, `{"name":"item","type":["null","string"]}`, Semantic},
		{"field of another type", `{"name":"item","type":"string"}`, `{"name":"item","type":"long"}`, Refused},
		{"record renamed", `"name":"Order"`, `"name":"Bill"`, Refused},
		{"default given", `{"name":"item","type":"string"}`, `{"name":"item","type":"string","default":"x"}`, Semantic},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(schema, c.old, c.new, 1)
			if changed == schema {
				t.Fatalf("%q is not in the schema", c.old)
			}
			old, next := parse(t, shop, schema), parse(t, shop, changed)
			changes := Diff(old, next)
			if Worst(changes) != c.want {
				t.Errorf("worst %v of %v, want %v", Worst(changes), changes, c.want)
			}
			same := definition.ViewHash(old, &old.Views[0]) == definition.ViewHash(next, &next.Views[0])
			if same != (c.want <= Metadata) {
				t.Errorf("view hash stays: %v", same)
			}
		})
	}
}

// mutate changes one thing of a project at random, in the range of what Parse
// could have made.
func mutate(t *rapid.T, p *definition.Project) {
	s, v := &p.Streams[0], &p.Views[0]
	f := &v.Features[rapid.IntRange(0, len(v.Features)-1).Draw(t, "feature")]
	text := rapid.SampledFrom([]string{"", "a", "item"}).Draw(t, "text")
	number := rapid.IntRange(1, 3).Draw(t, "number")
	span := stamp.Micros(number) * stamp.Hour
	changes := []func(){
		func() { s.MaxFuture = span }, func() { s.EventIDHorizon = span }, func() { s.EventID = definition.EventID{Field: -1, Header: text} },
		func() { s.Created = number }, func() { s.EventTime = number }, func() { s.Partitions = int32(number) }, func() { s.Topic = text },
		func() { s.Owner = text }, func() { s.Tags = map[string]string{"a": text} }, func() { s.Key = []int{number} },
		func() { v.TTL = span }, func() { v.Where = text }, func() { v.Owner = text }, func() { v.Policy.MaxStaleness = span }, func() { v.MaxBytes = number },
		func() { v.Policy.Residency = []string{text} }, func() { v.Stream = p.Streams[number%2].Name },
		func() { v.Features = append(v.Features, definition.Feature{Name: text + "x", Kind: "count"}) },
		func() { slices.Reverse(v.Features) },
		func() { f.Of = text }, func() { f.By = text }, func() { f.Where = text }, func() { f.Window = span }, func() { f.Pane = span }, func() { f.Scale = int32(number) - 2 },
		func() { f.As = text }, func() { f.K = number }, func() { f.Max = number }, func() { f.RemoveWhere = text }, func() { f.Precision = number },
		func() { f.Weight = text }, func() { f.Exact = number > 1 }, func() { f.Observed = number > 1 }, func() { f.Error = float64(number) / 8 },
		func() { f.Q = []float64{float64(number) / 8} }, func() { f.RelativeError = float64(number) / 8 }, func() { f.HalfLife = span }, func() { f.Dim = number },
		func() { f.Bits = number }, func() { f.Basis = fmt.Sprintf("items@%d", number) }, func() { p.Bases[0].Data = []byte(text) }, func() { p.Bases = p.Bases[:1] },
		func() { f.ErrorBudget = float64(number) / 8 }, func() { f.Sensitivity = float64(number) / 8 }, func() { f.Discrepancy = text },
		func() { f.Description = text }, func() { f.Kind = rapid.SampledFrom([]string{"count", "sum"}).Draw(t, "kind") },
		func() { p.Entities[0].JoinKeys[0].Type = []value.Kind{value.String, value.Int64}[number%2] },
		func() { p.Entities[0].Description = text },
	}
	rapid.SampledFrom(changes).Draw(t, "change")()
}

func reparse(t *rapid.T, p *definition.Project) *definition.Project {
	q, err := definition.Decode(definition.Encode(p))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// TestHashAndDiffAgree: a view keeps its hash exactly if nothing but metadata
// of it changed, and a project differs from itself in nothing.
func TestHashAndDiffAgree(t *testing.T) {
	base := parse(t, shop, schema)
	rapid.Check(t, func(t *rapid.T) {
		old := reparse(t, base)
		for range rapid.IntRange(0, 2).Draw(t, "before") {
			mutate(t, old)
		}
		next := clone(old)
		for range rapid.IntRange(0, 3).Draw(t, "after") {
			mutate(t, next)
		}
		same := definition.ViewHash(old, &old.Views[0]) == definition.ViewHash(next, &next.Views[0])
		severity := OfView(old, next, next.Views[0].Name)
		if same != (severity <= Metadata) {
			t.Fatalf("hash stays: %v, severity %v\n%v", same, severity, Diff(old, next))
		}
		if changes := Diff(next, clone(next)); len(changes) > 0 {
			t.Fatalf("a project differs from itself: %v", changes)
		}
	})
}

func clone(p *definition.Project) *definition.Project {
	c := *p
	c.Entities, c.Streams, c.Views, c.Services = slices.Clone(p.Entities), slices.Clone(p.Streams), slices.Clone(p.Views), slices.Clone(p.Services)
	c.Bases = slices.Clone(p.Bases)
	for i := range c.Entities {
		c.Entities[i].JoinKeys = slices.Clone(c.Entities[i].JoinKeys)
	}
	for i := range c.Views {
		c.Views[i].Features = slices.Clone(c.Views[i].Features)
	}
	return &c
}

// TestEveryPropertyIsCompared sets each exported field of a definition to
// something else and wants a change for it.
func TestEveryPropertyIsCompared(t *testing.T) {
	exempt := map[string]bool{"Pos": true, "Name": true, "Fields": true, "JoinKeys": true} // places; identity; told by the schema; in TestDiff
	check := func(what string, pick func(*definition.Project) any) {
		base := parse(t, shop, schema)
		fields := reflect.TypeOf(pick(base)).Elem()
		for i := range fields.NumField() {
			name := fields.Field(i).Name
			if exempt[name] {
				continue
			}
			next := parse(t, shop, schema)
			disturb(reflect.ValueOf(pick(next)).Elem().Field(i))
			if len(Diff(base, next)) == 0 {
				t.Errorf("a change of %s.%s is not seen", what, name)
			}
		}
	}
	check("Stream", func(p *definition.Project) any { return &p.Streams[0] })
	check("View", func(p *definition.Project) any { return &p.Views[0] })
	check("Feature", func(p *definition.Project) any { return &p.Views[0].Features[0] })
	check("Policy", func(p *definition.Project) any { return &p.Views[0].Policy })
	check("Service", func(p *definition.Project) any { return &p.Services[0] })
	check("Selection", func(p *definition.Project) any { return &p.Services[0].Features[0] })
	check("Basis", func(p *definition.Project) any { return &p.Bases[0] })
	check("Entity", func(p *definition.Project) any { return &p.Entities[0] })
}

// disturb gives a field another value of its type.
func disturb(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(v.Int() + 7)
	case reflect.Float64:
		v.SetFloat(v.Float() + 0.125)
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"x": "y"}))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		switch v.Type() {
		case reflect.TypeFor[[]int]():
			v.Set(reflect.ValueOf([]int{0}))
		case reflect.TypeFor[[]string]():
			v.Set(reflect.ValueOf([]string{"x"}))
		case reflect.TypeFor[[]byte]():
			v.SetBytes([]byte("other"))
		case reflect.TypeFor[[]float64]():
			v.Set(reflect.ValueOf([]float64{0.5, 0.9}))
		default:
			v.Set(v.Slice(0, v.Len()-1))
		}
	case reflect.Struct:
		disturb(v.Field(v.NumField() - 1))
	}
}
