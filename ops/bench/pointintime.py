#!/usr/bin/env python3
"""Times anabranch get-historical beside DuckDB's ASOF join, on the same Parquet files and spine, in turn."""

import argparse
import json
import pathlib
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import duckdb
import pyarrow
import pyarrow.parquet

ASOF = """
SET threads = 2; SET TimeZone = 'UTC';
COPY (
  SELECT s.row, s.airport, s.event_timestamp, e.origin AS last_origin
  FROM (SELECT * FROM '{spine}') s
  ASOF LEFT JOIN (SELECT destination, departed_at, origin FROM read_parquet({files})) e
  ON s.airport = e.destination AND s.event_timestamp >= e.departed_at
  ORDER BY s.row
) TO '{out}' (FORMAT parquet);
"""


def prepare(exe, folder, events, labels):
    """Leaves generated flights as history in folder, and a spine of labels over them."""
    subprocess.run([exe, "demo", "--synthetic", str(events), "--out", folder, "--json"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    manifests = sorted(pathlib.Path(folder, "dev", "objects").glob("flights/manifests/flights/*/1/*.json"))
    newest = {m.parent: m for m in manifests}
    files = [str(pathlib.Path(folder, "dev", "objects", "flights", "events", "flights", at.parent.name, "1", f["name"]))
             for at, m in newest.items() for f in json.loads(m.read_text())["files"]]
    rng = random.Random(1)
    table = pyarrow.concat_tables(pyarrow.parquet.read_table(f, columns=["destination", "departed_at"]) for f in files)
    picks = [rng.randrange(table.num_rows) for _ in range(labels)]
    times = table.column("departed_at").take(picks).cast(pyarrow.int64()).to_pylist()
    spine = pyarrow.table({
        "row": pyarrow.array(range(labels), pyarrow.int64()),
        "airport": table.column("destination").take(picks),
        "event_timestamp": pyarrow.array([t + rng.randrange(1, 10**10) * 10 + 7 for t in times], pyarrow.timestamp("us", "UTC")),
    })
    path = str(pathlib.Path(folder, "labels.parquet"))
    pyarrow.parquet.write_table(spine, path)
    return files, path


def timed(args):
    """The wall seconds of a process, and its processor seconds."""
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(args, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--exe", default="anabranch")
    p.add_argument("--events", type=int, default=300_000)
    p.add_argument("--labels", type=int, default=100_000)
    p.add_argument("--runs", type=int, default=5)
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = str(pathlib.Path(folder, "world"))
        files, spine = prepare(a.exe, world, a.events, a.labels)
        ours, theirs = str(pathlib.Path(folder, "ours.parquet")), str(pathlib.Path(folder, "theirs.parquet"))
        historical = [a.exe, "get-historical", "--spine", spine, "--out", ours, "--known-at", "off",
                      "--object-store", str(pathlib.Path(world, "dev", "objects")), "-f", str(pathlib.Path(world, "definitions"))]
        asof = [sys.executable, "-c", "import duckdb; duckdb.sql(%r)" % ASOF.format(spine=spine, files=files, out=theirs)]
        cases = {"last value": historical + ["arrivals:last_origin"], "all 14 features": historical + ["arrivals:*"]}
        for name, command in cases.items():
            runs = [(timed(command), timed(asof)) for _ in range(a.runs + 1)][1:]
            wall = [statistics.median(r[i][0] for r in runs) for i in (0, 1)]
            cpu = [statistics.median(r[i][1] for r in runs) for i in (0, 1)]
            print(f"{name}: {wall[0]:.2f} s wall, {cpu[0]:.2f} s CPU; DuckDB ASOF of the last value {wall[1]:.2f} s, {cpu[1]:.2f} s; "
                  f"ratio {wall[0] / wall[1]:.2f} wall, {cpu[0] / cpu[1]:.2f} CPU")
        same = duckdb.sql(f"""SELECT count(*) FILTER (o.last_origin IS DISTINCT FROM d.last_origin AND o.last_origin IS NOT NULL)
                              FROM '{ours}' o JOIN '{theirs}' d USING (row)""").fetchall()[0][0]
        print(f"{a.events} events, {a.labels} labels; {same} values differ (ties, which ASOF decides at random)")


if __name__ == "__main__":
    main()
