package serve

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/materializer/state"
	"anabranch.dev/anabranch/schemas/position"
	"anabranch.dev/anabranch/schemas/stamp"
)

const user7 = `"entities": [{"user_id": 7}]`

// fresh is a world in which both regions have said that all is folded.
func fresh(t *testing.T) *world {
	w := newWorld(t, nil)
	w.order(eu, 7, noon-stamp.Minute, 1, "x")
	w.close(eu, noon)
	w.close(us, noon)
	return w
}

func TestAgeIsNowPlusTwiceEpsilonLessClosed(t *testing.T) {
	w := newWorld(t, nil)
	w.order(eu, 7, noon-stamp.Minute, 1, "x")
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"age_ms":[null]`)
	w.close(eu, noon-10*stamp.Millisecond)
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"age_ms":[null]`) // us has said nothing
	w.close(us, noon-50*stamp.Millisecond)
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"age_ms":[52]`)
	w.close(us, noon+stamp.Second)
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"age_ms":[12]`)
	w.close(eu, noon+stamp.Second)
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"age_ms":[0]`)
	w.clock.Add(999_001 + int64(stamp.Millisecond)) // 1 µs beyond a whole millisecond
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"age_ms":[3]`)
}

func TestAClosingThatIsNotFoldedYetDoesNotCount(t *testing.T) {
	w := fresh(t)
	log := position.Log{Stream: "orders", Source: us}
	for log.Partition = range int32(4) {
		w.offsets[log] += 5 // acknowledged over there, not here
	}
	w.clock.Add(int64(stamp.Second))
	w.close(eu, noon+stamp.Second)
	w.close(us, noon+stamp.Second)
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"age_ms":[1002]`)
}

func TestPrecedenceOfBudgets(t *testing.T) {
	w := fresh(t)
	w.clock.Add(int64(10 * stamp.Second)) // all is 10,002 ms old
	short := `"deadline": "5ms", ` + user7 + `}`
	for _, c := range []struct {
		body string
		ok   bool
	}{
		{`{"features": ["spending:orders"], `, true},                      // eventual
		{`{"features": ["strict:orders"], `, false},                       // the view's policy
		{`{"service": "hurried", `, true},                                 // the service's over the view's
		{`{"service": "hurried", "max_staleness": "2s", `, false},         // the request's over the service's
		{`{"features": ["strict:orders"], "mode": "eventual", `, true},    // over the view's
		{`{"features": ["strict:orders"], "max_staleness": "1m", `, true}, //
		{`{"features": ["strict:orders"], "mode": "bounded", `, false},    // a bound from the view's policy
		{`{"features": ["strict:orders"], "mode": "session", `, true},     //
		{`{"features": ["spending:orders"], "mode": "session", "max_staleness": "2s", `, false},
		{`{"features": ["spending:orders"], "max_staleness": "10s", `, false},                // alone means bounded
		{`{"features": ["spending:orders"], "max_staleness": "10003ms", `, true},             //
		{`{"features": ["spending:orders", "strict:orders"], `, false},                       // one of two
		{`{"features": ["spending:orders"], "max_staleness": "1s", "partial": true, `, true}, // flagged
		{`{"service": "gift", "max_staleness": "1s", "deadline": "5ms", "entities": [{"giver_id": 7, "taker_id": 7}]}#`, true},
	} {
		body, whole := strings.CutSuffix(c.body, "#")
		if !whole {
			body += short
		}
		g := w.ask(body)
		if !c.ok {
			g.problem(409, "stale", `"age_ms":10002`)
			continue
		}
		g.is(200)
		flagged := strings.Contains(body, `"partial": true`) || whole
		if strings.Contains(g.text, `"flags":["stale"]`) != flagged {
			t.Errorf("%s: %s", body, g.text)
		}
	}
}

func TestBoundedWaitsForAClosing(t *testing.T) {
	w := fresh(t)
	w.clock.Add(int64(10 * stamp.Second))
	go func() {
		time.Sleep(30 * time.Millisecond)
		w.close(eu, noon+10*stamp.Second)
		w.close(us, noon+10*stamp.Second)
	}()
	begun := time.Now()
	w.ask(`{"features": ["spending:orders"], "max_staleness": "1s", "deadline": "10s", `+user7+`}`).is(200, `"age_ms":[2]`, `"flags":[]`)
	if took := time.Since(begun); took < 25*time.Millisecond || took > 5*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestAfterWaitsForTheFold(t *testing.T) {
	w := fresh(t)
	next := w.order(eu, 7, noon-stamp.Minute, 1, "x")
	next.Offset++
	token := position.Token{Time: stamp.NoTime, Parts: []position.Part{{Frontier: position.Frontier{next.Log: {Next: next.Offset + 1}}}}}
	for name, after := range map[string]string{
		"position": `"` + next.String() + `"`,
		"token":    `"` + token.Sign(w.live.Secret) + `"`,
		"list":     `["eu/ticks/0/99", "` + next.String() + `"]`,
	} {
		t.Run(name, func(t *testing.T) {
			w := fresh(t)
			w.order(eu, 7, noon-stamp.Minute, 1, "x")
			body := `{"features": ["spending:orders"], "after": ` + after + `, ` + user7
			g := w.ask(body + `, "deadline": "20ms"}`)
			g.problem(409, "token-not-reached", `"region":"eu"`, fmt.Sprintf(`"partition":%d`, next.Partition), fmt.Sprintf(`"want":%d`, next.Offset+1))
			w.ask(body+`, "deadline": "20ms", "partial": true}`).is(200, `"flags":["token-not-reached"]`, `"values":[2]`)
			go func() {
				time.Sleep(20 * time.Millisecond)
				w.order(eu, 7, noon-stamp.Minute, 1, "x")
			}()
			w.ask(body+`, "deadline": "10s"}`).is(200, `"values":[3]`, `"flags":[]`)
		})
	}
}

func TestAfterAnotherPartitionIsAboutOtherKeys(t *testing.T) {
	w := fresh(t)
	p := w.order(eu, 7, noon, 1, "x")
	p.Partition = (p.Partition + 1) % 4
	p.Offset = 1000
	w.ask(`{"features": ["spending:orders"], "deadline": "5ms", "after": "`+p.String()+`", `+user7+`}`).is(200, `"flags":[]`)
}

func TestOwnTokenIsCoveredAtOnce(t *testing.T) {
	w := fresh(t)
	g := w.ask(`{"features": ["spending:orders", "global:ticks"], ` + user7 + `}`).is(200)
	w.ask(`{"features": ["spending:orders"], "mode": "session", "deadline": "1s", "after": ["` + g.json["token"].(string) + `"], ` + user7 + `}`).is(200)
}

func TestSkew(t *testing.T) {
	w := fresh(t)
	w.fold("ticks", eu, noon, nil) // beyond the ends that were closed: global stays behind
	w.order(eu, 7, noon, 1, "x")
	for _, src := range []position.Source{eu, us} {
		w.live.Closings.Add(state.Closing{Stream: "orders", Source: src, Closed: noon + stamp.Second, Ends: []int64{0, 0, 0, 0}})
	}
	w.clock.Add(int64(stamp.Second))
	body := `{"features": ["spending:orders", "global:ticks"], "deadline": "5ms", "max_skew": "%s", "partial": %v, ` + user7 + `}`
	w.ask(fmt.Sprintf(body, "999ms", false)).problem(409, "skew", "differ by 1000 ms")
	w.ask(fmt.Sprintf(body, "999ms", true)).is(200, `"flags":["skew"]`)
	w.ask(fmt.Sprintf(body, "1s", false)).is(200, `"flags":[]`)
}

func TestDeadlineThatPassesOtherwise(t *testing.T) {
	w := fresh(t)
	slow := w.server.cfg.Now
	w.server.cfg.Now = func() stamp.Micros { time.Sleep(5 * time.Millisecond); return slow() }
	w.ask(`{"features": ["spending:orders"], "deadline": "1ms", `+user7+`}`).problem(504, "deadline", "1ms")
	w.ask(`{"features": ["spending:orders"], "deadline": "1ms", "partial": true, `+user7+`}`).is(200, `"flags":["deadline"]`, `"values":[1]`)
}

func TestBuildingViews(t *testing.T) {
	w := newWorld(t, nil)
	old := w.live.Views["spending"]
	store := openStore(t)
	v, err := store.OpenView("spending", "00000000000000ff", 2, "eu", old.Prog)
	if err != nil {
		t.Fatal(err)
	}
	w.live.Views["spending"] = v
	v.SetProgress(state.Progress{Folded: 12, Total: 40})
	body := `{"features": ["spending:orders", "global:ticks"], ` + user7
	g := w.ask(body+`}`).problem(503, "building", `"progress":{"folded":12,"total":40}`)
	if g.header.Get("Retry-After") != "1" {
		t.Error(g.header)
	}
	w.ask(body+`, "partial": true}`).is(200, `"flags":["building"]`, `"values":[null,null]`, `"statuses":["INVALID","NOT_FOUND"]`, `"view_versions":{"global":1,"spending":2}`)
	delete(w.live.Views, "spending") // about to be opened
	w.server.plans.now.Store(nil)
	w.ask(body+`}`).problem(503, "building")
	w.ask(body+`, "partial": true}`).is(200, `"flags":["building"]`, `"view_versions":{"global":1}`)
}

func TestAHaltEndsTheWait(t *testing.T) {
	w := fresh(t)
	go func() {
		time.Sleep(20 * time.Millisecond)
		w.live.Views["spending"].Halt(fmt.Errorf("gap"))
	}()
	w.ask(`{"features": ["spending:orders"], "after": "eu/orders/`+fmt.Sprint(w.order(eu, 7, noon, 1, "x").Partition)+`/99", "deadline": "30s", `+user7+`}`).problem(503, "halted", "gap")
	w.ask(`{"features": ["spending:orders"], "partial": true, `+user7+`}`).is(200, `"flags":["halted"]`, "INVALID")
}

func TestClockFlag(t *testing.T) {
	w := fresh(t)
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"flags":[]`)
	w.clock.Add(-int64(10 * stamp.Second)) // this server's clock is behind the logs'
	w.ask(`{"features": ["spending:orders"], `+user7+`}`).is(200, `"flags":["clock"]`)
}

func TestTooManyRequestsAtOnce(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.MaxInFlight = 1 })
	w.server.slots <- struct{}{}
	g := w.ask(`{"features": ["global:*"], "entities": [{}]}`).problem(429, "busy")
	if g.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	for _, path := range []string{"/health", "/ready", "/metrics", "/v1/status"} {
		w.do("GET", path, "").is(200)
	}
	<-w.server.slots
	w.ask(`{"features": ["global:*"], "entities": [{}]}`).is(200)
}

func TestNoDefinitionsYet(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Live = func() *state.Live { return nil } })
	w.ask(`{"features": ["global:*"], "entities": [{}]}`).problem(503, "not-ready")
}

func TestANewSnapshotForgetsOldPlans(t *testing.T) {
	w := fresh(t)
	body := `{"service": "checkout", ` + user7 + `}`
	w.ask(body).is(200, `"spending:total"`)
	p := *w.live.Project
	p.Services = nil
	w.live = w.live.With(&p)
	w.ask(body).problem(404, "unknown-service", "there are no services")
}

func TestADefinitionNewerThanTheViewIsBuilding(t *testing.T) {
	w := fresh(t)
	p := shop(t)
	v := p.View("spending")
	v.Features = append(v.Features[1:], v.Features[0])
	v.Features[0].Name = "brand_new"
	w.live = w.live.With(p)
	w.ask(`{"features": ["spending:brand_new"], `+user7+`}`).problem(503, "building")
	w.ask(`{"features": ["spending:total"], `+user7+`}`).is(200, `"values":[1.0]`)
}

func TestAViewThatIsReplacedWhileItIsReadIsAskedForAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.live.Views["spending"].Retire()
	g := w.ask(`{"features": ["spending:orders"], `+user7+`}`).problem(503, "building", "replaced")
	if g.header.Get("Retry-After") != "1" {
		t.Error(g.header)
	}
}
