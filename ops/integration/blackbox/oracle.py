"""What features are worth, by brute force, from the meaning of values alone.

A project is the plain model that generate.py makes: expressions are trees and not text, durations are microseconds. An event is
a dict: origin, partition, offset, stamp, created (µs), time (µs), id (bytes or None), fields. Every value is recomputed from
the plain list of events; nothing is kept, nothing is shared with the code under test, and only Python's own library is used.

Values of types: int64, date (days) and timestamp (µs) are ints, decimals are unscaled ints, the others are Python's. Where a kind
may answer with a tolerance, the value is an `About`.
"""

import base64
import decimal
import fractions
import functools

ONE = ["lit", 1]
INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000


# --- expressions ---------------------------------------------------------------------------------------------------------


class Fails(Exception):
    """A run-time error: the value is null and the condition false, as with a null."""


def evaluate(tree, fields):
    """The value of an expression, None for null or a failure."""
    try:
        return _eval(tree, fields)
    except Fails:
        return None


def _both(tree, fields, decides):
    """Kleene's && and ||: a side that decides hides what is null or fails on the other."""
    sides = []
    for side in tree[1:]:
        got = evaluate(side, fields)
        if got is decides:
            return decides
        sides.append(got)
    return None if None in sides else not decides


def _number(x):
    if isinstance(x, int) and not isinstance(x, bool) and not INT_MIN <= x <= INT_MAX:
        raise Fails
    return x


def _arithmetic(op, a, b):
    if isinstance(a, float) or isinstance(b, float):
        a, b = float(a), float(b)
        if op == "/":
            if b == 0:
                return float("nan") if a == 0 or a != a else float("inf") * (1 if (a > 0) == (str(b)[0] != "-") else -1)
            return a / b
        return a + b if op == "+" else a - b if op == "-" else a * b
    if op in "/%":
        if b == 0:
            raise Fails
        quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        return _number(quotient) if op == "/" else a - quotient * b
    return _number(a + b if op == "+" else a - b if op == "-" else a * b)


def _eval(tree, fields):
    kind = tree[0]
    if kind == "field":
        return fields[tree[1]]
    if kind == "lit":
        return tree[1]
    if kind == "isnull":
        return fields[tree[1]] is None
    if kind == "notnull":
        return fields[tree[1]] is not None
    if kind == "and":
        return _both(tree, fields, False)
    if kind == "or":
        return _both(tree, fields, True)
    if kind == "cond":
        chosen = evaluate(tree[1], fields)
        return None if chosen is None else _eval(tree[2] if chosen else tree[3], fields)
    args = [_eval(side, fields) for side in tree[2:]] if kind in ("arith", "cmp") else [_eval(tree[1], fields)]
    if None in args:
        return None
    if kind == "not":
        return not args[0]
    if kind == "neg":
        return _number(-args[0])
    if kind == "arith":
        return _arithmetic(tree[1], *args)
    if kind == "cmp":
        a, b = args
        return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[tree[1]]
    if kind == "in":
        return args[0] in tree[2]
    if kind == "has":
        return tree[2] in args[0]
    if kind == "size":
        return len(args[0])
    if kind == "startsWith":
        return args[0].startswith(tree[2])
    if kind == "endsWith":
        return args[0].endswith(tree[2])
    if kind == "contains":
        return tree[2] in args[0]
    if kind == "concat":
        return tree[2] + args[0]
    raise ValueError(kind)


def of_event(tree, event):
    """An expression's value for an event, remembered there: trees live as long as events do."""
    memo = event.setdefault("memo", {})
    if id(tree) not in memo:
        memo[id(tree)] = evaluate(tree, event["fields"])
    return memo[id(tree)]


def passes(condition, event):
    return condition is None or of_event(condition, event) is True


def _input(tree, event):
    """What an event feeds in. A number that is none is a failure; zero has no sign."""
    x = of_event(tree, event)
    if isinstance(x, float):
        if x != x or x in (float("inf"), float("-inf")):
            return None
        return x + 0.0
    return x


# --- one feature ---------------------------------------------------------------------------------------------------------


def pane_of(feature):
    window = feature["window"]
    if feature.get("pane"):
        return feature["pane"]
    return min(window, 5 * MINUTE if window < 12 * HOUR else HOUR if window < 12 * DAY else DAY)


def order(event):
    return (event["time"], event["stamp"], event["origin"], event["partition"], event["offset"])


def scale_of(feature, kind=None):
    kind = (kind or feature["of_type"]).removeprefix("list:")
    if kind.startswith("decimal"):
        return int(kind.split(":")[1])
    return 0 if kind == "int64" else feature["scale"]


def fixed(x, feature, kind=None):
    """An exact fraction: a float rounded half-even to the scale by its shortest decimal form."""
    kind = (kind or feature["of_type"]).removeprefix("list:")
    scale = scale_of(feature, kind)
    if kind.startswith("decimal"):
        return fractions.Fraction(x, 10**scale)
    with decimal.localcontext() as context:
        context.prec = 400
        number = decimal.Decimal(repr(x)) if isinstance(x, float) else decimal.Decimal(x)
        return fractions.Fraction(number.quantize(decimal.Decimal(1).scaleb(-scale), decimal.ROUND_HALF_EVEN))


def type_of(feature):
    """The type of a feature's value."""
    kind, of = feature["kind"], feature.get("of_type")
    if kind in ("count", "approx_distinct"):
        return "int64"
    if kind in ("decayed_sum", "ema"):
        return "float64"
    if kind in ("quantiles", "vector_sum", "vector_mean", "low_rank"):
        return "list:float64"
    if kind == "top":
        return "top:" + of
    if kind in ("recent", "set"):
        return "list:" + of
    if kind in ("sum", "mean"):
        chosen = feature.get("as") or ("float64" if kind == "mean" else "decimal" if of.startswith("decimal") else of)
        return f"decimal:{scale_of(feature)}" if chosen == "decimal" else chosen
    return of


def _rounded(feature, number):
    """An exact number in the type of the feature's value: half to even, saturated."""
    kind = type_of(feature)
    if kind == "float64":
        return float(number)
    if kind == "int64":
        return max(INT_MIN, min(INT_MAX, round(number)))
    return round(number * 10 ** scale_of(feature))


def _mean(feature, pairs):
    total, weights = fractions.Fraction(0), fractions.Fraction(0)
    for e, x in pairs:
        w = fixed(_input(feature["weight"], e), feature, feature["weight_type"]) if "weight" in feature else 1
        total, weights = total + w * fixed(x, feature), weights + w
    return _rounded(feature, total / weights) if weights else None


def value(feature, events, t=0):
    """The value over E at t, None for null."""
    kind, ordered = feature["kind"], sorted(events, key=order)
    if kind == "count":
        total = 0
        for e in ordered:
            if feature.get("of") is not None and _input(feature["of"], e) is None:
                continue
            by = feature.get("by", ONE)
            total += (by[1] if by[0] == "lit" else of_event(by, e)) or 0
        return max(INT_MIN, min(INT_MAX, total))
    if kind in ("last", "first"):
        return _input(feature["of"], ordered[-1 if kind == "last" else 0]) if ordered else None
    pairs = [(e, _input(feature["of"], e)) for e in ordered]
    pairs = [(e, x) for e, x in pairs if x is not None and not skips(feature, e, x)]
    values = [x for _, x in pairs]
    if kind == "sum":
        return _rounded(feature, sum((fixed(x, feature) for x in values), fractions.Fraction(0)))
    if kind == "mean":
        return _mean(feature, pairs)
    if kind == "top":
        return Top(feature, pairs)
    if kind == "quantiles":
        return quantiles(feature, pairs) if pairs else None
    if kind in ("decayed_sum", "ema"):
        return decayed(feature, pairs, t) if pairs else None
    if kind in ("vector_sum", "vector_mean"):
        return vector(feature, values) if values else None
    if kind in ("min", "max"):
        return (min if kind == "min" else max)(values) if values else None
    if kind == "approx_distinct":
        return len(set(values))
    touched = {}
    for e, x in pairs:
        touched.pop(x, None)
        touched[x] = e
    newest_first = list(touched)[::-1]
    if kind == "recent":
        return newest_first[: feature["k"]]
    if kind == "set":
        removes, latest = feature.get("remove_where"), newest_first[: feature.get("max", 1000)]
        if feature.get("removes") == "observed":
            kept = remembered(pairs, feature.get("max", 1000))
            return sorted(x for x in latest if survives(removes, [e for e, y in kept if y == x]))
        return sorted(x for x in latest if removes is None or not passes(removes, touched[x]))
    raise ValueError(kind)


def skips(feature, event, x):
    """Whether an event gives the feature nothing to take, though x is not null."""
    if "weight" in feature:
        return _input(feature["weight"], event) is None
    if feature["kind"] == "top":
        by = weight_of(feature, event)
        return by is None or by < 0
    if "dim" in feature:
        return len(x) != feature["dim"] or None in x
    return False


def weight_of(feature, event):
    by = feature.get("by", ONE)
    return by[1] if by[0] == "lit" else of_event(by, event)


def remembered(pairs, limit):
    """The newest events, as far back as they touch no more elements than the set tracks: older ones are forgotten."""
    touched = set()
    for i in range(len(pairs) - 1, -1, -1):
        touched.add(pairs[i][1])
        if len(touched) > limit:
            return pairs[i + 1 :]
    return pairs


def survives(removes, events):
    """Whether an add of the element is covered by the token of no remove: a remove undoes what its reader had seen, and nothing else."""
    adds = [e for e in events if not passes(removes, e)]
    covers = [e["covers"] for e in events if passes(removes, e)]
    return any(all(e["offset"] >= seen.get(e["origin"], 0) for seen in covers) for e in adds)


# --- kinds that may be off by something ----------------------------------------------------------------------------------

LIVES = 40  # half-lives behind the key's newest event that count
FEW = 16  # different items that a top surely counts one by one


class About:
    """A value of which several answers are right."""

    def __init__(self, exact, events):
        self.exact, self.used = exact, {(e["origin"], e["partition"], e["offset"]) for e in events}

    def __repr__(self):
        return f"about {self.exact!r}"


class Near(About):
    """A float64, or a list of them, each within its tolerance."""

    def __init__(self, exact, tolerances, events, single):
        super().__init__([float(x) for x in exact], events)
        self.bounds, self.single = list(zip(exact, tolerances)), single

    def accepts(self, have, _, slack=1):
        have = [have] if self.single else have
        if not isinstance(have, list) or len(have) != len(self.bounds):
            return False
        return all(isinstance(x, float) and abs(fractions.Fraction(x) - want) <= slack * off for x, (want, off) in zip(have, self.bounds))

    def surely_not(self, other):
        return not self.accepts(other.exact[0] if other.single else other.exact, None, 2)


class Top(About):
    """Items by weight: heaviest first, each true weight in [count - error, count], errors within the part of the total."""

    def __init__(self, feature, pairs):
        weights = {}
        for e, x in pairs:
            weights[x] = weights.get(x, 0) + weight_of(feature, e)
        self.weights = {x: w for x, w in weights.items() if w > 0}  # what weighs nothing is not there
        self.size = min(feature["k"], len(self.weights))
        few = len(self.weights) <= FEW
        self.allowed = 0 if few else int(fractions.Fraction(repr(feature.get("error", 0.01))) * sum(self.weights.values()))
        best = sorted(self.weights.items(), key=lambda pair: -pair[1])[: self.size]
        super().__init__([{"item": x, "count": min(w, INT_MAX), "error": 0} for x, w in best], [e for e, _ in pairs])

    def accepts(self, have, equal, slack=1):
        if not isinstance(have, list) or len(have) != self.size:
            return False
        left, before = dict(self.weights), None
        for entry in have:
            if not isinstance(entry, dict) or set(entry) != {"item", "count", "error"}:
                return False
            count, error, item = entry["count"], entry["error"], [x for x in left if equal(entry["item"], x)]
            if type(count) is not int or type(error) is not int or len(item) != 1 or before is not None and count > before:
                return False
            truth, before = min(left.pop(item[0]), INT_MAX), count
            if not (0 <= error <= self.allowed and count - error <= truth <= count):
                return False
        return not left or before is None or max(left.values()) <= before + self.allowed

    def accepts_items(self, have, equal):
        """As Feast sees it: the items alone. Two items may have one spelling there."""
        if not isinstance(have, list) or len(have) != self.size:
            return False
        heaviest = sorted(self.weights.values(), reverse=True)
        return all(any(equal(item, x) and w >= heaviest[i] - self.allowed for x, w in self.weights.items()) for i, item in enumerate(have))

    def surely_not(self, other):
        return not self.accepts(other.exact, lambda a, b: a == b)


def differs(a, b):
    """Whether right answers differ: True, False, or None where it cannot be told."""
    if not isinstance(a, About) or not isinstance(b, About):
        return type(a) is not type(b) or a != b or repr(a) != repr(b)
    if a.used == b.used:
        return False
    return True if a.surely_not(b) and b.surely_not(a) else None


def quantiles(feature, pairs):
    def exact(x):
        kind = feature["of_type"]
        return fractions.Fraction(x, 10 ** scale_of(feature)) if kind.startswith("decimal") else fractions.Fraction(x)

    numbers = sorted(exact(x) for _, x in pairs)
    picked = [numbers[fractions.Fraction(repr(q)) * (len(numbers) - 1) // 1] for q in feature.get("q", [0.5, 0.99])]
    off = fractions.Fraction(repr(feature.get("relative_error", 0.01)))
    return Near(picked, [off * abs(x) for x in picked], [e for e, _ in pairs], False)


@functools.lru_cache(1 << 16)
def _half(n, d):
    """2^-(n/d) to 60 digits; beyond 3000 halvings nothing is left of any number."""
    if n > 3000 * d:
        return fractions.Fraction(0)
    with decimal.localcontext() as context:
        context.prec = 60
        rest = decimal.Decimal(2) ** (-decimal.Decimal(n % d) / decimal.Decimal(d))
    return fractions.Fraction(rest) / (1 << (n // d))


def decayed(feature, pairs, t):
    total = size = weight = fractions.Fraction(0)
    if feature["kind"] == "ema":
        t = max(e["time"] for e, _ in pairs)  # the same at any time
    for e, x in pairs:
        w = _half(t - e["time"], feature["half_life"])
        total, size, weight = total + w * fixed(x, feature), size + w * abs(fixed(x, feature)), weight + w
    if feature["kind"] == "ema":
        total, size = total / weight, size / weight
    return Near([total], [size / 1_000_000 + fractions.Fraction(5e-324)], [e for e, _ in pairs], True)


def vector(feature, lists):
    scale, totals = scale_of(feature), [0] * feature["dim"]
    for x in lists:
        units = [int(fixed(i, feature) * 10**scale) for i in x]
        if feature.get("bits"):
            step = 1
            while max(map(abs, units)) > ((1 << feature["bits"]) - 1) * step:
                step *= 2
            units = [round(fractions.Fraction(u, step)) * step for u in units]
        totals = [a + b for a, b in zip(totals, units)]
    count = len(lists) if feature["kind"] == "vector_mean" else 1
    return [float(fractions.Fraction(n, 10**scale * count)) for n in totals]


# --- tokens --------------------------------------------------------------------------------------------------------------


@functools.lru_cache(1 << 16)
def covers(text, view, stream, partition):
    """What a token covers of a partition: origin -> first offset that it does not. A text that is no token has seen nothing."""
    try:
        if text[:1] != b"t":
            return {}
        raw = base64.b64decode(text[1:] + b"=" * (-(len(text) - 1) % 4), altchars=b"-_", validate=True)
        return _Token(raw[:-16]).covers(view, stream, partition)
    except (ValueError, IndexError, TypeError):
        return {}


class _Token:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        n = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    def text(self):
        n = self.number()
        self.at += n
        return self.data[self.at - n : self.at].decode()

    def covers(self, view, stream, partition):
        out = {}
        if self.number() != 1:
            return {}
        self.number()  # read time
        for _ in range(self.number()):
            name, _, seen = self.text(), self.number(), self.frontier()
            for (s, origin, _, p), next_offset in seen.items():
                if name in ("", view) and (s, p) == (stream, partition):
                    out[origin] = max(out.get(origin, 0), next_offset)
        return out

    def frontier(self):
        if self.number() != 1:
            raise ValueError("frontier")
        out, stream, origin = {}, "", ""
        for _ in range(self.number()):
            stream, origin = self.text() or stream, self.text() or origin
            incarnation, partition, next_offset, _ = self.number(), self.number(), self.number(), self.number()
            out[stream, origin, incarnation, partition] = next_offset
        return out


# --- one view ------------------------------------------------------------------------------------------------------------


EXACT = ("sum", "mean", "decayed_sum", "ema", "vector_sum", "vector_mean")


def over_bound(view, event):
    """Whether a number is beyond what its feature's scale can hold: then the record is set aside, and the view never sees it."""
    return any(abs(n) > 1 << 95 for f in view["features"] if f["kind"] in EXACT for n in _units(f, event))


def _units(f, event):
    """What an event gives a feature of exact numbers, in units of its scale."""
    x = _input(f["of"], event)
    if x is None or "dim" in f and skips(f, event, x):
        return []
    if "dim" in f:
        return [fixed(i, f) * 10 ** scale_of(f) for i in x]
    n = fixed(x, f) * 10 ** scale_of(f)
    w = _input(f["weight"], event) if "weight" in f else None
    if w is None:
        return [n]
    w = fixed(w, f, f["weight_type"]) * 10 ** scale_of(f, f["weight_type"])
    return [n, w, n * w]


def counted(stream, events):
    """The events without later copies of an id, within the horizon of the copy that counted: first in each origin, then over all."""
    if not stream.get("event_id"):
        return events
    origins = sorted({e["origin"] for e in events})
    first = [e for o in origins for e in _firsts(stream, [e for e in events if e["origin"] == o])]
    return _firsts(stream, first)


def _firsts(stream, events):
    at, kept = {}, []
    for e in sorted(events, key=lambda e: (e["stamp"], e["origin"], e["partition"], e["offset"])):
        before = None if e["id"] is None else at.get(e["id"])
        if before is None or ((e["stamp"] >> 16) - (before >> 16)) * 1000 > stream["horizon"]:
            at[e["id"]] = e["stamp"]
            kept.append(e)
    return kept


def read(view, stream, events, t, known=None):
    """(newest, [(status, value)]) of a key's events at t; known: the greatest created timestamp, None for no such cut."""
    cut = [e for e in events if (known is None or e["created"] <= known) and not over_bound(view, e)]
    in_time = [e for e in counted(stream, cut) if e["time"] <= t]
    seen = [e for e in in_time if passes(view.get("where"), e)]
    newest = max((e["time"] for e in seen), default=None)
    if any(f.get("removes") == "observed" for f in view["features"]):
        for e in seen:
            e["covers"] = covers(e["headers"].get("anabranch-observed") or b"", view["name"], stream["name"], e["partition"])
    cells = []
    for feature in view["features"]:
        if newest is None:
            cells.append(("NOT_FOUND", None))
        elif view.get("ttl") and newest < t - view["ttl"]:
            cells.append(("OUTSIDE_MAX_AGE", None))
        else:
            chosen = [e for e in seen if passes(feature.get("where"), e)]
            if feature.get("window"):
                pane = 1 if feature.get("exact") else pane_of(feature)
                begin = (t - feature["window"]) // pane * pane
                chosen = [e for e in chosen if e["time"] >= begin]
            if "half_life" in feature:
                half = feature["half_life"]
                chosen = [e for e in chosen if e["time"] // half >= (newest - LIVES * half) // half]
            got = value(feature, chosen, t)
            cells.append(("NULL_VALUE" if got is None else "PRESENT", got))
    return newest, cells
