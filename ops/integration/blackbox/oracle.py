"""What features are worth, by brute force, from the meaning of values alone.

A project is the plain model that generate.py makes: expressions are trees and not text, durations are microseconds. An event is
a dict: origin, partition, offset, stamp, created (µs), time (µs), id (bytes or None), fields. Every value is recomputed from
the plain list of events; nothing is kept, nothing is shared with the code under test, and only Python's own library is used.

Values of types: int64, date (days) and timestamp (µs) are ints, decimals are unscaled ints, the others are Python's.
"""

import decimal
import fractions

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


def scale_of(feature):
    kind = feature["of_type"]
    if kind.startswith("decimal"):
        return int(kind.split(":")[1])
    return 0 if kind == "int64" else feature["scale"]


def fixed(x, feature):
    """An exact fraction: a float rounded half-even to the scale by its shortest decimal form."""
    scale = scale_of(feature)
    if feature["of_type"].startswith("decimal"):
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
    if kind == "mean":
        return "float64"
    if kind in ("recent", "set"):
        return "list:" + of
    if kind == "sum":
        chosen = feature.get("as") or ("decimal" if of.startswith("decimal") else of)
        return f"decimal:{scale_of(feature)}" if chosen == "decimal" else chosen
    return of


def _sum(feature, numbers):
    total = sum(numbers, fractions.Fraction(0))
    kind = type_of(feature)
    if kind == "float64":
        return float(total)
    if kind == "int64":
        return max(INT_MIN, min(INT_MAX, round(total)))
    return int(total * 10 ** scale_of(feature))


def value(feature, events):
    """The value over E, None for null."""
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
    pairs = [(e, x) for e, x in pairs if x is not None]
    values = [x for _, x in pairs]
    if kind == "sum":
        return _sum(feature, [fixed(x, feature) for x in values])
    if kind == "mean":
        return float(sum(fixed(x, feature) for x in values) / len(values)) if values else None
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
        removes = feature.get("remove_where")
        return sorted(x for x in newest_first[: feature.get("max", 1000)] if removes is None or not passes(removes, touched[x]))
    raise ValueError(kind)


# --- one view ------------------------------------------------------------------------------------------------------------


def over_bound(view, event):
    """Whether a number is beyond what its feature's scale can hold: then the record is set aside, and the view never sees it."""
    for f in view["features"]:
        if f["kind"] in ("sum", "mean"):
            x = _input(f["of"], event)
            if x is not None and abs(fixed(x, f)) * 10 ** scale_of(f) > 1 << 95:
                return True
    return False


def counted(stream, events):
    """The events without later copies of an id in the same origin, within the horizon of the copy that counted."""
    at, kept = {}, []
    for e in sorted(events, key=lambda e: (e["origin"], e["partition"], e["offset"])):
        if not stream.get("event_id") or e["id"] is None:
            kept.append(e)
            continue
        before = at.get((e["origin"], e["id"]))
        if before is None or ((e["stamp"] >> 16) - (before >> 16)) * 1000 > stream["horizon"]:
            at[e["origin"], e["id"]] = e["stamp"]
            kept.append(e)
    return kept


def read(view, stream, events, t, known=None):
    """(newest, [(status, value)]) of a key's events at t; known: the greatest created timestamp, None for no such cut."""
    cut = [e for e in events if (known is None or e["created"] <= known) and not over_bound(view, e)]
    in_time = [e for e in counted(stream, cut) if e["time"] <= t]
    seen = [e for e in in_time if passes(view.get("where"), e)]
    newest = max((e["time"] for e in seen), default=None)
    cells = []
    for feature in view["features"]:
        if newest is None:
            cells.append(("NOT_FOUND", None))
        elif view.get("ttl") and newest < t - view["ttl"]:
            cells.append(("OUTSIDE_MAX_AGE", None))
        else:
            chosen = [e for e in seen if passes(feature.get("where"), e)]
            if feature.get("window"):
                pane = pane_of(feature)
                begin = (t - feature["window"]) // pane * pane
                chosen = [e for e in chosen if e["time"] >= begin]
            got = value(feature, chosen)
            cells.append(("NULL_VALUE" if got is None else "PRESENT", got))
    return newest, cells
