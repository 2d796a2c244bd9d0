"""Drives the binary from outside through random projects and judges every cell by the oracle.

    run.py --exe ANABRANCH --seeds 1,2,5-9 [--work DIR] [--keep] [--kinds NAME,...]

Needs confluent-kafka, fastavro, pyarrow and httpx beside Python's own library. Exit code 3 if anything differed.
"""

import argparse
import base64
import collections
import csv
import datetime
import gzip
import hashlib
import io
import json
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import time
import traceback

import confluent_kafka
import fastavro
import httpx
import pyarrow as pa
import pyarrow.parquet as pq

import generate
import oracle
from oracle import DAY, HOUR, MINUTE

HTTP = httpx.Client(verify=False)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Wrong(Exception):
    """Something is not as documented."""


def clock():
    return time.time_ns() // 1000


def micros_of(moment):
    return (moment - EPOCH) // datetime.timedelta(microseconds=1)


def parse_time(text):
    """Microseconds of RFC 3339 in UTC."""
    head, _, fraction = text.removesuffix("Z").partition(".")
    return micros_of(datetime.datetime.fromisoformat(head + "+00:00")) + int((fraction + "000000")[:6])


def murmur2(data):
    """Kafka's, positive."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) // 4 * 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    rest = data[whole:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


def key_text(parts):
    """The record key of join keys."""
    def plain(x):
        return x if isinstance(x, bytes) else str(x).encode()

    if not parts:
        return b""
    if len(parts) == 1:
        return plain(parts[0])
    items = [base64.b64encode(x).decode() if isinstance(x, bytes) else x for x in parts]
    return json.dumps(items, ensure_ascii=False, separators=(",", ":")).encode()


# --- the system under test -----------------------------------------------------------------------------------------------


class Dev:
    """A dev server of its own, and the commands against it."""

    def __init__(self, exe, root, log):
        self.exe, self.root, self.log, self.process, self.addresses = exe, root, log, None, None

    def start(self, *flags):
        self.flags = flags or self.flags
        err = open(self.root / "dev.log", "ab")
        self.process = subprocess.Popen([self.exe, "dev", "--json", "--data", str(self.root / "data"), *self.flags], stdout=subprocess.PIPE, stderr=err, cwd=self.root)
        line = self.process.stdout.readline()
        if not line:
            raise Wrong(f"dev did not start: see {self.root}/dev.log")
        self.addresses = json.loads(line)["regions"]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def restart(self):
        self.kill()
        self.start()

    def popen(self, region, *args):
        return subprocess.Popen([self.exe, *args, "--server", self.addresses[region]["http"], "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.root)

    def run(self, region, *args, codes=(0,)):
        p = self.popen(region, *args)
        out, err = p.communicate(timeout=180)
        if p.returncode not in codes:
            raise Wrong(f"{' '.join(args)} in {region}: exit {p.returncode}: {err.decode()[:2500]} {out.decode()[-500:]}")
        return json.loads(out) if out.strip() else {}

    def post(self, region, path, body):
        r = HTTP.post(self.addresses[region]["http"] + path, json=body, timeout=60)
        return r.status_code, json.loads(r.text)


# --- one seed ------------------------------------------------------------------------------------------------------------


class Box:
    def __init__(self, seed, exe, root):
        self.seed, self.rng, self.root = seed, random.Random(seed * 7919 + 1), root
        self.project = generate.project(seed)
        self.dev = Dev(exe, root, None)
        self.cells, self.checks = 0, collections.Counter()
        self.base = clock()
        self.sources = {}  # topic → Events
        self.rows = {}  # topic → n → row
        self.bad = {}  # (region, topic, partition, offset) → reason
        self.truth, self.as_read = {}, {}  # topic → key → events; the same as a stream reads them
        self.files, self.consumers = 0, {}
        self.tokens = []  # of reads and writes
        for s in self.project["streams"]:
            if s["topic"] not in self.sources:
                self.sources[s["topic"]] = generate.Events(self.rng, s, self.base)

    # definitions

    def write_definitions(self):
        folder = self.root / "defs"
        folder.mkdir(exist_ok=True)
        for name, text in generate.definitions(self.project).items():
            (folder / name).write_text(text)

    def stream(self, name):
        return next(s for s in self.project["streams"] if s["name"] == name)

    def view(self, name):
        return next(v for v in self.project["views"] if v["name"] == name)

    def entity(self, s):
        return next(e for e in self.project["entities"] if e["name"] == s["entity"])

    # producing

    def write_events(self, s, rows):
        """A file of the rows in a random format."""
        rng = self.rng
        self.files += 1
        formats = ["jsonl", "jsonl", "avro", "parquet"] + (["csv"] * 2 if generate.fits_csv(s, rows) else [])
        kind = rng.choice(formats)
        path = self.root / f"events{self.files}.{kind}"
        if kind == "jsonl":
            lines = []
            for row in rows:
                spelled = {f["name"]: generate.as_json(f, row[f["name"]], rng) for f in s["fields"]
                           if not ("default" in f and row[f["name"]] == f["default"] and rng.random() < 0.5)}
                lines.append(json.dumps(spelled, ensure_ascii=rng.random() < 0.5))
            data = ("\n".join(lines) + "\n").encode()
        elif kind == "csv":
            text = io.StringIO()
            out = csv.writer(text, lineterminator="\n")
            out.writerow([f["name"] for f in s["fields"]])
            for row in rows:
                out.writerow([generate.as_cell(f, row[f["name"]], rng) for f in s["fields"]])
            data = text.getvalue().encode()
        elif kind == "avro":
            out = io.BytesIO()
            fastavro.writer(out, fastavro.parse_schema(generate.avro_schema(s)), [{f["name"]: generate.as_avro(f, r[f["name"]]) for f in s["fields"]} for r in rows],
                            codec=rng.choice(["null", "deflate"]))
            data = out.getvalue()
        else:
            self.write_parquet(path, s, rows)
            return path
        if kind in ("jsonl", "csv") and rng.random() < 0.3:
            path = path.with_name(path.name + ".gz")
            data = gzip.compress(data)
        path.write_bytes(data)
        return path

    def write_parquet(self, path, s, rows):
        arrow = {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string(), "bool": pa.bool_(), "bytes": pa.binary(), "date": pa.date32(),
                 "ts": pa.timestamp("us", "UTC")}
        columns = {}
        for f in s["fields"]:
            kind = "ts" if f["avro"] == "plainms" else generate.AVRO[f["avro"]][1]
            values = [r[f["name"]] for r in rows]
            if kind.startswith("decimal"):
                scale = int(kind[8:])
                t, values = pa.decimal128(38, scale), [None if x is None else generate.dec(x, scale) for x in values]
            elif kind == "list:decimal:2":
                t, values = pa.list_(pa.decimal128(38, 2)), [x and [generate.dec(i, 2) for i in x] for x in values]
            elif kind.startswith("list:"):
                t = pa.list_(arrow[kind[5:]])
            else:
                t = arrow[kind]
            columns[f["name"]] = pa.array(values, t)
        pq.write_table(pa.table(columns), path, compression=self.rng.choice(["snappy", "zstd", "gzip", "none"]), row_group_size=self.rng.choice([3, 1000]))

    def draw_batch(self):
        s = self.rng.choice(self.project["streams"])
        rows = self.sources[s["topic"]].batch(self.rng.choice([1, 5, 30, 80, 150] + [600] * (self.seed % 10 == 0)))
        nulls = [name for name in s["key"]]
        rows = [r for r in rows if all(r[k] is not None for k in nulls)]
        self.rows.setdefault(s["topic"], {}).update({r["n"]: r for r in rows})
        return s, rows, self.write_events(s, rows)

    def produce(self):
        s, rows, path = self.draw_batch()
        region = self.rng.choice(self.project["regions"])
        if self.rng.random() < 0.15:
            return self.push(s, rows, region)
        got = self.dev.run(region, "produce", s["name"], "--input", str(path), "--wait", "--timeout", "60s")
        if got["produced"] != len(rows) or got["rejected"]:
            raise Wrong(f"produce {path}: {got}, want {len(rows)}")
        self.tokens.append(got["token"].encode())
        if self.rng.random() < 0.35:
            again = self.rng.choice(self.project["regions"])
            self.dev.run(again, "produce", s["name"], "--input", str(path), "--wait", "--timeout", "60s")
            self.checks["copied" if again != region else "repeated"] += len(rows)
        return s, path, region

    def push(self, s, rows, region):
        columns = {f["name"]: [generate.as_json(f, r[f["name"]], None) for r in rows] for f in s["fields"]}
        code, got = self.dev.post(region, "/push", {"push_source_name": s["name"], "df": columns, "to": self.rng.choice(["online", "offline", "online_and_offline"])})
        if code != 200 or got["produced"] != len(rows):
            raise Wrong(f"push: {code} {got}, want {len(rows)}")
        self.checks["pushed"] += len(rows)
        self.settle()

    def produce_bad(self):
        """Records of a foreign producer that must be set aside."""
        rng = self.rng
        s = rng.choice([s for s in self.project["streams"] if s["name"] != "twin"])
        region = rng.choice(self.project["regions"])
        encode, sent = self.encoder(region, s), []
        producer = self.producer(region)

        def send(reason, value, key, partition):
            def delivered(err, m, reason=reason):
                if err:
                    raise Wrong(f"foreign producer: {err}")
                sent.append((m.partition(), m.offset()))
                if reason:
                    self.bad[region, s["topic"], m.partition(), m.offset()] = reason

            producer.produce(s["topic"], value=value, key=key, partition=partition, headers=[("ce_id", os.urandom(4).hex().encode())] if rng.random() < 0.5 else None,
                             on_delivery=delivered)

        source = self.sources[s["topic"]]
        for reason in ["tombstone", "undecodable", "future", "misrouted", "not finite", "null key field", None, None]:
            row = dict(source.row())
            doubles = [f["name"] for f in s["fields"] if f["avro"] in ("double", "float")]
            key = key_text([row[k] for k in s["key"]])
            if reason == "future":
                row[s["time"]] = (clock() + s["max_future"] + 30_000_000) // 1000 * 1000
            if reason == "not finite":
                row[rng.choice(doubles)] = rng.choice([float("nan"), float("inf"), float("-inf")])
            partition = murmur2(key) % s["partitions"]
            if reason == "null key field":
                nullable = [f["name"] for f in s["fields"] if f.get("key") and f["nullable"]]
                if not nullable:
                    continue
                row[rng.choice(nullable)] = None
            value = encode(row)
            if reason == "tombstone":
                value = None
            if reason == "undecodable":
                value = rng.choice([value[:-1], value + b"\0", b"\1" + value[1:], b"", value[:4]])
            if reason == "misrouted":
                if s["partitions"] == 1:
                    continue
                partition = (partition + 1) % s["partitions"]
            if not reason:
                self.rows.setdefault(s["topic"], {})[row["n"]] = row
            send(reason, value, key, partition)
        producer.flush()
        after = [f"{region}/{s['name']}/{p}/{o}" for p, o in sent]
        self.wait(after)

    def encoder(self, region, s):
        """What makes a record's value of a row, as any client of the schema registry would."""
        registry = self.dev.addresses[region]["schema_registry"]
        answer = HTTP.get(f"{registry}/subjects/{s['topic']}-value/versions/latest").json()
        schema = fastavro.parse_schema(json.loads(answer["schema"]))

        def encode(row):
            body = io.BytesIO()
            fastavro.schemaless_writer(body, schema, {f["name"]: generate.as_avro(f, row[f["name"]]) for f in s["fields"]})
            return b"\0" + answer["id"].to_bytes(4, "big") + body.getvalue()

        return encode

    def produce_observed(self):
        """Records that say what their producer had seen: the token of a read of the key, now or before, of a write, of another key, or no token."""
        rng = self.rng
        views = [v for v in self.project["views"] if any(f.get("removes") == "observed" for f in v["features"])]
        for v in rng.sample(views, min(2, len(views))):
            s, region = self.stream(v["stream"]), rng.choice(self.project["regions"])
            encode, producer, sent = self.encoder(region, s), self.producer(region), []

            def delivered(err, m):
                if err:
                    raise Wrong(f"foreign producer: {err}")
                sent.append((m.partition(), m.offset()))

            for _ in range(rng.randint(1, 20)):
                row = self.sources[s["topic"]].row()
                self.sources[s["topic"]].rows.pop()  # no other file sends it again
                key = tuple(row[k] for k in s["key"])
                if None in key:
                    continue
                self.rows.setdefault(s["topic"], {})[row["n"]] = row
                headers = [("ce_id", os.urandom(4).hex().encode())]
                token = self.seen(v, s, key)
                if token is not None:
                    headers.append(("anabranch-observed", token))
                producer.produce(s["topic"], value=encode(row), key=key_text(key), partition=murmur2(key_text(key)) % s["partitions"], headers=headers, on_delivery=delivered)
                if rng.random() < 0.3:
                    producer.flush(20)
            producer.flush(20)
            self.wait([f"{region}/{s['name']}/{p}/{o}" for p, o in sent])
            self.checks["observed"] += len(sent)

    def seen(self, v, s, key):
        """A token for the header of a record."""
        rng, shape = self.rng, self.rng.random()
        if shape < 0.15:
            return rng.choice([None, b"", b"t", b"token", b"tAQ"])
        if shape < 0.4 and self.tokens:
            return rng.choice(self.tokens)
        names = [name for name, _ in self.entity(s)["keys"]]
        if shape < 0.5:
            keys = sorted(self.truth.get(s["topic"], {}), key=repr)
            key = rng.choice(keys) if keys else key
        entity = {n: base64.b64encode(x).decode() if isinstance(x, bytes) else x for n, x in zip(names, key)}
        features = [rng.choice(self.project["views"])["name"] if rng.random() < 0.1 and len(self.project["entities"]) == 1 else v["name"]]
        features = [f"{name}:*" for name in features]
        code, got = self.dev.post(rng.choice(self.project["regions"]), "/v1/features", {"features": features, "entities": [entity]})
        if code != 200:
            raise Wrong(f"reading {features} of {entity}: {code} {got}")
        self.tokens.append(got["token"].encode())
        return self.tokens[-1]

    def producer(self, region, **more):
        packing = self.rng.choice(["none", "gzip", "snappy", "lz4", "zstd"])
        return confluent_kafka.Producer({"bootstrap.servers": self.dev.addresses[region]["kafka"], "log_level": 0, "compression.type": packing, **more})

    def produce_foreign(self):
        """Records of a writer whose schema is another: fields in another order, some left out, narrower numbers; in a transaction or not."""
        rng = self.rng
        s, region = rng.choice(self.project["streams"]), rng.choice(self.project["regions"])
        fields = [f for f in s["fields"] if "default" not in f or rng.random() < 0.6]
        rng.shuffle(fields)
        narrow = [f for f in fields if f["avro"] in ("long", "double") and not f["nullable"] and not f.get("key") and rng.random() < 0.5]
        schema = generate.avro_schema(dict(s, fields=fields))
        for spec in schema["fields"]:
            if any(f["name"] == spec["name"] for f in narrow):
                spec["type"] = "int" if spec["type"] == "long" else "float"
                if spec["type"] == "float" or "default" in spec:
                    spec.pop("default", None)
        # A subject of its own: the topic's would refuse it, for what is in the topic already.
        answer = HTTP.post(f"{self.dev.addresses[region]['schema_registry']}/subjects/foreign{os.urandom(3).hex()}-value/versions", json={"schema": json.dumps(schema)})
        if answer.status_code != 200:
            raise Wrong(f"a schema was refused: {answer.text} {schema}")
        number, parsed = answer.json()["id"], fastavro.parse_schema(schema)
        transactional = rng.random() < 0.5
        producer = self.producer(region, **({"transactional.id": f"box{os.urandom(4).hex()}"} if transactional else {"enable.idempotence": rng.random() < 0.5}))
        if transactional:
            producer.init_transactions(20)
        sent = []

        def delivered(err, m):
            if err:
                raise Wrong(f"foreign producer: {err}")
            sent.append((m.partition(), m.offset()))

        for abort in [True, False, True, False] if transactional else [False]:
            if transactional:
                producer.begin_transaction()
            for _ in range(rng.randint(1, 10)):
                row = self.sources[s["topic"]].row()
                self.sources[s["topic"]].rows.pop()  # no other file sends it again
                for f in s["fields"]:
                    if f not in fields:
                        row[f["name"]] = f["default"]
                for f in narrow:
                    name = f["name"]
                    row[name] = self.single(row[name]) if f["avro"] == "double" else row[name] if abs(row[name]) < 1 << 31 else 5
                key = key_text([row[k] for k in s["key"]])
                if any(row[k] is None for k in s["key"]):
                    continue
                body = io.BytesIO()
                fastavro.schemaless_writer(body, parsed, {f["name"]: generate.as_avro(f, row[f["name"]]) for f in fields})
                if not abort:
                    self.rows.setdefault(s["topic"], {})[row["n"]] = row
                producer.produce(s["topic"], value=b"\0" + number.to_bytes(4, "big") + body.getvalue(), key=key, partition=murmur2(key) % s["partitions"],
                                 headers=[("ce_id", rng.choice([b"", b"x", os.urandom(3)]))], on_delivery=None if abort else delivered)
            if transactional:
                (producer.abort_transaction if abort else producer.commit_transaction)(20)
        producer.flush(20)
        self.wait([f"{region}/{s['name']}/{p}/{o}" for p, o in sent])
        self.checks["transactional" if transactional else "foreign"] += len(sent)

    @staticmethod
    def single(x):
        try:
            return struct.unpack("f", struct.pack("f", x))[0]
        except OverflowError:
            return 1.5

    def wait(self, after):
        for region in self.project["regions"]:
            deadline = time.time() + 60
            while True:
                ok = True
                for v in self.project["views"]:
                    names = {s["name"] for s in self.project["streams"]}
                    mine = [a for a in after if a.split("/")[1] == v["stream"]]
                    if not mine:
                        # The twin of a stream reads the same records.
                        topic = self.stream(v["stream"])["topic"]
                        mine = ["/".join([p[0], v["stream"], p[2], p[3]]) for p in (a.split("/") for a in after) if self.stream(p[1])["topic"] == topic]
                    if not mine:
                        continue
                    keys = self.entity(self.stream(v["stream"]))["keys"]
                    row = {n: {"string": "a", "int64": 1, "bytes": "YQ=="}[t] for n, t in keys}
                    code, got = self.dev.post(region, "/v1/features", {"features": [v["name"] + ":" + v["features"][0]["name"]], "entities": [row], "after": mine, "deadline": "10s"})
                    if code != 200:
                        ok = False
                        problem = (code, got)
                if ok:
                    break
                if time.time() > deadline:
                    raise Wrong(f"positions {after} not reached in {region}: {problem}")
                time.sleep(0.2)

    # what the logs hold

    def read_log(self):
        """All records of all regions' logs, as any Kafka client sees them."""
        self.truth, self.appends, self.as_read = {}, [], {}
        for topic in self.sources:
            s = next(x for x in self.project["streams"] if x["topic"] == topic)
            by_key = self.truth.setdefault(topic, {})
            for region in self.project["regions"]:
                for partition in range(s["partitions"]):
                    self.read_partition(s, region, partition, by_key)

    def read_partition(self, s, region, partition, by_key):
        topic, stamp = s["topic"], -1
        fields = {f["name"]: f for f in s["fields"]}
        for m in self.records(region, topic, partition):
            ms = m.timestamp()[1]
            stamp = max(ms << 16, stamp + 1)
            self.appends.append(ms * 1000)
            if (region, topic, partition, m.offset()) in self.bad:
                continue
            n = self.decode(region, m)
            row = self.rows[topic][n["n"]]
            for name, f in fields.items():
                if name not in n:
                    continue  # written before the schema had it
                if f["avro"] == "uuid" and n[name] is not None:
                    n[name] = str(n[name])
                if generate.as_avro(f, row[name]) != n[name] and not (f["avro"] == "plainms" and row[name] == n[name] * 1000):
                    raise Wrong(f"{topic} {region}/{partition}/{m.offset()}: field {name} is {n[name]!r}, was produced as {row[name]!r}")
            key = tuple(row[k] for k in s["key"])
            if m.key() != key_text(key) and not (m.key() is None and key_text(key) == b""):
                raise Wrong(f"record key {m.key()!r} of {key}")
            if murmur2(key_text(key)) % s["partitions"] != partition:
                raise Wrong(f"partition {partition} of {key}")
            by_key.setdefault(key, []).append({
                "origin": region, "partition": partition, "offset": m.offset(), "stamp": stamp, "append": ms * 1000, "time": row[s["time"]],
                "headers": dict(m.headers() or []), "fields": {k: generate.canonical(v) for k, v in row.items()},
            })

    def records(self, region, topic, partition):
        if region not in self.consumers:
            self.consumers[region] = confluent_kafka.Consumer({"bootstrap.servers": self.dev.addresses[region]["kafka"], "group.id": "box", "enable.auto.commit": False, "log_level": 0,
                                                                "enable.partition.eof": True, "isolation.level": "read_committed"})
        consumer = self.consumers[region]
        at = confluent_kafka.TopicPartition(topic, partition, 0)
        end = consumer.get_watermark_offsets(at, timeout=20)[1]
        if not end:
            return []
        consumer.assign([at])
        got, deadline = [], time.time() + 30
        while time.time() < deadline:
            m = consumer.poll(1.0)
            if m is None or m.topic() != topic or m.partition() != partition:
                continue
            if m.error() is None:
                got.append(m)
            elif m.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                return got
        raise Wrong(f"{topic} in {region}: {len(got)} of {end} records read")

    schemas = None

    def decode(self, region, m):
        self.schemas = self.schemas or {}
        value = m.value()
        number = int.from_bytes(value[1:5], "big")
        at = (self.dev.addresses[region]["schema_registry"], number)
        if at not in self.schemas:
            self.schemas[at] = fastavro.parse_schema(json.loads(HTTP.get(f"{at[0]}/schemas/ids/{number}").json()["schema"]))
        body = io.BytesIO(value[5:])
        row = fastavro.schemaless_reader(body, self.schemas[at])
        if body.read():
            raise Wrong("bytes after a body")
        return row

    def events(self, s, key):
        """A key's events as one stream reads its topic."""
        at = (s["name"], key)
        if at not in self.as_read:
            self.as_read[at] = self.read_as(s, key)
        return self.as_read[at]

    def read_as(self, s, key):
        out = []
        for e in self.truth[s["topic"]].get(key, []):
            e = dict(e)
            e["created"] = e["fields"][s["created"]] if s["created"] else None
            if e["created"] is None:
                e["created"] = e["append"]
            e["id"] = None
            if s.get("event_id"):
                where, name = s["event_id"]
                e["id"] = e["headers"].get(name) if where == "header" else e["fields"][name]
            out.append(e)
        return out

    # what a service asks

    def columns(self, svc):
        """(feature as asked, short name, full name, type, entry, index in view) in order; and the key columns with types."""
        features, keys = [], {}
        for entry in svc["entries"]:
            v = self.view(entry["view"])
            alias = entry.get("as", entry["view"])
            for name, kind in self.entity(self.stream(v["stream"]))["keys"]:
                keys[entry["keys"].get(name, name)] = kind
            names = [f["name"] for f in v["features"]]
            for name in names if entry["features"] == ["*"] else entry["features"]:
                features.append((f"{alias}:{name}", name, f"{alias}__{name}", oracle.type_of(v["features"][names.index(name)]), entry, names.index(name)))
        return features, keys

    def entry_key(self, entry, row):
        s = self.stream(self.view(entry["view"])["stream"])
        return s, tuple(row[entry["keys"].get(name, name)] for name, _ in self.entity(s)["keys"])

    def expected(self, svc, row, t, cut):
        """Per feature (status, value, newest); cut(t) is the greatest created timestamp known, or None."""
        answers, out = {}, []
        for _, _, _, _, entry, i in self.columns(svc)[0]:
            s, key = self.entry_key(entry, row)
            if None in key:
                out.append(("INVALID", None, None))
                continue
            at = (entry["view"], key)
            if at not in answers:
                answers[at] = oracle.read(self.view(entry["view"]), s, self.events(s, key), t, cut(t))
            newest, cells = answers[at]
            out.append((*cells[i], newest))
        return out

    def random_row(self, svc):
        """A row of key columns: keys that exist, unknown ones."""
        row, rng = {}, self.rng
        _, columns = self.columns(svc)
        for name, kind in columns.items():
            row[name] = rng.choice({"string": generate.WORDS + ["unknown"], "int64": generate.LONGS, "bytes": [b"", b"a", b"none"]}[kind])
        for entry in svc["entries"]:
            s = self.stream(self.view(entry["view"])["stream"])
            known = sorted(self.truth[s["topic"]], key=repr)
            if known and rng.random() < 0.9:
                for (name, _), x in zip(self.entity(s)["keys"], rng.choice(known)):
                    row[entry["keys"].get(name, name)] = x
        return row

    def newest(self, svc, row):
        times = [0]
        for entry in svc["entries"]:
            s, key = self.entry_key(entry, row)
            times += [e["time"] for e in self.truth[s["topic"]].get(key, [])]
        return max(times)

    # checks

    def differ(self, what, feature, row, t, want, got):
        raise Wrong(f"{what}: {feature} of {row} at {generate.rfc3339(t)} ({t}): got {got!r}, want {want!r}")

    def services(self):
        """The project's, and features asked for by their names."""
        entries = []
        for v in self.rng.sample(self.project["views"], self.rng.randint(1, len(self.project["views"]))):
            names = [f["name"] for f in v["features"]]
            for name in ["*"] if self.rng.random() < 0.5 else self.rng.sample(names, min(3, len(names))):
                entries.append({"view": v["name"], "keys": {}, "features": [name]})
        asked = [f"{e['view']}:{e['features'][0]}" for e in entries]
        return self.project["services"] + [{"name": ",".join(asked), "asked": asked, "entries": entries}]

    def exchanged(self, seconds=30):
        """Waits until what several regions accepted of one id counts once in each: it is taken back once they have told one another."""
        deadline, before = time.time() + seconds, self.cells
        for region in self.project["regions"]:
            for v in self.project["views"]:
                s = self.stream(v["stream"])
                if not s.get("event_id") or len(self.project["regions"]) == 1:
                    continue
                svc = {"name": v["name"], "asked": [v["name"] + ":*"], "entries": [{"view": v["name"], "keys": {}, "features": ["*"]}]}
                names = [name for name, _ in self.entity(s)["keys"]]
                for key in sorted(self.truth[s["topic"]], key=repr):
                    row = dict(zip(names, key))
                    while True:
                        try:
                            self.check_answer(region, svc, [row], self.newest(svc, row))
                            break
                        except Wrong:
                            if time.time() > deadline:
                                raise
                            self.checks["waited for ids"] += 1
                            time.sleep(0.2)
        self.cells = before

    def check_online(self):
        for region in self.project["regions"]:
            for svc in self.services():
                rows = [self.random_row(svc) for _ in range(12)]
                newest = max(self.newest(svc, r) for r in rows)
                edge = self.rng.choice([MINUTE, HOUR, DAY])
                for at in (newest, newest // edge * edge + edge, newest + self.rng.randrange(40 * DAY), None):
                    self.check_answer(region, svc, rows, at)
                for row in rows[:4]:
                    self.check_answer(region, svc, [row], self.newest(svc, row))
                    self.check_early(region, svc, row)
                self.check_cli(region, svc)
                self.check_feast(region, svc, rows)

    def what_of(self, svc):
        return {"features": svc["asked"]} if "asked" in svc else {"service": svc["name"]}

    def check_answer(self, region, svc, rows, at):
        strings = self.rng.random() < 0.3
        spelled = [{k: base64.b64encode(x).decode() if isinstance(x, bytes) else str(x) if strings else x for k, x in r.items()} for r in rows]
        body = dict(self.what_of(svc), entities=spelled)
        if at is not None:
            body["at"] = generate.rfc3339(at)
        code, got = self.dev.post(region, "/v1/features", body)
        if code != 200:
            raise Wrong(f"online {region} {svc['name']} {body}: {code} {got}")
        self.judge_online(region, svc, rows, at, got)

    def judge_online(self, region, svc, rows, at, got):
        columns = self.columns(svc)[0]
        if got["features"] != [c[0] for c in columns]:
            raise Wrong(f"online features {got['features']}, want {[c[0] for c in columns]}")
        if len(got["rows"]) != len(rows):
            raise Wrong("online rows")
        features = [self.view(e["view"])["features"][i] for _, _, _, _, e, i in columns]
        for row, answer in zip(rows, got["rows"]):
            self.judge_errors(features, answer)
            t = parse_time(answer.get("at", got["at"]))
            if at is not None and t != at:
                raise Wrong(f"asked at {at}, answered at {t}")
            for i, (want, c) in enumerate(zip(self.expected(svc, row, t, lambda t: None), columns)):
                status, value, newest = want
                self.cells += 1
                have = answer["statuses"][i], answer["values"][i], answer["event_timestamps"][i]
                want = status, shown(value, c[3], to_json), newest
                if have[0] != status or not agrees(have[1], value, c[3], to_json, same_json) or (None if have[2] is None else parse_time(have[2])) != newest:
                    self.differ(f"online {region} {svc['name']}", c[0], row, t, want, have)

    def judge_errors(self, features, answer):
        """How far off an answer says that it is: nothing of exact kinds, of sketches at most what their parameters promise. Vectors of
        few bits and decayed sums are told apart from their rounded inputs at most by their own small error."""
        small = {"vector_sum", "vector_mean", "low_rank", "decayed_sum", "ema"}
        inexact = {"approx_distinct": lambda f: 1.04 / 64, "top": lambda f: f.get("error", 0.01), "quantiles": lambda f: f.get("relative_error", 0.01)}
        if "errors" in answer and not any(f["kind"] in inexact or f["kind"] in small for f in features) or "errors" not in answer and any(f["kind"] in inexact for f in features):
            raise Wrong(f"errors in {answer}")
        for f, status, value, error in zip(features, answer["statuses"], answer["values"], answer.get("errors", [])):
            if status != "PRESENT":
                ok = error is None
            else:
                most = 1 / (2 ** f.get("bits", 20) - 1) if f["kind"] in small else inexact.get(f["kind"], lambda f: 0)(f)
                ok = type(error) is float and 0 <= error <= most
                ok = ok and not (error == 0 and f["kind"] == "top" and any(x["error"] for x in value))
            if not ok:
                raise Wrong(f"error {error!r} of {f['name']}, a {f['kind']} that is {status} {value}")

    def check_early(self, region, svc, row):
        newest = self.newest(svc, row)
        if not newest:
            return
        spelled = {k: base64.b64encode(x).decode() if isinstance(x, bytes) else x for k, x in row.items()}
        code, got = self.dev.post(region, "/v1/features", dict(self.what_of(svc), entities=[spelled], at=generate.rfc3339(newest - 1)))
        if code == 422:
            self.checks["early refused"] += 1
            return
        seen = [oracle.read(self.view(e["view"]), self.entry_key(e, row)[0], self.events(*self.entry_key(e, row)), 1 << 60)[0] for e in svc["entries"]]
        if any(x is not None and x >= newest for x in seen):
            raise Wrong(f"early at of {row}: {code} {got}")

    def check_cli(self, region, svc):
        """Keys as an argument of a command."""
        def spell(x):
            return base64.b64encode(x).decode() if isinstance(x, bytes) else str(x).replace("\\", "\\\\").replace(",", "\\,")

        row = self.random_row(svc)
        args = ["--entity", ",".join(f"{k}={spell(x)}" for k, x in row.items())] if row else []
        at = self.newest(svc, row) + self.rng.choice([0, HOUR])
        got = self.dev.run(region, "get-online", svc["name"], *args, "--at", generate.rfc3339(at))
        self.judge_online(region, svc, [row], at, got)
        self.checks["cli"] += 1

    def check_feast(self, region, svc, rows):
        columns, keys = self.columns(svc)
        if not keys or any("*" in name for name in svc.get("asked", [])):
            return
        body = {**({"features": svc["asked"]} if "asked" in svc else {"feature_service": svc["name"]}), "full_feature_names": True,
                "entities": {k: [base64.b64encode(r[k]).decode() if isinstance(r[k], bytes) else r[k] for r in rows] for k in keys}}
        code, got = self.dev.post(region, "/get-online-features", body)
        if code != 200:
            raise Wrong(f"feast {body}: {code} {got}")
        names, t = got["metadata"]["feature_names"], parse_time(got["metadata"]["at"])
        for j, row in enumerate(rows):
            if self.newest(svc, row) > t:
                continue
            for c, (status, value, newest) in zip(columns, self.expected(svc, row, t, lambda t: None)):
                result = got["results"][names.index(c[2])]
                self.cells += 1
                if result["statuses"][j] != status or not agrees(result["values"][j], value, c[3], to_feast, same_json):
                    self.differ(f"feast {region}", c[2], row, t, (status, shown(value, c[3], to_feast)), (result["statuses"][j], result["values"][j]))

    # training sets

    def spine(self, svc, size=60):
        """(rows with t, path, flags)"""
        rng, rows = self.rng, []
        _, keys = self.columns(svc)
        for i in range(size):
            row = self.random_row(svc)
            events = [e for entry in svc["entries"] for e in self.events(*self.entry_key(entry, row))]
            e = rng.choice(events) if events else None
            shape = rng.random()
            if e is None or shape < 0.1:
                t = rng.choice([self.base, clock() + HOUR, -(10**14), self.base - 3 * DAY, 0])
            elif shape < 0.35:
                t = e["time"] + rng.choice([0, 0, -1, 1])
            elif shape < 0.5:
                t = rng.choice([e["created"], e["append"]]) + rng.choice([0, 0, -1, 1])
            elif shape < 0.7:
                edge = rng.choice([MINUTE, 5 * MINUTE, HOUR, DAY])
                t = (e["time"] // edge + rng.choice([0, 1])) * edge + rng.choice([0, 0, -1])
            elif shape < 0.9:
                f = rng.choice([f for entry in svc["entries"] for f in self.view(entry["view"])["features"]])
                t = e["time"] + f.get("window", DAY) + (self.view(svc["entries"][0]["view"]).get("ttl") or 0) * rng.choice([0, 1]) + rng.choice([-1, 0, 1])
            else:
                t = max(self.appends) + rng.randrange(HOUR)
            if rng.random() < 0.08 and keys:
                row[rng.choice(sorted(keys))] = None
            rows.append(dict(row, event_timestamp=t))
            if rng.random() < 0.05:
                rows.append(dict(rows[-1]))
        for i, r in enumerate(rows):
            r["row"], r["label"], r["note"] = i, rng.choice([None, 0.5, 2.0]), rng.choice(generate.WORDS[1:])
        return self.write_spine(rows, keys)

    def write_spine(self, rows, keys):
        rng = self.rng
        self.files += 1
        kind = rng.choice(["parquet", "jsonl", "csv"])
        local = rng.random() < 0.2 and kind != "parquet"
        path, flags = self.root / f"spine{self.files}.{kind}", []
        names = list(rows[0])
        rng.shuffle(names)
        if kind == "parquet":
            unit = rng.choice(["us", "ns", "us", "ms"])
            if unit == "ns" and any(abs(r["event_timestamp"]) > 9 * 10**15 for r in rows):
                unit = "us"
            zone = rng.choice(["UTC", "UTC", None, "America/New_York"])
            if unit == "ms":
                for r in rows:
                    r["event_timestamp"] = r["event_timestamp"] // 1000 * 1000
            factor = {"us": lambda x: x, "ns": lambda x: x * 1000 + rng.randrange(1000), "ms": lambda x: x // 1000}[unit]
            arrow = {"string": pa.string(), "int64": pa.int64(), "bytes": pa.binary()}
            columns = {}
            for name in names:
                values = [r[name] for r in rows]
                if name == "event_timestamp":
                    columns[name] = pa.array([factor(x) for x in values], pa.int64()).cast(pa.timestamp(unit, zone))
                else:
                    t = arrow[keys[name]] if name in keys else {"row": pa.int32(), "label": pa.float32(), "note": pa.large_string()}[name]
                    columns[name] = pa.array(values, t)
                    if name in keys and keys[name] == "string" and rng.random() < 0.3:
                        columns[name] = columns[name].dictionary_encode()
            pq.write_table(pa.table(columns), path, row_group_size=rng.choice([7, 1000]))
        elif kind == "jsonl":
            numbers = rng.random() < 0.4
            with open(path, "w") as f:
                for r in rows:
                    out = {k: base64.b64encode(r[k]).decode() if isinstance(r[k], bytes) else r[k] for k in names}
                    if local:
                        out["event_timestamp"] = self.kolkata(r["event_timestamp"])
                    elif not numbers:
                        out["event_timestamp"] = generate.rfc3339(r["event_timestamp"], rng.choice(["Z", "+00:00"]))
                    f.write(json.dumps(out, ensure_ascii=False) + "\n")
            if numbers and not local:
                flags += ["--time-unit", "us"]
        else:
            for r in rows:
                for k, x in r.items():
                    if x in ("", b""):
                        r[k] = None
            with open(path, "w", newline="") as f:
                out = csv.writer(f, lineterminator="\n")
                out.writerow(names)
                for r in rows:
                    cells = ["" if r[k] is None else base64.b64encode(r[k]).decode() if isinstance(r[k], bytes) else r[k] for k in names]
                    cells[names.index("event_timestamp")] = self.kolkata(r["event_timestamp"]) if local else generate.rfc3339(r["event_timestamp"]).replace("T", rng.choice(["T", " "])).replace("Z", rng.choice(["Z", ""]))
                    out.writerow(cells)
        return rows, path, flags + (["--timezone", "Asia/Kolkata"] if local else [])

    def kolkata(self, t):
        """A wall clock without a zone, 5:30 ahead since 1945 and 5:53:28 or so before 1906: only times since are asked for so."""
        return generate.rfc3339(t + 5 * HOUR + 30 * MINUTE).removesuffix("Z")

    def historical(self, svc, path, out, flags):
        region = self.rng.choice(self.project["regions"])
        out = self.root / out
        got = self.dev.run(region, "get-historical", svc["name"], "--spine", str(path), "--out", str(out), "--full-feature-names", *flags)
        return got, out

    def check_historical(self):
        for svc in self.services():
            if len({c[2] for c in self.columns(svc)[0]}) != len(self.columns(svc)[0]):
                continue
            rows, path, flags = self.spine(svc)
            middle = self.rng.choice(self.appends) + self.rng.choice([0, 1, -1])
            delay = self.rng.choice([1000, MINUTE, HOUR, DAY])
            cuts = [
                ([], lambda t: t),
                (["--known-at", "label"], lambda t: t),
                (["--known-at", "label-" + generate.span(delay)], lambda t: t - delay),
                (["--known-at", "off"], lambda t: None),
                (["--known-at", "off", "--as-of", generate.rfc3339(middle)], lambda t: middle),
                (["--as-of", generate.rfc3339(middle)], lambda t: min(t, middle)),
            ]
            for cut, known in self.rng.sample(cuts, 3):
                got, out = self.historical(svc, path, "train.parquet", flags + cut)
                first = out.read_bytes()
                self.judge_historical(svc, rows, known, got, out, cut, path)
                if self.rng.random() < 0.6:
                    continue
                again, out = self.historical(svc, path, "again.parquet", flags + cut)
                if out.read_bytes() != first or got["digest"] != hashlib.sha256(first).hexdigest():
                    raise Wrong(f"same request, other bytes: {svc['name']} {path} {cut}")

    def judge_historical(self, svc, rows, known, got, out, cut, path):
        columns, keys = self.columns(svc)
        table = pq.read_table(out)
        spine_names = [n for n in table.column_names if n in rows[0]]
        if sorted(spine_names) != sorted(rows[0]) or table.column_names != spine_names + [c[2] for c in columns]:
            raise Wrong(f"columns {table.column_names}")
        if table.num_rows != len(rows) or table["row"].to_pylist() != [r["row"] for r in rows]:
            raise Wrong("rows out of place")
        if str(path).endswith("parquet"):
            before = pq.read_table(path)
            for name in spine_names:
                if before[name].to_pylist() != table[name].to_pylist() or before.schema.field(name).type != table.schema.field(name).type:
                    raise Wrong(f"spine column {name} changed: {before.schema.field(name).type} {table.schema.field(name).type}")
        elif table["note"].to_pylist() != [r["note"] for r in rows]:
            raise Wrong("notes changed")
        wants = [self.expected(svc, r, r["event_timestamp"], known) for r in rows]
        statuses = [collections.Counter() for _ in columns]
        for i, c in enumerate(columns):
            if table.schema.field(c[2]).type != arrow_type(c[3]):
                raise Wrong(f"column {c[2]} is {table.schema.field(c[2]).type}, want {c[3]}")
            for row, want, have in zip(rows, wants, table[c[2]].to_pylist()):
                status, value, _ = want[i]
                statuses[i][status] += 1
                self.cells += 1
                if not agrees(have, value, c[3], to_arrow, same):
                    self.differ(f"historical {svc['name']} {' '.join(cut)} {path}", c[0], {k: row[k] for k in keys}, row["event_timestamp"], shown(value, c[3], to_arrow), have)
        manifest = json.loads(open(str(out) + ".manifest.json").read())
        if cut != ["pinned"] and "--as-of" not in cut:
            free = [self.expected(svc, r, r["event_timestamp"], lambda t: None) for r in rows]
            leaks = [collections.Counter(oracle.differs(w[i][1], f[i][1]) for w, f in zip(wants, free)) for i in range(len(columns))]
            found = [f["leaks_prevented"] for f in manifest["features"]]
            if not all(n[True] <= x <= n[True] + n[None] for x, n in zip(found, leaks)) or manifest["leaks_prevented"] != sum(found):
                raise Wrong(f"leaks {found}, want {leaks}: {svc['name']} {' '.join(cut)} {path}")
            self.checks["leaks"] += sum(found)
        for i, f in enumerate(manifest["features"]):
            if f["feature"] != columns[i][0] or f["statuses"] != dict(statuses[i]):
                raise Wrong(f"manifest of {columns[i][0]}: {f}, want {dict(statuses[i])}")

    def check_snapshot(self):
        v = self.rng.choice(self.project["views"])
        s, t = self.stream(v["stream"]), self.rng.choice(self.appends) + self.rng.choice([0, -DAY, DAY, -40 * DAY])
        out = self.root / "snap.parquet"
        self.dev.run(self.rng.choice(self.project["regions"]), "snapshot", v["name"], "--at", generate.rfc3339(t), "--out", str(out))
        keys = [name for name, _ in self.entity(s)["keys"]]
        have = {tuple(r[k] for k in keys): r for r in pq.read_table(out).to_pylist()}
        want = {}
        for key in self.truth[s["topic"]]:
            newest, cells = oracle.read(v, s, self.events(s, key), t)
            if newest is not None:
                want[key] = (newest, cells)
        if set(have) != set(want):
            raise Wrong(f"snapshot of {v['name']} at {t}: keys {set(have) ^ set(want)}")
        for key, (newest, cells) in want.items():
            if micros_of(have[key]["event_timestamp"]) != newest:
                raise Wrong(f"snapshot of {v['name']} at {t}: {key} {have[key]} newest {newest}")
            for f, (_, value) in zip(v["features"], cells):
                self.cells += 1
                kind = oracle.type_of(f)
                if not agrees(have[key][f["name"]], value, kind, to_arrow, same):
                    self.differ("snapshot", f["name"], key, t, shown(value, kind, to_arrow), have[key][f["name"]])

    # everything

    def check_validate(self):
        for svc in self.project["services"]:
            for region in self.project["regions"]:
                got = self.dev.run(region, "validate", svc["name"], "--keys", "all", codes=(0, 3))
                if got["mismatched"] or (not got["checked"] and any(self.truth[self.stream(self.view(e["view"])["stream"])["topic"]] for e in svc["entries"])):
                    raise Wrong(f"validate {svc['name']} in {region}: {got}")
                self.checks["validated"] += got["checked"]

    def digests(self):
        region = self.project["regions"][0]
        deadline = time.time() + 30
        while True:
            got = self.dev.run(region, "status", "--digest")
            if set(got["regions"]) != set(self.project["regions"]):
                raise Wrong(f"status of {sorted(got['regions'])}")
            found = {name: r.get("digest") for name, r in got["regions"].items()}
            if len(set(found.values())) == 1 and None not in found.values():
                return set(found.values()).pop()
            if time.time() > deadline:
                raise Wrong(f"digests {found}")
            time.sleep(0.2)

    def check_quarantine(self):
        want = collections.Counter()
        for (region, topic, partition, offset), reason in self.bad.items():
            want[region, topic, partition, offset, reason] += 1
        for v in self.project["views"]:
            s = self.stream(v["stream"])
            for events in self.truth[s["topic"]].values():
                for e in events:
                    if oracle.over_bound(v, e):
                        want[e["origin"], s["topic"], e["partition"], e["offset"], "over bound"] = 1
        have = collections.Counter()
        for region in self.project["regions"]:
            for record in self.dev.run(region, "quarantine", "list")["records"]:
                origin, name, partition, offset = record["position"].split("/")
                at = (origin, self.stream(name)["topic"], int(partition), int(offset), record["reason"])
                have[at] = 1
        if have != want:
            raise Wrong(f"quarantined: missing {want - have}, too many {have - want}")

    def check_all(self, what):
        self.what = what
        self.read_log()
        self.exchanged()
        self.check_online()
        self.check_historical()
        self.check_snapshot()
        self.check_validate()
        return self.digests()

    def run(self):
        rng = self.rng
        self.write_definitions()
        self.dev.start("-f", str(self.root / "defs"), "--delay", rng.choice(["0ms", "5ms", "40ms"]), "--compact-every", rng.choice(["0", "0", "1s"]))
        for _ in range(rng.randint(1, 4)):
            self.produce()
        if rng.random() < 0.6:
            self.produce_bad()
        if rng.random() < 0.6:
            self.produce_foreign()
        self.produce_observed()
        pinned = self.pin()
        self.check_all("first")
        for _ in range(rng.randint(0, 3)):
            self.produce()
        self.interrupted()
        self.produce_observed()
        self.check_pinned(pinned, "after more events")
        digest = self.check_all("more")
        region = rng.choice(self.project["regions"])
        for r in self.project["regions"]:
            self.dev.run(r, "compact")
        self.check_pinned(pinned, "after compact")
        self.check_historical()
        self.dev.restart()
        self.wait_ready()
        if self.digests() != digest:
            raise Wrong("digest changed by kill -9")
        self.check_online()
        self.check_quarantine()
        self.rerun()
        if rng.random() < 0.6:
            s, f = generate.grow(rng, self.project)
            for topic in {s["topic"]}:
                for row in self.rows.get(topic, {}).values():
                    row[f["name"]] = f["default"]
                for row in self.sources[topic].rows:
                    row[f["name"]] = f["default"]
        generate.change(rng, self.project)
        self.write_definitions()
        if rng.random() < 0.4:
            p = self.dev.popen(region, "apply", "-f", str(self.root / "defs"))
            time.sleep(rng.random())
            self.dev.kill()
            p.kill()
            p.communicate()
            self.dev.start()
            self.checks["killed in apply"] += 1
        self.dev.run(region, "apply", "-f", str(self.root / "defs"))
        self.check_all("changed")
        self.produce()
        self.produce_observed()
        self.dev.restart()
        self.wait_ready()
        self.check_all("last")

    def wait_ready(self):
        for region in self.project["regions"]:
            deadline = time.time() + 60
            while True:
                try:
                    if HTTP.get(self.dev.addresses[region]["http"] + "/ready", timeout=5).status_code == 200:
                        break
                except httpx.HTTPError:
                    pass
                if time.time() > deadline:
                    raise Wrong(f"{region} not ready after a restart")
                time.sleep(0.1)
        self.settle()

    def settle(self):
        """Waits until every region has folded the ends of all logs."""
        after = []
        for region in self.project["regions"]:
            consumer = confluent_kafka.Consumer({"bootstrap.servers": self.dev.addresses[region]["kafka"], "group.id": "box", "log_level": 0})
            for s in self.project["streams"]:
                for p in range(s["partitions"]):
                    end = consumer.get_watermark_offsets(confluent_kafka.TopicPartition(s["topic"], p), timeout=20)[1]
                    if end:
                        after.append(f"{region}/{s['name']}/{p}/{end - 1}")
            consumer.close()
        self.wait(after)

    def pin(self):
        """A request at a frontier, to be asked again later."""
        self.read_log()
        svc = self.project["services"][0]
        if len({c[2] for c in self.columns(svc)[0]}) != len(self.columns(svc)[0]):
            return None
        rows, path, flags = self.spine(svc)
        got, out = self.historical(svc, path, "pin.parquet", flags)
        got, out = self.historical(svc, path, "pin.parquet", flags + ["--as-of", got["frontier"]])
        self.judge_historical(svc, rows, lambda t: t, got, out, ["pinned"], path)
        return svc, path, flags, got["frontier"], out.read_bytes()

    def check_pinned(self, pinned, when):
        if pinned is None:
            return
        svc, path, flags, frontier, before = pinned
        _, out = self.historical(svc, path, "pinned.parquet", flags + ["--as-of", frontier])
        if out.read_bytes() != before:
            raise Wrong(f"as of a frontier, other bytes {when}: {path}")

    def interrupted(self):
        """kill -9 while events are being sent to several regions, folded and compacted."""
        rng = self.rng
        for _ in range(rng.choice([1, 1, 3])):
            sending, again = [], []
            s = None
            for region in rng.sample(self.project["regions"], rng.randint(1, len(self.project["regions"]))):
                if s is None or rng.random() < 0.6:
                    s, rows, path = self.draw_batch()
                else:  # copies that cross
                    self.checks["crossed"] += len(rows)
                again.append((region, s["name"], str(path)))
                sending.append(self.dev.popen(region, "produce", s["name"], "--input", str(path), "--rate", rng.choice(["100/s", "300/s", "3000/s"])))
            if rng.random() < 0.5:
                sending.append(self.dev.popen(rng.choice(self.project["regions"]), "compact"))
            time.sleep(rng.random() * 0.6)
            self.dev.kill()
            for p in sending:
                p.kill()
                p.communicate()
            self.dev.start()
            self.wait_ready()
            for region, name, path in again:
                self.dev.run(region, "produce", name, "--input", path, "--wait", "--timeout", "60s")
        self.checks["interrupted"] += 1

    def rerun(self):
        """A file sent twice changes nothing where the id is that of the producer."""
        streams = [s for s in self.project["streams"] if s.get("event_id") == ("header", "ce_id") and s["horizon"] == 7 * DAY]
        if not streams or any(s["name"] == "twin" for s in self.project["streams"]):
            return
        s = self.rng.choice(streams)
        rows = self.sources[s["topic"]].batch(20)
        self.rows.setdefault(s["topic"], {}).update({r["n"]: r for r in rows})
        path, region = self.write_events(s, rows), self.rng.choice(self.project["regions"])
        self.dev.run(region, "produce", s["name"], "--input", str(path), "--wait")
        def values():
            out = []
            self.read_log()
            state = self.rng.getstate()
            self.rng.seed(self.seed)
            for svc in self.project["services"]:
                asked = [self.random_row(svc) for _ in range(12)]
                self.rng.setstate(state)
                spelled = [{k: base64.b64encode(x).decode() if isinstance(x, bytes) else x for k, x in r.items()} for r in asked]
                out.append([(r["values"], r["statuses"]) for r in self.dev.post(region, "/v1/features", {"service": svc["name"], "entities": spelled, "at": generate.rfc3339(self.base + DAY)})[1]["rows"]])
            return out
        before = values()
        self.dev.run(region, "produce", s["name"], "--input", str(path), "--wait")
        if values() != before:
            raise Wrong(f"a rerun of {path} changed values")
        self.checks["rerun"] += 1


# --- values in answers ---------------------------------------------------------------------------------------------------


def agrees(have, want, kind, spell, equal):
    """Whether an answer is right; spell gives its form, equal compares what has one form."""
    if isinstance(want, oracle.Top) and spell is to_feast:
        return want.accepts_items(have, lambda item, x: equal(item, spell(x, kind.removeprefix("top:"))))
    if isinstance(want, oracle.About):
        return want.accepts(have, lambda item, x: equal(item, spell(x, kind.removeprefix("top:"))))
    return equal(have, spell(want, kind))


def shown(x, kind, spell):
    return x if isinstance(x, oracle.About) else spell(x, kind)


def to_json(x, kind):
    if x is None:
        return None
    if kind.startswith("list:"):
        return [to_json(i, kind[5:]) for i in x]
    if kind == "bytes":
        return base64.b64encode(x).decode()
    if kind == "date":
        return generate.iso_date(x)
    if kind == "ts":
        return ("ts", x)
    if kind.startswith("decimal"):
        return format(generate.dec(x, int(kind[8:])), "f")
    return x


def to_feast(x, kind):
    """Feast's JSON: times and dates in seconds."""
    if x is not None and kind.startswith("list:"):
        return [to_feast(i, kind[5:]) for i in x]
    if x is not None and kind in ("ts", "date"):
        return x // 1_000_000 if kind == "ts" else x * 86400
    return to_json(x, kind)


def same_json(have, want):
    if isinstance(want, tuple):
        return isinstance(have, str) and parse_time(have) == want[1]
    if isinstance(want, list):
        return isinstance(have, list) and len(have) == len(want) and all(map(same_json, have, want))
    return type(have) is type(want) and have == want and str(have) == str(want)


def arrow_type(kind):
    if kind.startswith("list:"):
        return pa.list_(pa.field("element", arrow_type(kind[5:])))
    if kind.startswith("top:"):
        return pa.list_(pa.field("element", pa.struct([("item", arrow_type(kind[4:])), ("count", pa.int64()), ("error", pa.int64())])))
    if kind.startswith("decimal"):
        return pa.decimal128(38, int(kind[8:]))
    return {"int64": pa.int64(), "float64": pa.float64(), "string": pa.string(), "bool": pa.bool_(), "bytes": pa.binary(), "date": pa.date32(),
            "ts": pa.timestamp("us", "UTC")}[kind]


def to_arrow(x, kind):
    if x is None:
        return None
    if kind.startswith("list:"):
        return [to_arrow(i, kind[5:]) for i in x]
    if kind == "date":
        return datetime.date(1970, 1, 1) + datetime.timedelta(days=x)
    if kind == "ts":
        return EPOCH + datetime.timedelta(microseconds=x)
    if kind.startswith("decimal"):
        return generate.dec(x, int(kind[8:]))
    return x


def same(have, want):
    if isinstance(want, list):
        return isinstance(have, list) and len(have) == len(want) and all(map(same, have, want))
    if isinstance(want, float):
        return isinstance(have, float) and have == want and str(have) == str(want)
    return have == want and (have is None) == (want is None)


def numbers(text):
    out = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        out += range(int(low), int(high or low) + 1)
    return out


def main():
    from pathlib import Path

    flags = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    flags.add_argument("--exe", required=True)
    flags.add_argument("--seeds", default="1")
    flags.add_argument("--work", default="/tmp/anabranch-blackbox")
    flags.add_argument("--keep", action="store_true")
    flags.add_argument("--kinds", help="draw features of these kinds alone, NAME,NAME; a seed is another project then")
    args = flags.parse_args()
    if args.kinds:
        generate.KINDS[:] = args.kinds.split(",")
    failed = []
    for seed in numbers(args.seeds):
        root = Path(args.work) / f"seed{seed}"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        begun = time.time()
        box = Box(seed, os.path.abspath(args.exe), root)
        try:
            box.run()
            print(f"seed {seed}: ok, {box.cells} cells, {dict(box.checks)}, {time.time() - begun:.0f}s", flush=True)
        except Exception as e:
            failed.append(seed)
            print(f"seed {seed}: FAILED ({getattr(box, 'what', 'start')}) after {box.cells} cells, {time.time() - begun:.0f}s: {type(e).__name__}: {str(e)[:3000]}", flush=True)
            if not isinstance(e, Wrong):
                traceback.print_exc()
        finally:
            if box.dev.process:
                box.dev.kill()
        if seed not in failed and not args.keep:
            shutil.rmtree(root, ignore_errors=True)
    print(f"{len(failed)} failed: {failed}" if failed else "all ok")
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
