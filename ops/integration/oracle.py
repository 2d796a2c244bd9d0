"""What features are worth, by brute force: every value from the plain list of events, with nothing kept and nothing shared.

    oracle.py DEFINITIONS.json EVENTS.jsonl ROWS.jsonl CUT [DELAY_MICROS] > VALUES.jsonl

DEFINITIONS  the YAML definitions as JSON
EVENTS       one record of a log a line: stream, origin, partition, offset, append_ms, id (or null), bad, fields (by name, as Avro JSON)
ROWS         one request a line: the join keys, and event_timestamp in microseconds
CUT          label: only what was known by the row's time; off: everything
DELAY        with label: known this long before the row's time

Each line of the result has {"VIEW": {"values": {FEATURE: value}, "statuses": {FEATURE: status}, "newest": event time or null}} for a row.

Only Python's own library, and only what the documentation says of the meaning of values; it shares nothing with the code under
test. Slow on purpose.
"""

import decimal
import fractions
import functools
import json
import sys

MICROS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}


def micros(text):
    """Microseconds of a duration such as 250ms, 30s, 5m, 1h, 7d."""
    for unit in ("ms", "s", "m", "h", "d"):
        number = text[: -len(unit)]
        if text.endswith(unit) and number.isdigit():
            return int(number) * MICROS[unit]
    raise ValueError(text)


class Stream:
    def __init__(self, spec, schema, entity):
        self.name = spec["name"]
        self.kinds = {f["name"]: f["type"] for f in schema["fields"]}
        self.time, self.created = spec["event_timestamp"], spec.get("created_timestamp", "append")
        self.dedupes, self.horizon = "event_id" in spec, micros(spec.get("event_id_horizon", "7d"))
        named = spec.get("key", {})
        self.key = [(k["name"], named.get(k["name"], k["name"])) for k in entity.get("join_keys", [])]

    def logical(self, field):
        """The scalar part of a field's type: a name or an object with a logical type."""
        kind = self.kinds[field]
        if isinstance(kind, list):
            kind = next(k for k in kind if k != "null")
        return kind

    def moment(self, field, raw):
        kind = self.logical(field)
        return raw if isinstance(kind, dict) and kind.get("logicalType") == "timestamp-micros" else raw * 1000


class Event:
    """One accepted record."""

    def __init__(self, stream, line, stamp):
        self.fields = line["fields"]
        self.time = stream.moment(stream.time, self.fields[stream.time])
        self.created = line["append_ms"] * 1000 if stream.created == "append" else stream.moment(stream.created, self.fields[stream.created])
        self.stamp, self.origin, self.id = stamp, line["origin"], line["id"]
        self.position = (line["origin"], line["partition"], line["offset"])
        self.key = tuple(self.fields[f] for _, f in stream.key)

    def order(self):
        return (self.time, self.stamp, self.position)


def read_events(streams, path):
    """Events by stream and key, in Order. A stamp grows along its partition, over bad records too."""
    last, by_key = {}, {}
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    lines.sort(key=lambda r: (r["stream"], r["origin"], r["partition"], r["offset"]))
    for line in lines:
        log = (line["stream"], line["origin"], line["partition"])
        stamp = max(line["append_ms"] << 16, last.get(log, -1) + 1)
        last[log] = stamp
        if not line["bad"]:
            event = Event(streams[line["stream"]], line, stamp)
            by_key.setdefault((line["stream"], event.key), []).append(event)
    for events in by_key.values():
        events.sort(key=Event.order)
    return by_key


def first_of_ids(stream, events):
    """Drops the events whose id was counted before within the horizon: in the same origin, and then in any."""
    if not stream.dedupes:
        return events
    once = first_by(stream, events, lambda e: (e.origin, e.id))
    return first_by(stream, once, lambda e: e.id)


def first_by(stream, events, name):
    counted, again = {}, set()
    for e in sorted(events, key=lambda e: (e.stamp, e.position)):
        if e.id is None:
            continue
        before = counted.get(name(e))
        if before is None or ((e.stamp >> 16) - (before >> 16)) * 1000 > stream.horizon:
            counted[name(e)] = e.stamp
        else:
            again.add(e.position)
    return [e for e in events if e.position not in again]


class Fields(dict):
    def __missing__(self, name):
        raise KeyError(name)


@functools.cache
def compiled(source):
    """A CEL expression of the common subset that Python reads alike."""
    text = source.replace("&&", " and ").replace("||", " or ").replace("!=", "<>").replace("!", " not ").replace("<>", "!=")
    return compile(text.strip(), source, "eval")


def evaluate(source, event):
    """The value of an expression; null in, null out."""
    try:
        return eval(compiled(source), {"__builtins__": {}, "null": None, "true": True, "false": False}, Fields(event.fields))
    except (TypeError, ZeroDivisionError):
        return None


def passes(condition, event):
    return condition is None or evaluate(condition, event) is True


def width(feature):
    """The pane of a windowed feature."""
    window = micros(feature["window"])
    default = "5m" if window < micros("12h") else "1h" if window < micros("12d") else "1d"
    return min(window, micros(feature.get("pane", default)))


def scaled(x, feature):
    """A number rounded half-even to the scale by its shortest decimal form, as an exact fraction."""
    number = decimal.Decimal(repr(x) if isinstance(x, float) else x)
    with decimal.localcontext() as context:
        context.prec = 100
        return fractions.Fraction(number.quantize(decimal.Decimal(1).scaleb(-feature.get("scale", 0)), decimal.ROUND_HALF_EVEN))


def nearest(exact, feature, events):
    if feature.get("as", "int64" if not any(isinstance(x, float) for x in events) and feature.get("scale", 0) == 0 else "float64") == "int64":
        return int(exact)
    return float(exact)


def inputs(feature, events):
    """Pairs (event, value) of the events whose value is not null."""
    pairs = [(e, evaluate(feature["of"], e)) for e in events]
    return [(e, x) for e, x in pairs if x is not None]


def value(feature, events):
    """The value of a feature over the events of its window that pass its own condition, in Order."""
    kind = feature["kind"]
    if kind == "count":
        counted = events if "of" not in feature else [e for e, _ in inputs(feature, events)]
        by = feature.get("by", 1)
        return sum(by if isinstance(by, int) else (evaluate(by, e) or 0) for e in counted)
    if kind in ("last", "first"):
        if not events:
            return None
        return evaluate(feature["of"], events[-1 if kind == "last" else 0])
    pairs = inputs(feature, events)
    values = [x for _, x in pairs]
    if kind == "sum":
        return nearest(sum((scaled(x, feature) for x in values), fractions.Fraction(0)), feature, values)
    if kind == "mean":
        weights = [fractions.Fraction(1) if "weight" not in feature else fractions.Fraction(evaluate(feature["weight"], e)) for e, _ in pairs]
        total = sum(weights, fractions.Fraction(0))
        return None if total == 0 else float(sum(w * scaled(x, feature) for w, x in zip(weights, values)) / total)
    if kind in ("min", "max"):
        return None if not values else min(values) if kind == "min" else max(values)
    if kind == "approx_distinct":
        return len(set(values))
    newest = {}
    for e, x in pairs:
        newest[x] = e
    if kind == "recent":
        return sorted(newest, key=lambda x: newest[x].order(), reverse=True)[: feature["k"]]
    if kind == "set":
        touched = sorted(newest, key=lambda x: newest[x].order(), reverse=True)[: feature.get("max", 1000)]
        return sorted(x for x in touched if "remove_where" not in feature or not passes(feature["remove_where"], newest[x]))
    raise ValueError(kind)


def view_row(view, stream, events, t, known):
    """One view's values and statuses for a key at t, out of what was known."""
    cut = first_of_ids(stream, [e for e in events if e.time <= t and e.created <= known])
    seen = [e for e in cut if passes(view.get("where"), e)]
    newest = max((e.time for e in seen), default=None)
    values, statuses = {}, {}
    for feature in view["features"]:
        name = feature["name"]
        if newest is None:
            values[name], statuses[name] = None, "NOT_FOUND"
            continue
        if "ttl" in view and newest < t - micros(view["ttl"]):
            values[name], statuses[name] = None, "OUTSIDE_MAX_AGE"
            continue
        chosen = [e for e in seen if passes(feature.get("where"), e)]
        if "window" in feature:
            pane = width(feature)
            begin = (t - micros(feature["window"])) // pane * pane
            chosen = [e for e in chosen if e.time >= begin]
        values[name] = value(feature, chosen)
        statuses[name] = "NULL_VALUE" if values[name] is None else "PRESENT"
    return {"values": values, "statuses": statuses, "newest": newest}


def main(definitions, events, rows, cut, delay="0"):
    with open(definitions) as f:
        spec = json.load(f)
    entities = {e["name"]: e for e in spec["entities"]}
    streams = {s["name"]: Stream(s, s["schema"], entities[s["entity"]]) for s in spec["streams"]}
    by_key = read_events(streams, events)
    with open(rows) as f:
        for line in f:
            row = json.loads(line)
            t = row["event_timestamp"]
            known = {"label": t - int(delay), "off": 1 << 63}[cut]
            answer = {}
            for view in spec["feature_views"]:
                stream = streams[view["stream"]]
                key = tuple(row[name] for name, _ in stream.key)
                answer[view["name"]] = view_row(view, stream, by_key.get((stream.name, key), []), t, known)
            print(json.dumps(answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
