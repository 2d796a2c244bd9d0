package expr

import (
	"strings"
	"testing"

	"anabranch.dev/anabranch/schemas/definition"
	"anabranch.dev/anabranch/schemas/stamp"
	"anabranch.dev/anabranch/schemas/value"
)

// sample is a stream with a field of every type.
var sample = []definition.Field{
	{Name: "delay", Type: value.Of(value.Int64), Nullable: true},
	{Name: "total", Type: value.Of(value.Float64), Nullable: true},
	{Name: "status", Type: value.Of(value.String), Nullable: true},
	{Name: "paid", Type: value.Of(value.Bool), Nullable: true},
	{Name: "digest", Type: value.Of(value.Bytes), Nullable: true},
	{Name: "ordered_at", Type: value.Of(value.Timestamp), Nullable: true},
	{Name: "day", Type: value.Of(value.Date), Nullable: true},
	{Name: "items", Type: value.ListOf(value.Of(value.String)), Nullable: true},
	{Name: "counts", Type: value.ListOf(value.Of(value.Int64)), Nullable: true},
	{Name: "weights", Type: value.ListOf(value.Of(value.Float64)), Nullable: true},
	{Name: "price", Type: value.Type{Kind: value.Decimal, Scale: 2}, Nullable: true},
	{Name: "extras", AvroType: "map"},
	{Name: "while", Type: value.Of(value.Int64)},
	{Name: "string", Type: value.Of(value.Int64)},
	{Name: "prices", Type: value.ListOf(value.Type{Kind: value.Decimal, Scale: 2})},
}

func instant(s string) stamp.Micros {
	m, err := stamp.ParseTime(s)
	if err != nil {
		panic(err)
	}
	return m
}

func full() []value.Value {
	return []value.Value{
		value.Int(20), value.Float(2.5), value.Text("späť"), value.BoolOf(true), value.Raw([]byte{1, 2}),
		value.Time(instant("2001-02-03T04:05:06.789123Z")), value.DateOf(-1),
		value.Items(value.Text("a"), value.Value{}, value.Text("b")), value.Items(value.Int(1), value.Int(2)),
		value.Items(value.Float(1), value.Float(2.5)), value.Dec(value.Int128Of(1234)), {}, value.Int(7), value.Int(8),
		value.Items(value.Dec(value.Int128Of(1))),
	}
}

func nulls() []value.Value { return make([]value.Value, len(sample)) }

// show prints a result as the tables below write it.
func show(t *testing.T, src string, fields []value.Value) string {
	t.Helper()
	e, err := Compile(src, sample)
	if err != nil {
		return "refused: " + err.Error()
	}
	v, err := e.Eval(fields)
	if err != nil {
		if !v.IsNull() {
			t.Errorf("%s: value %v beside error %v", src, v, err)
		}
		return "error"
	}
	if v.IsNull() {
		return "null"
	}
	return e.Type().String() + " " + string(value.AppendJSON(nil, v, e.Type()))
}

func TestValues(t *testing.T) {
	for src, want := range map[string]string{
		// Bare names.
		"delay": "int64 20", " price ": `decimal(38, 2) "12.34"`, "day": `date32 "1969-12-31"`, "while": "int64 7",
		"prices": `list<decimal(38, 2)> ["0.01"]`, "items": `list<string> ["a",null,"b"]`,
		// Names that CEL gives another meaning.
		"string + 1": "int64 9", "string(string)": `string "8"`,
		// Ints and doubles mix.
		"delay + total": "float64 22.5", "total + delay": "float64 22.5", "delay * 1.5": "float64 30.0", "0.5 - delay": "float64 -19.5",
		"delay > total": "boolean true", "total > delay": "boolean false", "delay == 20.0": "boolean true", "20.0 == delay": "boolean true",
		"total == 2": "boolean false", "total != 2": "boolean true", "2 <= total": "boolean true", "delay < 20.5": "boolean true",
		"paid ? delay : total": "float64 20.0", "paid ? total : delay": "float64 2.5", "paid ? 1 : 2.5": "float64 1.0",
		"[1, 2.5][0]": "float64 1.0", "[delay, total]": "list<float64> [20.0,2.5]", "{'a': 1, 'b': 2.5}['a']": "float64 1.0",
		"total in [1, 2.5]": "boolean true", "delay in [20.0]": "boolean true", "total in [1, 2]": "boolean false",
		"1.0 in counts": "boolean true", "1.5 in counts": "boolean false", "delay in weights": "boolean false", "1 in weights": "boolean true",
		"weights[0] + counts[0]": "float64 2.0", "(paid ? delay : 1) + (paid ? 0.5 : total)": "float64 20.5",
		"counts.map(i, i * 0.5)": "list<float64> [0.5,1.0]", "counts.map(i, i > 1 ? i : 0.5)": "list<float64> [0.5,2.0]",
		"counts.exists(i, i > 1.5)": "boolean true",
		// CEL's own arithmetic.
		"7 / 2": "int64 3", "-7 / 2": "int64 -3", "-7 % 3": "int64 -1", "delay / 3": "int64 6", "delay / 3.0": "float64 6.666666666666667",
		"-delay": "int64 -20", "delay - 5 * 2": "int64 10", "delay / 0": "error", "delay % 0": "error",
		"9223372036854775807 + delay": "error", "-9223372036854775808 / -1 + delay": "error", "total / 0.0": "error", "0.0 / total - 0.0": "float64 0.0",
		"-0.0 * total": "float64 0.0", "1e308 * total * 10": "error", "total / 0.0 > 1.0": "boolean true",
		"double('NaN') * total": "error", "int(total)": "int64 2", "double(delay) / 8": "float64 2.5", "int('12') + delay": "int64 32", "int(status)": "error",
		"string(delay) + status": `string "20späť"`, "size(status)": "int64 4", "status.size()": "int64 4", "size(items)": "int64 3",
		"status.startsWith('sp') && status.contains('ä')": "boolean true", "status.matches('^s.ä.$')": "boolean true", "status.endsWith('x')": "boolean false",
		"bytes(status) == b'späť'": "boolean true", "digest + digest": `bytes "AQIBAg=="`, "size(digest)": "int64 2", "digest < b'\\x01\\x03'": "boolean true",
		// Strings extension.
		"status.upperAscii()": `string "SPäť"`, "'ABC'.lowerAscii() + status": `string "abcspäť"`, "status.charAt(2)": `string "ä"`, "status.charAt(4)": `string ""`, "status.charAt(5)": "error",
		"status.indexOf('ť')": "int64 3", "status.indexOf('s', 1)": "int64 -1", "status.lastIndexOf('p')": "int64 1", "status.lastIndexOf('p', 0)": "int64 -1",
		"status.substring(2)": `string "äť"`, "status.substring(1, 3)": `string "pä"`, "status.substring(3, 1)": "error", "status.replace('p', 'xx')": `string "sxxäť"`,
		"status.replace('', '-', 2)": `string "-s-päť"`, "(' ' + status + '\\n').trim()": `string "späť"`, "status.split('p')": `list<string> ["s","äť"]`, "status.split('', 2)": `list<string> ["s","päť"]`,
		"['a', status].join('/')": `string "a/späť"`, "['a', status].join()": `string "aspäť"`, "items.join()": "null",
		// Times.
		"ordered_at.getFullYear() + ordered_at.getMonth()": "int64 2002", "ordered_at.getHours('+02:00')": "int64 6", "ordered_at.getHours('UTC')": "int64 4",
		"ordered_at + duration('1h')": `timestamp "2001-02-03T05:05:06.789123Z"`, "ordered_at > timestamp('2001-02-03T00:00:00Z')": "boolean true",
		"(ordered_at - day).getSeconds()": "int64 981259506", "day < ordered_at": "boolean true", "day + duration('0s')": `timestamp "1969-12-31T00:00:00Z"`,
		"ordered_at + duration('999ns')": `timestamp "2001-02-03T04:05:06.789123Z"`, "day - duration('1ns')": `timestamp "1969-12-30T23:59:59.999999Z"`,
		"ordered_at >= timestamp('2001-02-03T05:05:06.789123+01:00')": "boolean true", "ordered_at == timestamp('2001-02-03T04:05:06.789123Z')": "boolean true",
		"ordered_at < timestamp('2001-02-03T04:05:06.789123001Z')": "boolean true", "timestamp('2001-02-04T00:00:00Z') > ordered_at": "boolean true",
		"ordered_at.getMilliseconds()": "int64 789", "timestamp(delay)": `timestamp "1970-01-01T00:00:20Z"`, "timestamp(delay * 1000000000000)": "error", "int(ordered_at)": "int64 981173106",
		// Lists.
		"counts[1]": "int64 2", "counts[2]": "error", "items[0] + items[2]": `string "ab"`, "items[1]": "null", "items + ['z']": `list<string> ["a",null,"b","z"]`,
		"counts + []": "list<int64> [1,2]", "paid ? [] : counts": "list<int64> []", "'a' in items": "boolean true", "'z' in items": "boolean false",
		"items.exists(i, i == 'b')": "boolean true", "items.exists(i, i == 'z')": "null", "items.all(i, i == 'a')": "boolean false", "items.all(i, i != 'z')": "null",
		"counts.filter(i, i > 1)": "list<int64> [2]", "counts.map(i, i > 1, i + 1)": "list<int64> [3]", "counts.exists_one(i, i == 2)": "boolean true",
		"counts.map(delay, delay + 1)": "list<int64> [2,3]", "counts.map(i, counts.map(j, i * j).exists(k, k == 4))": "list<boolean> [false,true]",
		"counts.filter(i, i > delay)": "list<int64> []", "counts.map(i, [i])[0]": "list<int64> [1]",
		// Null tests and branches.
		"delay == null": "boolean false", "null != delay": "boolean true", "extras == null": "refused: ", "price == null": "boolean false", "prices != null": "boolean true",
		"delay > 15 ? delay : null": "int64 20", "delay > 25 ? delay : null": "null", "delay > 15 ? null : total": "null",
		"(delay > 15 ? null : delay) + 1": "null", "paid || (paid ? null : false)": "boolean true",
		// Constants.
		"1": "int64 1", "1 + 1.5": "float64 2.5", "'a' in ['a']": "boolean true", "true ? null : 1": "null",
	} {
		got := show(t, src, full())
		if want == "refused: " && strings.HasPrefix(got, want) {
			continue
		}
		if got != want {
			t.Errorf("%s = %s, want %s", src, got, want)
		}
	}
}

func TestNulls(t *testing.T) {
	for src, want := range map[string]string{
		"delay": "null", "delay + 1": "null", "1.5 * delay": "null", "-delay": "null", "delay > 15": "null", "delay == 15": "null", "delay != 15": "null",
		"!paid": "null", "paid": "null", "string(delay)": "null", "status + 'x'": "null", "size(items)": "null", "status.matches('a')": "null", "status in ['a']": "null", "'a' in items": "null",
		"paid ? 1 : 2": "null", "true || paid": "boolean true", "paid || true": "boolean true", "false && paid": "boolean false", "paid && false": "boolean false",
		"paid || false": "null", "true && paid": "null", "delay > 1 || status == 'x'": "null", "delay > 1 && 1 > 2": "boolean false", "!(paid && false)": "boolean true",
		"delay == null": "boolean true", "null == delay": "boolean true", "delay != null": "boolean false", "null != delay": "boolean false",
		"delay == null ? 0 : delay": "int64 0", "delay != null && delay > 15": "boolean false", "delay == null || delay > 15": "boolean true",
		"price == null": "boolean true", "delay == null && status == null": "boolean true", "delay == delay": "null", "delay / 0": "null",
		"items.all(i, i == 'a')": "null", "counts.map(i, i)": "null", "[delay]": "null", "[delay, 1][1]": "null", "delay > 1 ? 1 : null": "null", "1 / 0 + delay": "error", "delay + 1 / 0": "null",
		"counts[0]": "null", "day < ordered_at": "null", "ordered_at.getHours()": "null", "{'a': delay}['a']": "null", "[1, 2].map(i, i + delay)": "null",
		"[1, 2].exists(i, i > delay || i == 2)": "boolean true", "(paid || true) ? 3 : delay": "int64 3",
	} {
		if got := show(t, src, nulls()); got != want {
			t.Errorf("%s over nulls = %s, want %s", src, got, want)
		}
	}
}

func TestCond(t *testing.T) {
	for _, c := range []struct {
		src      string
		fields   []value.Value
		want     bool
		wantFail bool
	}{
		{"delay > 15", full(), true, false}, {"delay > 20", full(), false, false}, {"delay > 15", nulls(), false, false},
		{"paid", full(), true, false}, {"paid", nulls(), false, false}, {"!paid", nulls(), false, false},
		{"delay / 0 == 1", full(), false, true}, {"delay / 0 == 1 || true", full(), true, false}, {"delay + 1 > 15", full(), true, false},
		{"true", nulls(), true, false}, {"delay", full(), false, false},
	} {
		e, err := Compile(c.src, sample)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := e.Cond(c.fields); got != c.want || (err != nil) != c.wantFail {
			t.Errorf("condition %s: %v, %v", c.src, got, err)
		}
	}
}
