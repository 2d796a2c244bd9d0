package definition

import (
	"strings"
	"testing"
)

// TestHashesCoverMeaningAlone changes one thing in the shop and says whether
// the view's and the stream's hash may stay.
func TestHashesCoverMeaningAlone(t *testing.T) {
	base := parse(t, shop)
	view, stream := ViewHash(base, base.View("spending")), StreamHash(base, base.Stream("orders"))
	if len(view) != 16 || len(stream) != 16 {
		t.Fatalf("hashes %q, %q", view, stream)
	}
	cases := []struct {
		name, old, new string
		view, stream   bool // changed
	}{
		{"owner", "growth@", "risk@", false, false},
		{"description", "    ttl: 90d", "    ttl: 90d\n    description: x", false, false},
		{"policy", "max_staleness: 2s", "max_staleness: 3s", false, false},
		{"residency", "residency: [eu]", "residency: [us]", false, false},
		{"max bytes", "    ttl: 90d", "    ttl: 90d\n    max_bytes_per_key: 70000", false, false},
		{"stream owner", "    partitions: 8", "    partitions: 8\n    owner: x", false, false},
		{"feature tags", "kind: count, window: 1h", "kind: count, window: 1h, tags: {a: b}, description: d", false, false},
		{"default written out", "kind: count, window: 1h", "kind: count, by: 1, window: 60m, pane: 300s", false, false},
		{"regions", "{name: us}", "{name: us}, {name: ap}", false, false},
		{"project's name", "project: shop", "project: market", false, false},
		{"ttl", "ttl: 90d", "ttl: 91d", true, false},
		{"where", "'cancelled'", "'open'", true, false},
		{"window", "window: 1h", "window: 2h", true, false},
		{"pane", "window: 1h", "window: 1h, pane: 10m", true, false},
		{"scale", "scale: 2", "scale: 3", true, false},
		{"k", "k: 10", "k: 11", true, false},
		{"feature added", "      - {name: recent", "      - {name: x, kind: count}\n      - {name: recent", true, false},
		{"topic", "topic: shop.orders", "topic: shop.others", true, true},
		{"partitions", "partitions: 8", "partitions: 16", true, true},
		{"event time", "event_timestamp: ordered_at", "event_timestamp: known_at", true, true},
		{"created time", "created_timestamp: append", "created_timestamp: known_at", true, true},
		{"event id", "event_id: order_id", "event_id: item", true, true},
		{"horizon", "event_id_horizon: 7d", "event_id_horizon: 8d", true, true},
		{"future", "max_future: 5m", "max_future: 6m", true, true},
		{"join key's name", "name: user_id, type: int64}]}", "name: customer, type: int64}]}", true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			yaml := strings.Replace(shop, c.old, c.new, 1)
			if yaml == shop {
				t.Fatalf("%q is not in the example", c.old)
			}
			if strings.Contains(c.name, "join key") {
				yaml = strings.NewReplacer("key: {user_id: customer}", "key: {customer: customer}", "keys: {user_id:", "keys: {customer:").Replace(yaml)
			}
			p := parse(t, yaml)
			if got := ViewHash(p, p.View("spending")) != view; got != c.view {
				t.Errorf("view's hash changed: %v, want %v", got, c.view)
			}
			if got := StreamHash(p, p.Stream("orders")) != stream; got != c.stream {
				t.Errorf("stream's hash changed: %v, want %v", got, c.stream)
			}
		})
	}
}

func TestPanesThatNestAreInTheHash(t *testing.T) {
	view := func(features string) *View {
		p := parse(t, strings.Replace(shop, "      - {name: recent", features+"      - {name: recent", 1))
		return p.View("spending")
	}
	for features, want := range map[string]bool{
		"": false,
		"      - {name: n, kind: count, window: 24h}\n":                    true, // 1h over the 5m of orders_1h
		"      - {name: n, kind: count, window: 24h, pane: 7m}\n":          false,
		"      - {name: n, kind: count, window: 24h, pane: 5m}\n":          false,
		"      - {name: n, kind: count}\n":                                 false,
		"      - {name: n, kind: sum, of: total, scale: 2, window: 24h}\n": false,
	} {
		v := view(features)
		if nests(v) != want {
			t.Errorf("%q: nests is %t, want %t", features, !want, want)
		}
		if in := strings.Contains(string(mustJSON(viewMeaning{Nested: nests(v)})), `"nested":true`); in != want {
			t.Errorf("%q: in the hash: %t", features, in)
		}
	}
}

func TestSchemaHashIgnoresDocsAndOrderOfKeys(t *testing.T) {
	a := `{"type":"record","name":"n","fields":[{"name":"x","type":"int","default":{"doc":1}}]}`
	b := `{"fields":[{"type":"int","doc":"d","default":{"doc":1},"name":"x"}],"name":"n","doc":"all","type":"record"}`
	if SchemaHash(a) != SchemaHash(b) {
		t.Error("docs or order of keys enter the hash")
	}
	for _, other := range []string{
		strings.Replace(a, `"doc":1`, `"doc":2`, 1), strings.Replace(a, `"int"`, `"long"`, 1), strings.Replace(a, `"x"`, `"y"`, 1),
	} {
		if SchemaHash(a) == SchemaHash(other) {
			t.Errorf("%s has the hash of %s", other, a)
		}
	}
}

// TestReleasedHashes holds the hashes of a released project: they name state on
// disk and must never move.
func TestReleasedHashes(t *testing.T) {
	p := parse(t, shop)
	if got := ViewHash(p, p.View("spending")); got != "7c1746dde5340338" {
		t.Errorf("view hash %s", got)
	}
	if got := StreamHash(p, p.Stream("orders")); got != "83ceed439a7bddc1" {
		t.Errorf("stream hash %s", got)
	}
}

// TestReleasedHashesOfKinds holds one hash for the parameters of every kind.
func TestReleasedHashesOfKinds(t *testing.T) {
	for feature, want := range map[string]string{
		"kind: mean, of: x, scale: 2, weight: n":                          "a37cbbc378b18f36",
		"kind: max, of: n, exact: true, window: 1h":                       "dcd015372e47099e",
		"kind: set, of: word, remove_where: gone, removes: observed":      "a501022d88b47049",
		"kind: top, of: word, k: 3, error: 1e-4":                          "527179aeaf7ecb6f",
		"kind: quantiles, of: x, q: [0.1, 1], sensitivity: 2":             "7c26e17818c2d888",
		"kind: ema, of: n, half_life: 1h, error_budget: 0.5":              "f833c9e287062467",
		"kind: vector_mean, of: xs, dim: 3, bits: 8, scale: 4":            "e1f0e30140527f43",
		"kind: low_rank, of: ns, basis: items@2, description: not hashed": "f4e6cc3cb2e8a6e7",
	} {
		p, err := Parse(kindFiles(feature))
		if err != nil {
			t.Fatal(err)
		}
		if got := ViewHash(p, &p.Views[0]); got != want {
			t.Errorf("%s: %s, want %s", feature, got, want)
		}
	}
}
