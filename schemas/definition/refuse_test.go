package definition

import (
	"strings"
	"testing"
)

// TestBadDefinitionsAreRefused changes one thing in the shop and wants the one
// problem, with its line and the remedy.
func TestBadDefinitionsAreRefused(t *testing.T) {
	cases := []struct {
		name, old, new string
		want           []string // parts of the message
	}{
		{"unknown key", "window: 1h", "windwo: 1h", []string{`shop.yaml:24: unknown key "windwo" in feature "orders_1h"`, "allowed: as, basis, bits, by,", `did you mean "window"?`}},
		{"unknown top key", "feature_views:", "feature_view:", []string{`shop.yaml:17: unknown key "feature_view"`, `did you mean "feature_views"?`}},
		{"merge key", "    ttl: 90d", "    <<: {ttl: 90d}", []string{`unknown key "<<"`}},
		{"wrong type", "partitions: 8", "partitions: many", []string{`shop.yaml:16: partitions of stream "orders" is text "many"`, "allowed: a whole number from 1 to 4096"}},
		{"out of range", "partitions: 8", "partitions: 0", []string{`is integer "0"`, "from 1 to"}},
		{"hexadecimal", "partitions: 8", "partitions: 0x8", []string{`partitions of stream "orders" is integer "0x8"`}},
		{"list for text", "owner: growth@example.org", "owner: [a]", []string{`owner of feature view "spending" is a list`}},
		{"text for list", "regions: [{name: eu}, {name: us}]", "regions: eu", []string{`shop.yaml:2: regions of the file is text "eu"`, "a list of mappings"}},
		{"text for mapping", "policy: {partial: true}", "policy: x", []string{`policy of feature service "gift" is text "x"`}},
		{"empty value", "ttl: 90d", "ttl:", []string{`ttl of feature view "spending" is empty`}},
		{"duplicate YAML key", "ttl: 90d", "ttl: 90d\n    ttl: 1d", []string{`shop.yaml:21: key "ttl" of feature view "spending" is there twice, first on line 20`}},
		{"duplicate feature", "name: mean_total_24h", "name: orders_1h", []string{`shop.yaml:25: feature spending: "orders_1h" is there twice, first at defs/shop.yaml:24`}},
		{"duplicate region", "{name: us}", "{name: eu}", []string{`region "eu" is there twice`}},
		{"duplicate service", "name: gift", "name: checkout", []string{`shop.yaml:31: feature service "checkout" is there twice`}},
		{"missing key", "    stream: orders\n", "", []string{`feature view "spending" has no stream`}},
		{"missing project", "project: shop\n", "", []string{"no file names the project"}},
		{"no regions", "regions: [{name: eu}, {name: us}]", "regions: []", []string{"no file names a region"}},
		{"bad name", "name: spending\n", "name: Spending\n", []string{`name of feature view "Spending" is text "Spending"`, "a lower-case letter"}},
		{"double underscore", "name: orders_1h", "name: orders__1h", []string{"without __"}},
		{"long name", "name: orders_1h", "name: " + strings.Repeat("a", 64), []string{"up to 62"}},
		{"bad duration", "window: 1h", "window: 1.5h", []string{`window of feature "orders_1h" is text "1.5h"`, "like 250ms, 30s, 5m, 1h or 7d"}},
		{"number for duration", "ttl: 90d", "ttl: 90", []string{`ttl of feature view "spending" is integer "90"`}},
		{"bad word", "mode: bounded", "mode: bounde", []string{`mode of policy of feature view "spending" is "bounde"`, `did you mean "bounded"?`}},
		{"bad boolean", "partial: true", "partial: 1", []string{"true or false"}},
		{"unknown entity", "entity: user", "entity: usr", []string{`unknown entity "usr"; allowed: user; did you mean "user"?`}},
		{"unknown stream", "stream: orders", "stream: order", []string{`unknown stream "order"`, `did you mean "orders"?`}},
		{"unknown schema", "schema: order.avsc", "schema: orders.avsc", []string{`there is no schema file "defs/orders.avsc"`, `did you mean "defs/order.avsc"?`}},
		{"unknown key field", "user_id: customer}\n    event", "user_id: costumer}\n    event", []string{`shop.yaml:10: unknown field of the schema of stream "orders": "costumer"`, `did you mean "customer"?`}},
		{"unknown join key", "key: {user_id: customer}\n", "key: {user_id: customer, user: customer}\n", []string{`unknown join key of entity "user": "user"`}},
		{"key not said", "    key: {user_id: customer}\n", "", []string{`stream "orders" does not say which field holds join key "user_id"`}},
		{"key of another type", "user_id: customer}\n", "user_id: item}\n", []string{`join key "user_id" is int64, but field "item" of stream "orders" is of type string; allowed: int or long`}},
		{"join key type", "type: int64", "type: int", []string{`is "int"`, "string, int64, bytes"}},
		{"join key of the spine", "name: user_id, type", "name: event_timestamp, type", []string{"column of every spine"}},
		{"no event time", "    event_timestamp: ordered_at\n", "", []string{`stream "orders" has no event_timestamp`, "one of customer, ordered_at, known_at"}},
		{"event time of another type", "event_timestamp: ordered_at", "event_timestamp: item", []string{`event_timestamp of stream "orders" is field "item" of type string`}},
		{"nullable created", "created_timestamp: append", "created_timestamp: total", []string{"of type nullable double"}},
		{"event id of another type", "event_id: order_id", "event_id: total", []string{`event_id of stream "orders" is field "total"`, "header:NAME"}},
		{"unknown event id", "event_id: order_id", "event_id: oder_id", []string{`did you mean "order_id"?`}},
		{"own topic", "topic: shop.orders", "topic: shop.registry", []string{"Anabranch's own"}},
		{"repairs topic", "topic: shop.orders", "topic: shop.repairs", []string{"Anabranch's own"}},
		{"delta topic", "topic: shop.orders", "topic: shop.deltas.x.eu", []string{"Anabranch's own"}},
		{"quarantine topic", "topic: shop.orders", "topic: x.quarantine", []string{"Anabranch's own"}},
		{"unknown of", "of: item", "of: itm", []string{`unknown field of the schema of stream "orders": "itm"`, `did you mean "item"?`}},
		{"unusable of", "of: item", "of: extra", []string{`field "extra" of stream "orders" is of type map, which no feature can use`}},
		{"float without scale", "scale: 2, ", "", []string{`feature "mean_total_24h" has no scale`}},
		{"text in a mean", "of: total", "of: item", []string{`mean of feature "mean_total_24h" is over field "item" of type string; allowed: a number`}},
		{"k missing", ", k: 10", "", []string{`feature "recent_items" of kind recent has no k`}},
		{"of missing", "kind: recent, of: item", "kind: recent", []string{"has no of"}},
		{"parameter of another kind", "kind: count, window", "kind: count, k: 3, window", []string{`feature "orders_1h" of kind count takes no k; allowed: name, kind, of, by, where, window, pane, error_budget, sensitivity, discrepancy, description, tags`}},
		{"unknown kind", "kind: count", "kind: cuont", []string{`kind of feature "orders_1h" is "cuont"`, `did you mean "count"?`}},
		{"pane without window", "kind: count, window: 1h", "kind: count, pane: 5m", []string{"a pane and no window"}},
		{"pane beyond window", "window: 1h", "window: 1h, pane: 2h", []string{"longer than its window of 1h"}},
		{"too many panes", "window: 1h", "window: 100d, pane: 1ms", []string{"panes"}},
		{"by of another type", "kind: count, window", "kind: count, by: total, window", []string{"allowed: an integer"}},
		{"no features", "features: [\"spending:*\", \"spending:orders_1h\"]", "features: []", []string{`feature service "checkout" has no features`}},
		{"unknown region", "residency: [eu]", "residency: [ue]", []string{`unknown region "ue"`, "allowed: eu, us"}},
		{"residency of a service", "policy: {partial: true}", "policy: {residency: [eu]}", []string{`unknown key "residency"`}},
		{"bad selector", `"spending:*", `, `"spending", `, []string{`entry 1 of features of feature service "checkout" is text "spending"`, "view:feature"}},
		{"unknown view", `"spending:*", `, `"spendng:*", `, []string{`unknown feature view "spendng"`, `did you mean "spending"?`}},
		{"unknown feature", `"spending:orders_1h"`, `"spending:order_1h"`, []string{`unknown feature of view "spending": "order_1h"`, `did you mean "orders_1h"?`}},
		{"unknown key column", "keys: {user_id: giver_id}", "keys: {user: giver_id}", []string{`unknown join key of entity "user"`}},
		{"clash", "as: giver, keys", "keys", nil},
		{"clash in a service", `"spending:orders_1h"]`, `{view: spending, keys: {user_id: x}}]`, []string{"features named spending:… clash"}},
		{"clash of versions", `"spending:orders_1h"]`, `"spending@v2:orders_1h"]`, []string{"clash"}},
		{"not YAML", "project: shop", "project: [", []string{"defs/shop.yaml:", "not YAML"}},
		{"a list as a file", shop, "- a\n", []string{"the file is a list"}},
		{"topics that differ", "feature_views:", "  - {name: two, entity: user, schema: order.avsc, key: {user_id: customer}, topic: shop.orders, event_timestamp: ordered_at, partitions: 4}\nfeature_views:", []string{"8"}},
		{"schema that is none", "schema: order.avsc", "schema: '{}'", []string{"not an Avro record schema"}},
		{"schema of a string", "schema: order.avsc", `schema: '{"type":"string"}'`, []string{"not a record"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refuse(t, c.old, c.new, c.want) })
	}
}

func refuse(t *testing.T, old, new string, want []string) {
	t.Helper()
	changed := strings.Replace(shop, old, new, 1)
	if changed == shop {
		t.Fatalf("%q is not in the example", old)
	}
	_, err := Parse(files(changed))
	if want == nil {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil {
		t.Fatal("accepted")
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error\n%v\nlacks %q", err, part)
		}
	}
}

// TestReservedThingsSayNotBuiltYet also wants the one value accepted that asks
// for nothing.
func TestReservedThingsSayNotBuiltYet(t *testing.T) {
	stream := func(line string) [2]string {
		return [2]string{"    partitions: 8\n", "    partitions: 8\n    " + line + "\n"}
	}
	feature := func(entry string) [2]string {
		return [2]string{"      - {name: orders_1h,", "      - " + entry + "\n      - {name: orders_1h,"}
	}
	later := map[string][2]string{
		"rekey: true":       stream("rekey: true"),
		"format: json":      stream("format: json"),
		"format: protobuf":  stream("format: protobuf"),
		"envelope":          stream("envelope: debezium"),
		"request":           {"project: shop", "request: {a: b}\nproject: shop"},
		"request in a view": {"    ttl: 90d", "    request: [a]\n    ttl: 90d"},
		"expr":              feature("{name: x, expr: a + b}"),
		"request of one":    feature("{name: x, kind: count, request: amount}"),
		"strong":            {"mode: bounded", "mode: strong"},
		"max_skew":          {"mode: bounded", "mode: bounded, max_skew: 5ms"},
	}
	for name, change := range later {
		t.Run(name, func(t *testing.T) { refuse(t, change[0], change[1], []string{"defs/shop.yaml:", "not built yet"}) })
	}
	for name, change := range map[string][2]string{
		"rekey: false":   stream("rekey: false"),
		"format: avro":   stream("format: avro"),
		"as: decimal":    feature("{name: x, kind: sum, of: customer, as: decimal}"),
		"literal by":     feature("{name: x, kind: count, by: -1}"),
		"service pinned": {`"spending:*", "spending:orders_1h"`, `"spending@v2:orders_1h", "spending@v2:*"`},
		"empty owner":    {"owner: growth@example.org", `owner: ""`},
		"tags":           {"owner: growth@example.org", "tags: {tier: 1, pii: false, team: growth, none: ''}"},
	} {
		t.Run(name, func(t *testing.T) { refuse(t, change[0], change[1], nil) })
	}
}

func TestAllProblemsAreReportedInOrder(t *testing.T) {
	changed := strings.NewReplacer("partitions: 8", "partitions: x", "kind: count", "kind: cnt", "k: 10", "k: 0", "partial: true", "partial: no").Replace(shop)
	_, err := Parse(files(changed))
	problems, ok := err.(Problems)
	if !ok || len(problems) != 4 {
		t.Fatalf("problems:\n%v", err)
	}
	for i, line := range []int{16, 24, 26, 34} {
		if problems[i].Line != line {
			t.Errorf("problem %d on line %d, want %d: %v", i, problems[i].Line, line, problems[i])
		}
	}
}

func TestManyProblemsAreCut(t *testing.T) {
	_, err := Parse(files(shop + strings.Repeat("x: 1\n", 3*MaxProblems)))
	if problems := err.(Problems); len(problems) != MaxProblems+1 || !strings.Contains(problems[MaxProblems].Found, "more problems") {
		t.Errorf("%d problems, last %v", len(problems), problems[len(problems)-1])
	}
}

func TestAliasesCannotMultiplyWithoutBound(t *testing.T) {
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c <= 'i'; c++ {
		prev := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+prev+", ", 9) + "*" + prev + "]\n"
	}
	if _, err := Parse(files(bomb)); err == nil || !strings.Contains(err.Error(), "aliases") {
		t.Errorf("error %v", err)
	}
}

func TestSchemaErrorsNameTheSchemaFile(t *testing.T) {
	for _, schema := range []string{`{"type": "record",`, `{"type":"record","name":"x","fields":[{"name":"a","type":"lnog"}]}`, `"string"`, "", "\xff"} {
		_, err := Parse([]File{{Name: "shop.yaml", Data: []byte(shop)}, {Name: "order.avsc", Data: []byte(schema)}})
		if err == nil || !strings.HasPrefix(err.Error(), "order.avsc: schema of stream") {
			t.Errorf("schema %q: %v", schema, err)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	good := string(Encode(parse(t, shop)))
	for name, bad := range map[string]string{
		"empty":       "",
		"null":        "null",
		"cut":         good[:len(good)-1],
		"more":        good + "{}",
		"unknown key": strings.Replace(good, `"project"`, `"next":1,"project"`, 1),
		"a list":      "[" + good + "]",
	} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"window", "where", "weight", "k", "of"}
	for word, want := range map[string]string{
		"windwo": "window", "wher": "where", "weihgt": "weight", "window": "window", "f": "of", "o": "of", "partition": "", "": "",
	} {
		if got := Nearest(word, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
