package expr

import (
	"slices"
	"strings"
	"testing"
	"time"

	"anabranch.dev/anabranch/schemas/value"
)

func TestRefusals(t *testing.T) {
	for src, want := range map[string]string{
		"":                               "is empty",
		"  ":                             "is empty",
		strings.Repeat("1+", 3000) + "1": "at most 4096",
		strings.Repeat("(", 300) + "delay" + strings.Repeat(")", 300): "recursion limit exceeded",
		"delay" + strings.Repeat(" + 1", 600):                         "max recursion depth exceeded",
		"ordered_at > timestamp('noon')":                              "a constant in it fails",
		"delai > 15":                                                  `column 1: unknown field "delai"; the nearest is delay`,
		"delay > 15 && statsu == 'x'":                                 `column 15: unknown field "statsu"; the nearest is status`,
		"delay >":                                                     "column 8: Syntax error",
		"status = 'x'":                                                "equality is ==",
		"while + 1":                                                   "column 1",
		"price * 2.0":                                                 `field "price" is a decimal(38, 2), which expressions cannot read`,
		"size(prices)":                                                `field "prices" is a list<decimal(38, 2)>, which expressions cannot read`,
		"extras":                                                      `field "extras" is of type map, which no feature can use`,
		"extras == null":                                              `field "extras" is of type map, which no feature can use`,
		"extras.a":                                                    "nothing has parts: .a",
		"delay + status":                                              "column 7: operator + does not take int and string",
		"status == 1":                                                 "operator == does not take string and int",
		"total % 2":                                                   "operator % does not take double and int",
		"status > 1.5":                                                "operator > does not take string and double",
		"!delay":                                                      "operator ! does not take int",
		"delay && paid":                                               "operator && does not take int and bool",
		"status[0]":                                                   "string cannot be indexed by int",
		"weights == counts":                                           "does not take",
		"'a' in counts":                                               "operator in does not take string and list(int)",
		"paid ? 1 : 'a'":                                              "branches of ?: are of different types: int and string",
		"delay ? 1 : 2":                                               "column 1: the condition of ?: is of type int, not bool",
		"[1, 'a']":                                                    "items of a list are of different types",
		"{1.5: 1}[1.5]":                                               "keys of a map",
		"has(delay)":                                                  "write x != null",
		"has(delay.x)":                                                "write x != null",
		"now()":                                                       "function now is not available",
		"status.lower()":                                              "the nearest is lowerAscii",
		"dyn(delay)":                                                  "function dyn is not available",
		"type(delay) == int":                                          "function type is not available",
		"'%d'.format([delay])":                                        "function format is not available",
		"status.matches(status)":                                      "the pattern of matches must be a literal string",
		"status.matches('(')":                                         "pattern: error parsing regexp",
		"ordered_at.getHours('Asia/Tokyo')":                           "must be a literal",
		"ordered_at.getHours(status)":                                 "must be a literal",
		"status.size(1)":                                              "string.size does not take (int)",
		"size(delay)":                                                 "size does not take (int)",
		"delay == null + 1":                                           "null can be compared",
		"null":                                                        "null can be compared",
		"null == null":                                                "only a field can be compared with null",
		"delay + 1 == null":                                           "only a field can be compared with null",
		"items.all(i, i == null)":                                     "only a field can be compared with null",
		"paid ? null : null":                                          "null can be compared",
		"delay > 1u":                                                  "unsigned",
		"ordered_at - ordered_at":                                     "result is a duration",
		"ordered_at - ordered_at + 1":                                 "operator + does not take duration and int",
		"{'a': 1}":                                                    "result is a map(string, int)",
		"[]":                                                          "result is a list",
		"[[1]]":                                                       "result is a list(list(int))",
		"1 / 0":                                                       "fails for every event: division by zero",
		"[1, 2][2]":                                                   "fails for every event",
		"delay.all(i, true)":                                          "take lists, not int",
		"{'a': 1}.all(i, true)":                                       "take lists, not map(string, int)",
		"google.protobuf.Int64Value{}":                                "messages are not available",
		"delay; total":                                                "Syntax error",
		"items.map(i, [1].map(j, i + dela))":                          `unknown field "dela"; the nearest is delay`,
	} {
		e, err := Compile(src, sample)
		if err == nil {
			t.Errorf("%s: compiles to %s of type %s, want an error with %q", src, e, e.Type(), want)
			continue
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "@") {
			t.Errorf("%s: %v\nwant one line with %q", src, err, want)
		}
	}
}

func TestNoFields(t *testing.T) {
	if _, err := Compile("a > 1", nil); err == nil || !strings.Contains(err.Error(), "there are no fields") {
		t.Fatalf("got %v", err)
	}
	e, err := Compile("1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := e.Eval(nil); err != nil || !value.Equal(v, value.Int(1)) || len(e.Fields()) != 0 {
		t.Fatalf("got %v, %v", v, err)
	}
}

func TestPlainAndFields(t *testing.T) {
	for _, c := range []struct {
		src    string
		plain  int
		fields []int
	}{
		{"delay", 0, []int{0}}, {" price\n", 10, []int{10}}, {"prices", 14, []int{14}},
		{"(delay)", -1, []int{0}}, {"total + delay", -1, []int{0, 1}}, {"delay == null", -1, []int{0}},
		{"counts.map(delay, delay)", -1, []int{8}}, {"delay + counts.map(delay, delay)[0]", -1, []int{0, 8}}, {"1", -1, []int{}},
	} {
		e, err := Compile(c.src, sample)
		if err != nil {
			t.Fatal(err)
		}
		if i, ok := e.Plain(); i != c.plain || ok != (c.plain >= 0) {
			t.Errorf("%q: plain %d, %v", c.src, i, ok)
		}
		if got := e.Fields(); !slices.Equal(got, c.fields) {
			t.Errorf("%q reads %v, want %v", c.src, got, c.fields)
		}
	}
}

func TestStringIsCanonical(t *testing.T) {
	for src, want := range map[string]string{
		"  delay ": "delay", "delay>15": "delay > 15", "( delay >\n15 )": "delay > 15", "((delay) + 1)*2": "(delay + 1) * 2",
		"delay > 15 && (status == 'a')": `delay > 15 && status == "a"`, "delay==null": "delay == null", "paid?1:2.5": "paid ? 1 : 2.5",
		"items.exists( i,i=='a' )": `items.exists(i, i == "a")`, "total+delay": "total + delay", "total*1e30": "total * 1.0e+30", "total-  -1e-7": "total - -1.0e-07", "weights.exists(w, w>1e30)": "weights.exists(w, w > 1.0e+30)", "counts.map(i, i>1, i)": "counts.map(i, i > 1, i)",
		"-(-delay)": "-(-delay)", "--delay+0": "delay + 0", "---(5)+delay": "-(5) + delay", "-5+delay": "-5 + delay", "-(-5)": "-(-5)", "-(0.5)": "-(0.5)", "!(!paid)": "!(!paid)", "-(delay+1)": "-(delay + 1)",
		"!(delay==1)": "!(delay == 1)", "!items.exists(i, -(-1) == 1)": "!items.exists(i, -(-1) == 1)", `'\x00\'' + status`: `"\x00'" + status`,
	} {
		e, err := Compile(src, sample)
		if err != nil {
			t.Fatal(err)
		}
		if e.String() != want {
			t.Errorf("%q prints as %q, want %q", src, e, want)
		}
		again, err := Compile(e.String(), sample)
		if err != nil || again.String() != want || !again.Type().Equal(e.Type()) {
			t.Errorf("%q compiles to %v, %v", want, again, err)
		}
	}
}

func TestCostIsBounded(t *testing.T) {
	many := make([]value.Value, value.MaxListItems)
	for i := range many {
		many[i] = value.Int(int64(i))
	}
	fields := full()
	fields[8] = value.Value{Kind: value.List, L: many}
	fields[2] = value.Text(strings.Repeat("a", 1<<19))
	for _, src := range []string{
		"counts.all(i, counts.all(j, counts.all(k, i + j + k >= 0)))",
		"size(counts.map(i, status + status + status))",
		"counts.map(i, size(status.replace('a', 'bb'))).size()",
		"counts.map(i, size(status.split('')))",
		"status.replace('a', 'aaaa')",
		"status.split('')",
		"[status, status, status].join()",
		"status + status + status",
	} {
		e, err := Compile(src, sample)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := e.Eval(fields); err == nil {
			t.Errorf("%s: %d items, want an error", src, len(v.L))
		}
	}
	e, err := Compile("counts.all(i, i >= 0 && i * 2 + delay < 9000 && string(i) != 'x')", sample)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := e.Cond(fields); !ok || err != nil {
		t.Errorf("one loop over the longest list: %v, %v", ok, err)
	}
}

func TestLongChainsCompile(t *testing.T) {
	for _, src := range []string{
		"delay" + strings.Repeat(" + 1", 200), "paid" + strings.Repeat(" || delay == 3", 200), "delay in [1" + strings.Repeat(", 2", 500) + "]",
		strings.Repeat("delay > 1 ? 1 : ", 30) + "0", strings.Repeat("(", 20) + "delay + 1" + strings.Repeat(")", 20),
	} {
		e, err := Compile(src, sample)
		if err != nil {
			t.Errorf("%d bytes, %.30s...: %v", len(src), src, err)
			continue
		}
		if v, err := e.Eval(full()); err != nil || v.IsNull() {
			t.Errorf("%.30s...: %v, %v", src, v, err)
		}
	}
}

func TestOneExprForManyGoroutines(t *testing.T) {
	var exprs []*Expr
	for _, src := range []string{"timestamp(delay * 1000000000000)", "total + delay > 3", "delay > 15", "items.exists(i, i == status)", "delay / (delay - 20)"} {
		e, err := Compile(src, sample)
		if err != nil {
			t.Fatal(err)
		}
		exprs = append(exprs, e)
	}
	done := make(chan bool)
	for range 4 {
		go func() {
			for range 200 {
				for _, e := range exprs {
					_, _ = e.Eval(full())
					_, _ = e.Eval(nulls())
				}
			}
			done <- true
		}()
	}
	for range 4 {
		<-done
	}
}

// slow is far above what the costliest evaluation takes.
const slow = 5 * time.Second

func FuzzCompile(f *testing.F) {
	for _, src := range []string{
		"delay > 15", "status != 'cancelled'", "delay + total * 2.5", "paid ? delay : total", "items.exists(i, i == 'a')", "counts.map(i, i > 1, i + 1)",
		"delay == null || delay in [1, 2]", "status.matches('a+')", "ordered_at.getHours('+01:00')", "{'a': 1}['a']", "[[1], []][0]", "b'\\x00' + digest",
		"has(delay)", "a.b.c", "google.protobuf.Any{}", "\"\\u00e4\"", "1u", "0x1F", "1e400", "-9223372036854775808", "?", "((((", "x'", "`a`", "true ? null : 1.0",
		"timestamp('2001-02-03T04:05:06Z') > ordered_at", "items.all(items, items == 'a')", "[1][9223372036854775807]", "dyn(1)", "@f0", "extras == null",
	} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		begun := time.Now()
		defer func() {
			if took := time.Since(begun); took > slow {
				t.Errorf("%q took %v", src, took)
			}
		}()
		e, err := Compile(src, sample)
		if err != nil {
			if strings.Contains(err.Error(), "BUG") {
				t.Fatal(err)
			}
			return
		}
		for _, fields := range [][]value.Value{full(), nulls()} {
			v, err := e.Eval(fields)
			if err != nil && (strings.Contains(err.Error(), "internal error") || strings.Contains(err.Error(), "no such")) {
				t.Fatalf("%s: %v", src, err)
			}
			if v.Kind != value.Null && v.Kind != e.Type().Kind {
				t.Fatalf("%s: a %s, not a %s", src, v.Kind, e.Type())
			}
		}
		again, err := Compile(e.String(), sample)
		if err != nil || again.String() != e.String() {
			t.Fatalf("%q prints as %q, which compiles to %v, %v", src, e, again, err)
		}
	})
}

func benchmark(b *testing.B, src string) {
	e, err := Compile(src, sample)
	if err != nil {
		b.Fatal(err)
	}
	fields := full()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Eval(fields); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvalFast(b *testing.B)        { benchmark(b, "delay > 15") }
func BenchmarkEvalFastText(b *testing.B)    { benchmark(b, "status != 'cancelled'") }
func BenchmarkEvalFastTree(b *testing.B)    { benchmark(b, "delay > 15 && (status != 'x' || paid)") }
func BenchmarkEvalFastIn(b *testing.B)      { benchmark(b, "status in ['a', 'b', 'späť']") }
func BenchmarkEvalCEL(b *testing.B)         { benchmark(b, "delay + 1 > 15") }
func BenchmarkEvalArithmetic(b *testing.B)  { benchmark(b, "delay * 1.5 + total") }
func BenchmarkEvalConditional(b *testing.B) { benchmark(b, "delay > 15 ? delay : 0") }
func BenchmarkEvalString(b *testing.B)      { benchmark(b, "status.startsWith('sp') ? 1 : 0") }
func BenchmarkEvalLoop(b *testing.B)        { benchmark(b, "counts.exists(i, i > 1)") }

func BenchmarkCondFast(b *testing.B) {
	e, _ := Compile("delay > 15", sample)
	fields := full()
	for b.Loop() {
		if ok, _ := e.Cond(fields); !ok {
			b.Fatal("does not hold")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := Compile("delay + 1 > 15", sample); err != nil {
			b.Fatal(err)
		}
	}
}
