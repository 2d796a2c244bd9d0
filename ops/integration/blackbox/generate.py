"""Random projects and events, from a seed.

A project is a plain model (see oracle.py); `definitions` renders it as the YAML that a person would write, and `avro_schema` as
the Avro schemas. Events are rows of typed values; `as_json`, `as_cell` and `as_avro` spell them for files.
"""

import base64
import datetime
import decimal
import json
import random
import struct
import uuid

from oracle import DAY, HOUR, INT_MAX, INT_MIN, MINUTE

WORDS = ["", "a", "b", "ab", "B", "zebra", "O'Hare", 'say "hi"', "a/b/c", "ünï", "日本", "🙂", "x,y=z", "back\\slash", "007", "1e5", "null", "true", " pad ", "tab\tnew\nline", "\u2028"]
PLAIN = ["ATL", "ORD", "JFK", "007", "42", "ünï", "日本", "O'Hare", "a/b"]
FLOATS = [0.0, -0.0, 2.675, 2.665, 1.005, -2.675, 0.1, 0.2, 0.3, 1e-7, 123456.789, -1.5, 0.5, 1.5, 2.5, 1e15, 3.0, 1e21, 5e-324]
INTS = [0, 1, -1, 2, 3, 5, 7, 10, -10, 100, 1000, 2**31 - 1, -(2**31)]
LONGS = INTS + [2**53, 2**53 + 1, -(2**53) - 1, INT_MAX, INT_MIN, INT_MAX - 1, 10**18]


def span(micros):
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", 1_000_000), ("ms", 1_000)):
        if micros % size == 0:
            return f"{micros // size}{unit}"
    raise ValueError(micros)


# --- fields --------------------------------------------------------------------------------------------------------------

# Each: Avro type, type of the value.
AVRO = {
    "int": ("int", "int64"),
    "long": ("long", "int64"),
    "float": ("float", "float64"),
    "double": ("double", "float64"),
    "string": ("string", "string"),
    "enum": ({"type": "enum", "name": "Colour", "symbols": ["RED", "GREEN", "BLUE"]}, "string"),
    "uuid": ({"type": "string", "logicalType": "uuid"}, "string"),
    "boolean": ("boolean", "bool"),
    "bytes": ("bytes", "bytes"),
    "fixed": ({"type": "fixed", "name": "Four", "size": 4}, "bytes"),
    "date": ({"type": "int", "logicalType": "date"}, "date"),
    "millis": ({"type": "long", "logicalType": "timestamp-millis"}, "ts"),
    "micros": ({"type": "long", "logicalType": "timestamp-micros"}, "ts"),
    "decimal": ({"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 3}, "decimal:3"),
    "fixdec": ({"type": "fixed", "name": "Money", "size": 8, "logicalType": "decimal", "precision": 16, "scale": 2}, "decimal:2"),
    "longs": ({"type": "array", "items": "long"}, "list:int64"),
    "doubles": ({"type": "array", "items": "double"}, "list:float64"),
    "strings": ({"type": "array", "items": "string"}, "list:string"),
    "vectors": ({"type": "array", "items": "double"}, "list:float64"),
    "counts": ({"type": "array", "items": "int"}, "list:int64"),
    "prices": ({"type": "array", "items": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}}, "list:decimal:2"),
}
LISTS = ("longs", "doubles", "vectors", "counts", "prices")
DEFAULTS = {"int": 7, "long": -3, "double": 2.5, "string": "def", "boolean": True, "enum": "GREEN", "longs": [], "strings": []}


def avro_schema(stream):
    fields = []
    for f in stream["fields"]:
        kind = "long" if f["avro"] == "plainms" else AVRO[f["avro"]][0]
        if isinstance(kind, dict) and "name" in kind:
            kind = dict(kind, name=kind["name"] + f["name"].title().replace("_", ""))
        spec = {"name": f["name"], "type": ["null", kind] if f["nullable"] else kind}
        if "default" in f:
            spec["default"] = f["default"]
        fields.append(spec)
    return {"type": "record", "name": "Event", "namespace": "box", "fields": fields}


def draw(rng, f, base):
    """A value of a field."""
    kind = f["avro"]
    if f["nullable"] and rng.random() < 0.25:
        return None
    few = rng.random() < 0.6
    if kind == "int":
        return rng.choice(INTS[:8] if few else INTS)
    if kind == "long":
        return rng.choice(INTS[:9] if few or f.get("tame") else LONGS)
    if kind == "double":
        return rng.choice(FLOATS[:8]) if few else rng.choice([rng.choice(FLOATS), rng.uniform(-1e6, 1e6), rng.randint(-10**6, 10**6) / 1000])
    if kind == "float":
        return struct.unpack("f", struct.pack("f", rng.choice(FLOATS[:12]) if few else rng.uniform(-1e3, 1e3)))[0]
    if kind == "string":
        return rng.choice(WORDS[1:6] if few else WORDS)
    if kind == "enum":
        return rng.choice(["RED", "GREEN", "BLUE"])
    if kind == "uuid":
        return str(uuid.UUID(int=rng.randrange(5) + 10**30))
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "bytes":
        return rng.choice([b"", b"\x00", b"\xff\x00", b"abc", b"\x80", b"ab"])
    if kind == "fixed":
        return rng.choice([b"\x00\x00\x00\x00", b"abcd", b"\xff\xfe\xfd\xfc"])
    if kind == "date":
        return rng.choice([0, -1, 19000, 20000, 20500, 11016, -719162 + 1])
    if kind == "millis":
        return (base + rng.randrange(-10, 10) * HOUR) // 1000 * 1000
    if kind == "micros":
        return base + rng.randrange(-10, 10) * HOUR + rng.randrange(3)
    if kind == "decimal":
        return rng.choice([0, 1, -1, 1500, 2675, -2675, 999999999999, 10])
    if kind == "fixdec":
        return rng.choice([0, 5, -5, 150, 10**15, -(10**15)])
    if kind == "longs":
        return [rng.choice(LONGS) for _ in range(rng.choice([0, 1, 2, 3, 5]))]
    if kind == "doubles":
        return [rng.choice(FLOATS) for _ in range(rng.choice([0, 1, 3]))]
    if kind == "strings":
        return [rng.choice(WORDS) for _ in range(rng.choice([0, 1, 2, 4]))]
    if kind in LISTS:
        items = {"vectors": FLOATS[:17], "counts": INTS, "prices": [0, 1, -1, 250, 12345, -99999]}[kind]
        return [rng.choice(items) for _ in range(rng.choice([3, 3, 3, 3, 2, 0, 4]))]
    raise ValueError(kind)


def canonical(x):
    """What is stored of a drawn value: zero has no sign."""
    if isinstance(x, float):
        return x + 0.0
    if isinstance(x, list):
        return [canonical(i) for i in x]
    return x


# --- spelling ------------------------------------------------------------------------------------------------------------


def rfc3339(micros, zone=""):
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)
    return moment.isoformat(timespec="microseconds") + (zone or "Z")


def iso_date(days):
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=days)).isoformat()


def dec(x, scale):
    with decimal.localcontext() as context:
        context.prec = 60
        return decimal.Decimal(x).scaleb(-scale)


def as_json(f, x, rng=None):
    kind = f["avro"]
    if x is None:
        return None
    if kind in ("bytes", "fixed"):
        return base64.b64encode(x).decode()
    if kind == "date":
        return iso_date(x)
    if kind in ("millis", "micros", "plainms"):
        number = x if kind == "micros" else x // 1000
        return number if rng and rng.random() < 0.5 else rfc3339(x)
    if kind in ("decimal", "fixdec"):
        return format(dec(x, int(AVRO[kind][1][8:])), "f")
    if kind == "prices":
        return [format(dec(i, 2), "f") for i in x]
    return x


def as_cell(f, x, rng):
    """Text of a CSV cell; None for null."""
    got = as_json(f, x, rng)
    if got is None:
        return ""
    if isinstance(got, bool):
        return "true" if got else "false"
    return repr(got) if isinstance(got, float) else str(got)


def fits_csv(stream, rows):
    """An empty cell is a null, and there are no lists."""
    for f in stream["fields"]:
        if AVRO.get(f["avro"], ("", ""))[1].startswith("list"):
            return False
        if f["avro"] in ("string", "bytes") and any(r[f["name"]] in ("", b"") for r in rows):
            return False
        if any(r[f["name"]] is None for r in rows) and not f["nullable"]:
            return False
    return True


def as_avro(f, x):
    """As fastavro takes it."""
    kind = f["avro"]
    if x is None:
        return None
    if kind == "date":
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=x)
    if kind in ("millis", "micros"):
        return datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=x)
    if kind == "plainms":
        return x // 1000
    if kind in ("decimal", "fixdec"):
        return dec(x, int(AVRO[kind][1][8:]))
    if kind == "prices":
        return [dec(i, 2) for i in x]
    return x


# --- expressions ---------------------------------------------------------------------------------------------------------


def cel_literal(x):
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, (int, float)):
        text = repr(x)
        return f"({text})" if x < 0 else text
    return json.dumps(x, ensure_ascii=False)


def cel(tree):
    kind = tree[0]
    if kind == "field":
        return tree[1]
    if kind == "lit":
        return cel_literal(tree[1])
    if kind == "isnull":
        return f"{tree[1]} == null"
    if kind == "notnull":
        return f"{tree[1]} != null"
    if kind in ("and", "or"):
        return f"({cel(tree[1])}) {'&&' if kind == 'and' else '||'} ({cel(tree[2])})"
    if kind == "not":
        return f"!({cel(tree[1])})"
    if kind == "neg":
        return f"-({cel(tree[1])})"
    if kind == "cond":
        return f"(({cel(tree[1])}) ? ({cel(tree[2])}) : ({cel(tree[3])}))"
    if kind in ("arith", "cmp"):
        return f"{cel(tree[2])} {tree[1]} {cel(tree[3])}" if kind == "cmp" else f"({cel(tree[2])} {tree[1]} {cel(tree[3])})"
    if kind == "in":
        return f"{cel(tree[1])} in [{', '.join(cel_literal(x) for x in tree[2])}]"
    if kind == "has":
        return f"{cel_literal(tree[2])} in {cel(tree[1])}"
    if kind == "size":
        return f"size({cel(tree[1])})"
    if kind == "concat":
        return f"({cel_literal(tree[2])} + {cel(tree[1])})"
    return f"{cel(tree[1])}.{kind}({cel_literal(tree[2])})"


class Expressions:
    """Random expressions over a stream's fields."""

    def __init__(self, rng, fields):
        self.rng, self.by_type = rng, {}
        self.nullable = [f["name"] for f in fields if f["nullable"]]
        for f in fields:
            if f["avro"] in AVRO:
                self.by_type.setdefault(AVRO[f["avro"]][1], []).append(f["name"])

    def field(self, kind):
        return ["field", self.rng.choice(self.by_type[kind])]

    def number(self, depth=1, kind=None):
        """(tree, type) of a number."""
        rng = self.rng
        kind = kind or rng.choice([k for k in ("int64", "float64") if k in self.by_type])
        if depth == 0 or rng.random() < 0.5:
            return self.field(kind), kind
        shape = rng.random()
        if shape < 0.2:
            return ["cond", self.condition(0), self.number(0, kind)[0], self.number(0, kind)[0]], kind
        if shape < 0.3:
            return ["neg", self.number(0, kind)[0]], kind
        op = rng.choice("+-*/%" if kind == "int64" else "+-*/")
        left = self.number(0, kind)[0]
        right = ["lit", rng.choice([0, 1, 2, 3, 100, -1] if kind == "int64" else [0.5, 2.0, 3, 10, 0.1])] if rng.random() < 0.7 else self.number(0, kind)[0]
        return ["arith", op, left, right], kind

    def condition(self, depth=2):
        rng = self.rng
        if depth > 0 and rng.random() < 0.45:
            kind = rng.choice(["and", "or", "not"])
            return [kind, self.condition(depth - 1)] + ([self.condition(depth - 1)] if kind != "not" else [])
        return rng.choice(self.atoms())()

    def atoms(self):
        rng, out = self.rng, []
        if "int64" in self.by_type or "float64" in self.by_type:
            out += [lambda: ["cmp", rng.choice(["<", "<=", ">", ">=", "==", "!="]), self.number()[0], ["lit", rng.choice([0, 1, -1, 2, 2.5, 0.5, 10])]]] * 3
        if "string" in self.by_type:
            out += [
                lambda: ["cmp", rng.choice(["==", "!=", "<", ">="]), self.field("string"), ["lit", rng.choice(WORDS)]],
                lambda: ["in", self.field("string"), rng.sample(WORDS, 4)],
                lambda: [rng.choice(["startsWith", "endsWith", "contains"]), self.field("string"), rng.choice(["a", "b", "", "ü", "B", '"'])],
                lambda: ["cmp", rng.choice([">", "<=", "=="]), ["size", self.field("string")], ["lit", rng.choice([0, 1, 2, 3])]],
            ]
        if "bool" in self.by_type:
            out += [lambda: self.field("bool"), lambda: ["not", self.field("bool")]]
        if "list:string" in self.by_type:
            out += [lambda: ["has", self.field("list:string"), rng.choice(WORDS[:6])]]
        for kind in ("list:int64", "list:string"):
            if kind in self.by_type:
                out += [lambda kind=kind: ["cmp", ">", ["size", self.field(kind)], ["lit", rng.choice([0, 1, 2])]]]
        if "int64" in self.by_type:
            out += [lambda: ["in", self.field("int64"), [0, 1, 5, -1]]]
        if self.nullable:
            out += [lambda: [rng.choice(["isnull", "notnull"]), rng.choice(self.nullable)]] * 2
        return out


# --- projects ------------------------------------------------------------------------------------------------------------

WINDOWS = [1_000_000, 30_000_000, 5 * MINUTE, 7 * MINUTE, HOUR, 90 * MINUTE, 12 * HOUR - MINUTE, 12 * HOUR, DAY, 36 * HOUR, 3 * DAY, 7 * DAY, 12 * DAY, 30 * DAY]


KINDS = ["count", "sum", "mean", "mean", "min", "max", "last", "first", "recent", "set", "set", "approx_distinct", "top", "top", "quantiles", "decayed_sum", "ema",
         "vector_sum", "vector_mean"]
NUMBERS = ("sum", "mean", "quantiles", "decayed_sum", "ema")
HALVES = [1_000, 1_000_000, MINUTE, HOUR, 7 * HOUR, 3 * DAY, 30 * DAY]


def parameters(rng, f, exprs):
    """Parameters of a kind of numbers or vectors that has its `of`."""
    kind, number = f["kind"], [k for k in ("int64", "float64") if k in exprs.by_type] + [k for k in exprs.by_type if k.startswith("decimal")]
    if kind in ("sum", "mean") and rng.random() < 0.5:
        f["as"] = rng.choice(["int64", "float64", "decimal"])
    if kind == "mean" and rng.random() < 0.6:
        f["weight_type"] = rng.choice(number)
        f["weight"] = exprs.field(f["weight_type"])
    if kind == "quantiles":
        if rng.random() < 0.7:
            f["q"] = rng.choice([[0.5], [0], [1], [0.9, 0.1, 0.5], [0.25, 1, 0.75, 0], [0.999, 0.001]])
        if rng.random() < 0.5:
            f["relative_error"] = rng.choice([0.02, 0.005, 0.1])
    if kind in ("decayed_sum", "ema"):
        f["half_life"] = rng.choice(HALVES)
    if kind in ("vector_sum", "vector_mean"):
        f["dim"] = rng.choice([3, 3, 3, 3, 2, 1, 4])
        if rng.random() < 0.5:
            f["bits"] = rng.choice([1, 2, 4, 8, 16, 32])
    if kind != "quantiles" and any(f.get(k, "").removeprefix("list:") == "float64" for k in ("of_type", "weight_type")):
        f["scale"] = rng.choice([0, 1, 2, 2, 3, 6])


def spans(rng, f):
    f["window"] = rng.choice(WINDOWS)
    if rng.random() < 0.4:
        panes = [p for p in (1_000, 1_000_000, 7_000_000, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY) if p <= f["window"] and f["window"] // p <= 500]
        if panes:
            f["pane"] = rng.choice(panes)


def feature(rng, name, exprs):
    f = {"name": name, "kind": rng.choice(KINDS)}
    if rng.random() < 0.6:
        spans(rng, f)
    if rng.random() < 0.4:
        f["where"] = exprs.condition()
    scalars = [k for k in exprs.by_type if not k.startswith("list:")]
    kind = f["kind"]
    if kind == "count":
        shape = rng.random()
        if shape < 0.4:
            f["of"] = exprs.field(rng.choice(scalars))
        if shape > 0.6 and "int64" in exprs.by_type:
            f["by"] = rng.choice([["lit", -1], ["lit", 3], exprs.number(1, "int64")[0]])
        return f
    vectors = [k for k in exprs.by_type if k.startswith("list:") and k != "list:string"]
    if kind in ("vector_sum", "vector_mean") and not vectors:
        kind = f["kind"] = "mean"
    if kind in NUMBERS:
        choices = [k for k in scalars if k in ("int64", "float64") or k.startswith("decimal")]
        f["of_type"] = rng.choice(choices)
        f["of"] = exprs.field(f["of_type"]) if f["of_type"].startswith("decimal") else exprs.number(1, f["of_type"])[0]
        parameters(rng, f, exprs)
        return f
    if kind in ("vector_sum", "vector_mean"):
        f["of_type"] = rng.choice(vectors)
        f["of"] = exprs.field(f["of_type"])
        parameters(rng, f, exprs)
        return f
    lists = [k for k in exprs.by_type if k.startswith("list:")]
    f["of_type"] = rng.choice(scalars + (lists if kind in ("last", "first") else []))
    f["of"] = exprs.field(f["of_type"])
    if f["of_type"] in ("int64", "float64") and rng.random() < 0.3:
        f["of"] = exprs.number(1, f["of_type"])[0]
    if f["of_type"] == "string" and rng.random() < 0.2:
        f["of"] = ["concat", f["of"], "p-"]
    if kind in ("recent", "top"):
        f["k"] = rng.choice([1, 2, 3, 10])
    if kind == "top":
        if rng.random() < 0.6:
            f["by"] = rng.choice([["lit", 3], exprs.number(1, "int64")[0]])
        if rng.random() < 0.5:
            f["error"] = rng.choice([0.05, 0.2, 0.005])
    if kind in ("min", "max") and f.get("window") and rng.random() < 0.5:
        f["exact"] = True
    if kind == "set":
        if rng.random() < 0.75:
            f["remove_where"] = exprs.condition(1)
            if rng.random() < 0.6:
                f["removes"] = "observed"
        if rng.random() < 0.6:
            f["max"] = rng.choice([1, 2, 3, 5])
    return f


def stream(rng, n, entity, regions):
    fields = []
    for i, (_, kind) in enumerate(entity["keys"]):
        fields.append({"name": f"key_{i}", "avro": {"string": "string", "int64": "long", "bytes": "bytes"}[kind], "nullable": rng.random() < 0.15, "key": True})
    fields.append({"name": "n", "avro": "long", "nullable": False, "seq": True})
    fields.append({"name": "at", "avro": rng.choice(["millis", "micros", "micros", "plainms"]), "nullable": False, "time": True})
    created = rng.random() < 0.5
    if created:
        fields.append({"name": "known", "avro": rng.choice(["millis", "micros"]), "nullable": False, "time": True})
    for i, kind in enumerate(["long", "double", "string"] + rng.sample(sorted(AVRO), rng.randint(3, 9))):
        f = {"name": f"f{i}_{kind}", "avro": kind, "nullable": rng.random() < 0.4, "tame": rng.random() < 0.5}
        if f["nullable"]:
            if rng.random() < 0.7:
                f["default"] = None
        elif kind in DEFAULTS and rng.random() < 0.4:
            f["default"] = DEFAULTS[kind]
        fields.append(f)
    head, tail = fields[: len(entity["keys"])], fields[len(entity["keys"]) :]
    rng.shuffle(tail)
    s = {
        "name": f"s{n}", "topic": f"box.s{n}" if rng.random() < 0.7 else f"other.{n}", "entity": entity["name"], "fields": tail[:2] + head + tail[2:],
        "key": [f"key_{i}" for i in range(len(entity["keys"]))], "time": "at", "created": "known" if created else None,
        "partitions": rng.choice([1, 2, 3, 8]), "horizon": rng.choice([7 * DAY, 7 * DAY, 1_500_000]), "max_future": rng.choice([5 * MINUTE, HOUR]),
    }
    shape = rng.random()
    if shape < 0.4:
        s["event_id"] = ("header", "ce_id")
    elif shape < 0.7:
        s["event_id"] = ("field", rng.choice([f["name"] for f in fields if f["avro"] in ("string", "long", "uuid") and not f.get("key")]))
    return s


def view(rng, n, s):
    exprs = Expressions(rng, [f for f in s["fields"] if not f.get("time")])
    v = {"name": f"v{n}", "stream": s["name"], "features": []}
    if rng.random() < 0.4:
        v["where"] = exprs.condition()
    if rng.random() < 0.5:
        v["ttl"] = rng.choice([HOUR, DAY, 3 * DAY])
    for i in range(rng.randint(3, 10)):
        name = f"x{i}" if rng.random() < 0.3 else f"v{n}_{i}"
        v["features"].append(another(rng, name, rng.choice(v["features"])) if v["features"] and rng.random() < 0.3 else feature(rng, name, exprs))
    return v


def another(rng, name, f):
    """The same feature over another window."""
    f = dict(f, name=name)
    drop = [k for k in ("pane", "exact") if k in f]
    for k in drop:
        del f[k]
    spans(rng, f)
    return f


def service(rng, n, project):
    used, entries, columns = set(), [], {}
    for _ in range(rng.randint(1, 3)):
        v = rng.choice(project["views"])
        s = next(s for s in project["streams"] if s["name"] == v["stream"])
        entity = next(e for e in project["entities"] if e["name"] == s["entity"])
        names = [f["name"] for f in v["features"]]
        entry = {"view": v["name"], "keys": {}, "features": ["*"] if rng.random() < 0.6 else rng.sample(names, rng.randint(1, len(names)))}
        if v["name"] in used or rng.random() < 0.3:
            entry["as"] = f"alias{n}_{len(entries)}"
        for key, kind in entity["keys"]:
            column = key
            if rng.random() < (0.7 if v["name"] in used else 0.3):
                column = f"c{n}_{len(entries)}_{key}"
            if columns.setdefault(column, kind) != kind:
                raise ValueError(column)
            if column != key:
                entry["keys"][key] = column
        used.add(v["name"])
        entries.append(entry)
    return {"name": f"svc{n}", "entries": entries}


def project(seed):
    rng = random.Random(seed)
    regions = rng.sample(["eu", "us-west", "us-east", "ap_1", "z"], rng.choice([1, 2, 2, 3]))
    entities, keys = [], 0
    for i in range(rng.randint(1, 2)):
        count = rng.choice([0, 1, 1, 1, 2, 3])
        entities.append({"name": f"e{i}", "keys": [(f"k{keys + j}", rng.choice(["string", "int64", "bytes", "string"])) for j in range(count)]})
        keys += count
    streams = []
    for i in range(rng.randint(1, 3)):
        streams.append(stream(rng, i, rng.choice(entities), regions))
    for s in streams:
        if not next(e for e in entities if e["name"] == s["entity"])["keys"]:
            s["partitions"] = 1
    if rng.random() < 0.4:
        twin = dict(streams[0], name="twin")
        twin["created"] = None if twin["created"] else twin["created"]
        twin.pop("event_id", None)
        streams.append(twin)
    p = {"name": "box", "regions": regions, "entities": entities, "streams": streams, "views": [], "services": []}
    for i, s in enumerate(streams + rng.choices(streams, k=rng.randint(0, 1))):
        p["views"].append(view(rng, i, s))
    p["services"] = [service(rng, i, p) for i in range(2)]
    return p


def change(rng, p):
    """A semantic change of the definitions, in place."""
    for v in rng.sample(p["views"], rng.randint(1, len(p["views"]))):
        s = next(s for s in p["streams"] if s["name"] == v["stream"])
        exprs = Expressions(rng, [f for f in s["fields"] if not f.get("time")])
        v["features"].append(feature(rng, f"added_{v['name']}", exprs))
        f = rng.choice(v["features"])
        f.pop("pane", None)
        f["window"] = rng.choice(WINDOWS)
        if rng.random() < 0.3:
            v["where"] = exprs.condition()
        if rng.random() < 0.3:
            v["ttl"] = rng.choice([HOUR, DAY])


def grow(rng, p):
    """One more field in a schema: what was written before has its default."""
    s = rng.choice(p["streams"])
    kind = rng.choice(sorted(DEFAULTS))
    f = {"name": f"g{len(s['fields'])}_{kind}", "avro": kind, "nullable": rng.random() < 0.5}
    f["default"] = None if f["nullable"] else DEFAULTS[kind]
    for other in p["streams"]:
        if other["topic"] == s["topic"]:
            if other["fields"] is not s["fields"]:
                other["fields"].append(f)
    s["fields"].append(f)
    return s, f


def definitions(p):
    """The YAML file (JSON is YAML) and the schema files."""
    files, streams = {}, []
    for s in p["streams"]:
        file = f"{s['name']}.avsc"
        files[file] = json.dumps(avro_schema(s), ensure_ascii=False, indent=1)
        entity = next(e for e in p["entities"] if e["name"] == s["entity"])
        spec = {"name": s["name"], "entity": s["entity"], "schema": file, "key": {k: f for (k, _), f in zip(entity["keys"], s["key"])},
                "event_timestamp": s["time"], "partitions": s["partitions"], "max_future": span(s["max_future"])}
        if not spec["key"]:
            del spec["key"]
        if s["topic"] != f"box.{s['name']}":
            spec["topic"] = s["topic"]
        if s["created"]:
            spec["created_timestamp"] = s["created"]
        if s.get("event_id"):
            where, name = s["event_id"]
            spec["event_id"] = f"header:{name}" if where == "header" else name
            spec["event_id_horizon"] = span(s["horizon"])
        streams.append(spec)
    views = []
    for v in p["views"]:
        spec = {"name": v["name"], "stream": v["stream"], "max_bytes_per_key": 64 << 20, "features": []}
        if v.get("ttl"):
            spec["ttl"] = span(v["ttl"])
        if v.get("where"):
            spec["where"] = cel(v["where"])
        for f in v["features"]:
            g = {k: f[k] for k in ("name", "kind", "scale", "as", "k", "max", "q", "relative_error", "error", "dim", "bits", "exact", "removes") if k in f}
            g.update({k: cel(f[k]) for k in ("of", "where", "remove_where", "weight") if k in f})
            g.update({k: span(f[k]) for k in ("window", "pane", "half_life") if k in f})
            if "by" in f:
                g["by"] = f["by"][1] if f["by"][0] == "lit" else cel(f["by"])
            spec["features"].append(g)
        views.append(spec)
    services = []
    for s in p["services"]:
        items = []
        for e in s["entries"]:
            if "as" in e or e["keys"]:
                items.append({k: v for k, v in e.items() if v})
            else:
                items += [f"{e['view']}:{name}" for name in e["features"]]
        services.append({"name": s["name"], "features": items})
    entities = [{"name": e["name"], "join_keys": [{"name": n, "type": t} for n, t in e["keys"]]} for e in p["entities"]]
    files["anabranch.yaml"] = json.dumps({"project": p["name"], "regions": [{"name": r} for r in p["regions"]], "entities": entities, "streams": streams,
                                          "feature_views": views, "feature_services": services}, ensure_ascii=False, indent=1)
    return files


# --- events --------------------------------------------------------------------------------------------------------------


class Events:
    """Draws events of one stream; keys are heavy-tailed, times late, tied and on edges."""

    def __init__(self, rng, s, now):
        self.rng, self.stream, self.now, self.rows, self.next = rng, s, now, [], 0
        self.keys = [self.key() for _ in range(8)]

    def key(self):
        out = []
        for name in self.stream["key"]:
            kind = next(f["avro"] for f in self.stream["fields"] if f["name"] == name)
            pools = {"string": WORDS, "long": LONGS, "bytes": [b"", b"a", b"\xff\x00", b"key", b"\n"]}
            out.append(self.rng.choice(pools[kind]))
        return tuple(out)

    def time(self):
        rng, now = self.rng, self.now
        shape = rng.random()
        if shape < 0.35:
            t = now - int(rng.expovariate(1 / (2 * HOUR)))
        elif shape < 0.6:
            t = now - rng.randrange(20 * DAY)
        elif shape < 0.8:
            edge = rng.choice([MINUTE, 5 * MINUTE, HOUR, DAY])
            t = (now - rng.randrange(3 * DAY)) // edge * edge + rng.choice([0, 0, -1, 1, -1000])
        elif shape < 0.95 and self.rows:
            t = rng.choice(self.rows)[self.stream["time"]]
        else:
            t = rng.choice([0, -DAY, -1, 946684800_000000])
        return t if self.unit("at") == 1 else t // 1000 * 1000

    def unit(self, name):
        return 1 if next(f["avro"] for f in self.stream["fields"] if f["name"] == name) == "micros" else 1000

    def row(self):
        rng, s = self.rng, self.stream
        key = self.keys[min(int(rng.expovariate(0.6)), len(self.keys) - 1)]
        at = self.time()
        row = {}
        for f in s["fields"]:
            name = f["name"]
            if name in s["key"]:
                row[name] = key[s["key"].index(name)]
            elif f.get("seq"):
                row[name] = self.next
            elif name == s["time"]:
                row[name] = at
            elif f.get("time"):
                lag = rng.choice([0, 0, 1000, MINUTE, HOUR, DAY, -HOUR])
                row[name] = (at + lag) // self.unit(name) * self.unit(name)
            else:
                row[name] = draw(rng, f, self.now)
        self.next += 1
        self.rows.append(row)
        return row

    def batch(self, size):
        """Rows, some of them there twice, some left without what has a default."""
        rows = []
        for _ in range(size):
            rows.append(self.row())
            if self.rng.random() < 0.08:
                rows.append(self.rng.choice(self.rows))
        return rows
