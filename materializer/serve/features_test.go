package serve

import (
	"fmt"
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

func TestAnswerIsExactlyAsDocumented(t *testing.T) {
	w := newWorld(t, nil)
	w.order(eu, 7, noon-stamp.Minute, 2.5, "tea")
	w.order(us, 7, noon-2*stamp.Minute, 4, `"ink"`)
	w.close(eu, noon-stamp.Second)
	w.close(us, noon-3*stamp.Second)
	g := w.ask(`{"service": "checkout", "entities": [{"user_id": 7}, {"user_id": "8"}, {"user_id": null}]}`).is(200)
	token := g.json["token"].(string)
	want := `{"features":["spending:orders_1h","spending:orders","spending:total","spending:last_total","spending:max_total","spending:recent_items","spending:last_at","global:ticks"],` +
		`"at":"2001-03-31T12:00:00Z","rows":[` +
		`{"values":[2,2,6.5,2.5,null,["tea","\"ink\""],"2001-03-31T11:59:00Z",null],` +
		`"statuses":["PRESENT","PRESENT","PRESENT","PRESENT","NULL_VALUE","PRESENT","PRESENT","NOT_FOUND"],` +
		`"age_ms":[3002,3002,3002,3002,3002,3002,3002,3002],` +
		`"event_timestamps":["2001-03-31T11:59:00Z","2001-03-31T11:59:00Z","2001-03-31T11:59:00Z","2001-03-31T11:59:00Z","2001-03-31T11:59:00Z","2001-03-31T11:59:00Z","2001-03-31T11:59:00Z",null]},` +
		`{"values":[null,null,null,null,null,null,null,null],` +
		`"statuses":["NOT_FOUND","NOT_FOUND","NOT_FOUND","NOT_FOUND","NOT_FOUND","NOT_FOUND","NOT_FOUND","NOT_FOUND"],` +
		`"age_ms":[3002,3002,3002,3002,3002,3002,3002,3002],"event_timestamps":[null,null,null,null,null,null,null,null]},` +
		`{"values":[null,null,null,null,null,null,null,null],` +
		`"statuses":["INVALID","INVALID","INVALID","INVALID","INVALID","INVALID","INVALID","NOT_FOUND"],` +
		`"age_ms":[null,null,null,null,null,null,null,3002],"event_timestamps":[null,null,null,null,null,null,null,null]}],` +
		`"plan":"local","token":"` + token + `","flags":[],"view_versions":{"global":1,"spending":1}}` + "\n"
	if g.text != want {
		t.Fatalf("got\n%s\nwant\n%s", g.text, want)
	}
	if g.header.Get("Content-Type") != "application/json" || g.header.Get("Content-Length") != fmt.Sprint(len(want)) {
		t.Fatal(g.header)
	}
}

// TestASketchSaysHowFarOffItMayBe: four registers' bytes hold one hash, so two
// items are exact no longer.
func TestASketchSaysHowFarOffItMayBe(t *testing.T) {
	w := newWorld(t, nil)
	w.order(eu, 7, noon, 1, "a")
	w.order(eu, 8, noon, 1, "a")
	w.order(us, 8, noon, 1, "b")
	query := `{"features": ["crowds:orders", "crowds:items"], "entities": [{"user_id": 7}, {"user_id": 8}, {"user_id": 9}]}`
	w.ask(query).is(200, `"errors":[0.0,0.0]}`, `"errors":[0.0,0.26]}`, `"errors":[null,null]}`)
	if g := w.ask(`{"features": ["crowds:orders"], "entities": [{"user_id": 8}]}`).is(200); strings.Contains(g.text, "errors") {
		t.Errorf("exact features alone: %s", g.text)
	}
}

func TestTokenNamesWhatWasTouched(t *testing.T) {
	w := newWorld(t, nil)
	p := w.order(eu, 7, noon, 1, "a")
	for user := int64(8); user < 30; user++ {
		w.order(eu, user, noon, 1, "a")
	}
	g := w.ask(`{"features": ["spending:orders", "devices:pings"], "entities": [{"user_id": 7, "device": "AQI="}]}`).is(200)
	tok := w.token(g)
	if tok.Time != noon || len(tok.Parts) != 2 || tok.Parts[0].View != "spending" || tok.Parts[0].Version != 1 {
		t.Fatalf("%+v", tok)
	}
	for log := range tok.Parts[0].Frontier {
		if log.Partition != p.Partition || log.Stream != "orders" {
			t.Fatalf("the token names %v, only partition %d was touched", log, p.Partition)
		}
	}
	if tok.Parts[0].Frontier[p.Log].Next <= p.Offset {
		t.Fatalf("the token does not cover %v", p)
	}
}

func TestKeysOfAllShapes(t *testing.T) {
	w := newWorld(t, nil)
	w.fold("clicks", eu, noon, map[string]value.Value{"user_id": value.Int(-3), "item": value.Text(`é"\` + "\n"), "n": value.Int(9)})
	w.fold("pings", eu, noon, map[string]value.Value{"device": value.Raw([]byte{0, 255, 1})})
	w.fold("ticks", eu, noon, nil)
	w.order(eu, -3, noon, 1, "x")
	for _, entity := range []string{
		`{"user_id": -3, "item": "é\"\\\n", "device": "AP8B"}`,
		`{"item": "\u00e9\u0022\\\n", "device": "AP8B", "user_id": "-3"}`,
	} {
		g := w.ask(`{"features": ["baskets:clicks", "devices:pings", "global:ticks", "spending:orders"], "entities": [` + entity + `]}`).is(200)
		if !strings.Contains(g.text, `"values":[9,1,1,1]`) {
			t.Fatalf("%s: %s", entity, g.text)
		}
	}
	if g := w.ask(`{"features": ["global:*"], "entities": [{}]}`).is(200); !strings.Contains(g.text, `"values":[1]`) {
		t.Fatal(g.text)
	}
	if g := w.ask(`{"features": ["global:*"], "entities": []}`).is(200); !strings.Contains(g.text, `"rows":[]`) {
		t.Fatal(g.text)
	}
}

func TestAliasesReadTheSameViewByOtherKeys(t *testing.T) {
	w := newWorld(t, nil)
	w.order(eu, 1, noon, 5, "x")
	w.order(eu, 2, noon, 6, "x")
	w.order(eu, 2, noon, 7, "x")
	g := w.ask(`{"service": "gift", "entities": [{"giver_id": 1, "taker_id": 2}, {"giver_id": 2, "taker_id": 2}, {"giver_id": null, "taker_id": 1}, {"taker_id": 2, "giver_id": 3}]}`).is(200,
		`"features":["giver:orders","taker:orders","taker:total"]`)
	for i, want := range []string{`"values":[1,2,13]`, `"values":[2,2,13]`, `"values":[null,1,5]`, `"values":[null,2,13]`} {
		if !strings.Contains(g.row(i), want) {
			t.Errorf("row %d is %s, want %s", i, g.row(i), want)
		}
	}
	if !strings.Contains(g.row(2), `"statuses":["INVALID","PRESENT","PRESENT"]`) {
		t.Error(g.row(2))
	}
	if n := len(w.token(g).Parts); n != 1 {
		t.Errorf("%d parts in the token, one view was read", n)
	}
}

func TestReadTime(t *testing.T) {
	w := newWorld(t, nil)
	w.order(eu, 7, noon-50*stamp.Minute, 1, "x")
	t.Run("the server's clock", func(t *testing.T) {
		w.ask(`{"features": ["spending:orders_1h"], "entities": [{"user_id": 7}]}`).is(200, `"at":"2001-03-31T12:00:00Z"`, `"values":[1]`)
	})
	t.Run("the request's", func(t *testing.T) {
		g := w.ask(`{"features": ["spending:orders_1h"], "entities": [{"user_id": 7}], "at": "2001-03-31 16:00:00+02:00"}`).is(200, `"at":"2001-03-31T14:00:00Z"`, `"values":[0]`)
		if strings.Contains(g.row(0), `"at"`) {
			t.Error("the row repeats the time: " + g.row(0))
		}
	})
	t.Run("beyond the ttl", func(t *testing.T) {
		w.ask(`{"features": ["spending:orders_1h"], "entities": [{"user_id": 7}], "at": "2002-03-31T14:00:00Z"}`).is(200, `"OUTSIDE_MAX_AGE"`, `"values":[null]`,
			`"event_timestamps":["2001-03-31T11:10:00Z"]`)
	})
	t.Run("before the newest event", func(t *testing.T) {
		g := w.ask(`{"features": ["spending:orders_1h"], "entities": [{"user_id": 8}, {"user_id": 7}], "at": "2001-03-31T11:00:00Z"}`)
		g.problem(422, "at-too-early", `"newest":"2001-03-31T11:10:00Z"`)
		if g.json["row"] != 1.0 {
			t.Error(g.text)
		}
	})
	t.Run("the key's newest event, if that is later, in all views of the row", func(t *testing.T) {
		w.order(eu, 9, noon+stamp.Minute, 1, "x")
		w.fold("ticks", eu, noon-stamp.Hour, nil)
		g := w.ask(`{"features": ["spending:orders", "global:ticks"], "entities": [{"user_id": 7}, {"user_id": 9}]}`).is(200, `"at":"2001-03-31T12:00:00Z"`)
		if strings.Contains(g.row(0), `"at"`) || !strings.Contains(g.row(1), `"at":"2001-03-31T12:01:00Z"`) {
			t.Error(g.row(0), g.row(1))
		}
	})
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits = Limits{Rows: 3, Features: 10, BodyBytes: 2000} })
	w.live.Views["devices"].Halt(fmt.Errorf("topic recreated"))
	one := `"entities": [{"user_id": 7}]`
	for name, c := range map[string]struct {
		body    string
		status  int
		problem string
		parts   []string
	}{
		"no JSON":                 {`{`, 400, "bad-request", nil},
		"trailing text":           {`{"features": ["spending:*"], ` + one + `} x`, 400, "bad-request", nil},
		"not an object":           {`[]`, 400, "bad-request", nil},
		"unknown field":           {`{"feature": ["spending:*"], ` + one + `}`, 400, "bad-request", []string{`unknown key \"feature\"`, `did you mean \"features\"`}},
		"twice":                   {`{"features": ["spending:*"], "features": [], ` + one + `}`, 400, "bad-request", []string{"twice"}},
		"neither":                 {`{` + one + `}`, 400, "bad-request", nil},
		"both":                    {`{"service": "checkout", "features": ["spending:*"], ` + one + `}`, 400, "bad-request", nil},
		"no entities":             {`{"service": "checkout"}`, 400, "bad-request", []string{"entities"}},
		"entities as object":      {`{"service": "checkout", "entities": {}}`, 400, "bad-request", []string{"want an array"}},
		"empty features":          {`{"features": [], ` + one + `}`, 400, "bad-request", nil},
		"features of numbers":     {`{"features": [1], ` + one + `}`, 400, "bad-request", nil},
		"feature without view":    {`{"features": ["orders"], ` + one + `}`, 400, "bad-request", []string{"view:feature"}},
		"bad version":             {`{"features": ["spending@v0:orders"], ` + one + `}`, 400, "bad-request", nil},
		"another version":         {`{"features": ["spending@v2:orders"], ` + one + `}`, 404, "unknown-view", []string{"v1"}},
		"unknown view":            {`{"features": ["spendin:orders"], ` + one + `}`, 404, "unknown-view", []string{`did you mean \"spending\"`}},
		"unknown feature":         {`{"features": ["spending:order"], ` + one + `}`, 404, "unknown-feature", []string{`did you mean \"orders\"`}},
		"unknown service":         {`{"service": "chekout", ` + one + `}`, 404, "unknown-service", []string{`did you mean \"checkout\"`}},
		"unknown key":             {`{"service": "checkout", "entities": [{"user_id": 7}, {"user_id": 7, "userid": 1}]}`, 400, "bad-request", []string{`"row":1`, `did you mean \"user_id\"`}},
		"key twice":               {`{"service": "checkout", "entities": [{"user_id": 7, "user_id": 7}]}`, 400, "bad-request", []string{`"row":0`}},
		"missing key":             {`{"service": "checkout", "entities": [{}]}`, 400, "bad-request", []string{"user_id", `"row":0`}},
		"wrong type":              {`{"service": "checkout", "entities": [{"user_id": 1}, {"user_id": "x"}]}`, 400, "bad-request", []string{"int64", `"row":1`}},
		"a fraction":              {`{"service": "checkout", "entities": [{"user_id": 1.5}]}`, 400, "bad-request", []string{`"row":0`}},
		"beyond int64":            {`{"service": "checkout", "entities": [{"user_id": 9223372036854775808}]}`, 400, "bad-request", []string{`"row":0`}},
		"number for text":         {`{"features": ["baskets:*"], "entities": [{"user_id": 1, "item": 2}]}`, 400, "bad-request", []string{"item"}},
		"bad base64":              {`{"features": ["devices:*"], "entities": [{"device": "?"}]}`, 400, "bad-request", []string{"base64"}},
		"row as list":             {`{"service": "checkout", "entities": [[1]]}`, 400, "bad-request", []string{`"row":0`}},
		"not UTF-8":               {"{\"features\": [\"baskets:*\"], \"entities\": [{\"user_id\": 1, \"item\": \"\xff\"}]}", 400, "bad-request", []string{"UTF-8"}},
		"reserved mode":           {`{"service": "checkout", "mode": "strong", ` + one + `}`, 400, "bad-request", []string{"not built yet"}},
		"unknown mode":            {`{"service": "checkout", "mode": "bound", ` + one + `}`, 400, "bad-request", []string{`did you mean \"bounded\"`}},
		"bounded by nothing":      {`{"service": "checkout", "mode": "bounded", ` + one + `}`, 400, "bad-request", []string{"max_staleness"}},
		"eventual with a bound":   {`{"service": "checkout", "mode": "eventual", "max_staleness": "2s", ` + one + `}`, 400, "bad-request", []string{"max_staleness"}},
		"bad duration":            {`{"service": "checkout", "max_staleness": "2 s", ` + one + `}`, 400, "bad-request", []string{"max_staleness"}},
		"duration as number":      {`{"service": "checkout", "deadline": 20, ` + one + `}`, 400, "bad-request", []string{"deadline"}},
		"deadline beyond a limit": {`{"service": "checkout", "deadline": "2h", ` + one + `}`, 400, "bad-request", []string{"limit"}},
		"time without zone":       {`{"service": "checkout", "at": "2001-03-31T23:00:00", ` + one + `}`, 400, "bad-request", []string{"zone"}},
		"partial as text":         {`{"service": "checkout", "partial": "yes", ` + one + `}`, 400, "bad-request", nil},
		"no token":                {`{"service": "checkout", "after": "x", ` + one + `}`, 400, "bad-request", []string{"REGION/STREAM"}},
		"foreign token":           {`{"service": "checkout", "after": "` + position.Token{}.Sign([]byte("other")) + `", ` + one + `}`, 400, "bad-request", []string{"not made by"}},
		"position elsewhere":      {`{"service": "checkout", "after": ["eue/orders/0/1"], ` + one + `}`, 400, "bad-request", []string{`did you mean \"eu\"`}},
		"position in no stream":   {`{"service": "checkout", "after": ["eu/order/0/1"], ` + one + `}`, 400, "bad-request", []string{`did you mean \"orders\"`}},
		"position in no part":     {`{"service": "checkout", "after": ["eu/orders/4/1"], ` + one + `}`, 400, "bad-request", []string{"0 to 3"}},
		"too many rows":           {`{"features": ["global:*"], "entities": [{},{},{},{}]}`, 413, "too-large", []string{"3 rows"}},
		"too many features":       {`{"features": ["spending:*", "baskets:*", "devices:*", "global:*"], "entities": []}`, 413, "too-large", []string{"10"}},
		"long list":               {`{"features": [` + strings.Repeat(`"global:ticks",`, 10) + `"global:ticks"], "entities": []}`, 413, "too-large", nil},
		"body":                    {`{"features": ["global:*"], "entities": [{}]` + strings.Repeat(" ", 2000) + `}`, 413, "too-large", []string{"2000"}},
		"residency":               {`{"features": ["away:*"], "partial": true, ` + one + `}`, 403, "residency", []string{`"regions":["us"]`}},
		"halted":                  {`{"features": ["devices:*"], "entities": [{"device": ""}]}`, 503, "halted", []string{"topic recreated"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := w.ask(c.body)
			g.t = t
			g.problem(c.status, c.problem, c.parts...)
		})
	}
}

func TestDuplicateFeaturesAreAnsweredOnce(t *testing.T) {
	w := newWorld(t, nil)
	w.ask(`{"features": ["spending:orders", "spending@v1:orders", "spending:total", "spending:orders"], "entities": [{"user_id": 1}]}`).is(200,
		`"features":["spending:orders","spending:total"]`)
}

func TestMethodsPathsAndAuthorization(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Token = "sesame"
		c.Ready = func() error { return fmt.Errorf("restoring partition 3") }
	})
	w.do("GET", "/health", "").is(200)
	w.do("HEAD", "/health", "").is(200)
	for _, path := range []string{"/v1/features", "/ready", "/metrics", "/nothing"} {
		w.do("GET", path, "").problem(401, "unauthorized")
	}
	if g := w.do("GET", "/ready", "", "Authorization", "Bearer wrong"); g.status != 401 || g.header.Get("WWW-Authenticate") != "Bearer" {
		t.Error(g.status, g.header)
	}
	with := []string{"Authorization", "Bearer sesame"}
	w.do("GET", "/ready", "", with...).problem(503, "not-ready", "restoring partition 3")
	w.do("GET", "/v1/features", "", with...).problem(405, "method-not-allowed", "POST")
	w.do("POST", "/v1/feature", "", with...).problem(404, "unknown-path", "/v1/features")
	w.do("POST", "/v1/features", `{"features": ["global:*"], "entities": [{}]}`, with...).is(200)
}
