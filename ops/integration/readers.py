"""Foreign readers of our Parquet: pyarrow, pandas and DuckDB.

    readers.py rows FILE                     prints the rows as JSON, times in microseconds
    readers.py types FILE                    prints {"COLUMN": "arrow type"}
    readers.py agree FILE...                 reads the files with all three; prints {"rows": n, "columns": {...}, "differ": [...]}
    readers.py spine IN.jsonl OUT.parquet    writes a spine as typed columns, as pandas would
    readers.py asof EVENTS_GLOB TRAIN TTL    checks the column last_origin of TRAIN against DuckDB's ASOF join
    readers.py s3 ENDPOINT PATH              prints {"rows": n, "columns": {...}} of a data set on S3
"""

import datetime
import glob
import json
import os
import sys

import duckdb
import pandas
import pyarrow
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def plain(x):
    if isinstance(x, datetime.datetime):
        aware = x if x.tzinfo else x.replace(tzinfo=datetime.timezone.utc)
        return (aware - EPOCH) // datetime.timedelta(microseconds=1)
    if isinstance(x, bytes):
        return x.decode("latin-1")
    return [plain(y) for y in x] if isinstance(x, list) else x


def rows(path):
    table = pyarrow.parquet.ParquetFile(path).read()
    for row in table.to_pylist():
        print(json.dumps({name: plain(x) for name, x in row.items()}))


def spine(source, target):
    frame = pandas.read_json(source, lines=True, convert_dates=False)
    frame["event_timestamp"] = pandas.to_datetime(frame["event_timestamp"], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    frame.to_parquet(target, index=False)


def types(path):
    print(json.dumps(columns(pyarrow.parquet.read_schema(path))))


def columns(schema):
    return {f.name: str(f.type) for f in schema}


def agree(*paths):
    """The three readers see the same columns, as many rows, and the same numbers."""
    paths = [p for pattern in paths for p in sorted(glob.glob(pattern, recursive=True))]
    assert paths, "no files"
    differ, count, schema = [], 0, None
    for path in paths:
        table = pyarrow.parquet.ParquetFile(path).read()
        frame = pandas.read_parquet(path)
        relation = duckdb.connect().execute("SELECT * FROM read_parquet(?)", [path])
        names = [c[0] for c in relation.description]
        tuples = relation.fetchall()
        if not (table.num_rows == len(frame) == len(tuples)):
            differ.append(f"{path}: {table.num_rows} rows, pandas {len(frame)}, DuckDB {len(tuples)}")
        if not (table.schema.names == list(frame.columns) == names):
            differ.append(f"{path}: columns {table.schema.names}, pandas {list(frame.columns)}, DuckDB {names}")
        for i, name in enumerate(names):
            ours = [plain(x) for x in table.column(name).to_pylist()]
            theirs = [plain(row[i]) for row in tuples]
            if ours != theirs:
                at = next(n for n, (a, b) in enumerate(zip(ours, theirs)) if a != b)
                differ.append(f"{path}: {name} row {at}: {ours[at]!r}, DuckDB {theirs[at]!r}")
            nulls = int(frame[name].isna().sum())
            if nulls != table.column(name).null_count:
                differ.append(f"{path}: {name}: {table.column(name).null_count} nulls, pandas {nulls}")
        count, schema = count + table.num_rows, table.schema
    print(json.dumps({"files": len(paths), "rows": count, "columns": columns(schema), "differ": differ}))


ASOF = """
WITH log AS (SELECT destination AS airport, __event_timestamp AS event_timestamp, origin FROM read_parquet($events)),
instants AS (SELECT airport, event_timestamp, count(DISTINCT origin) > 1 AS tie FROM log GROUP BY ALL),
events AS (SELECT DISTINCT airport, event_timestamp, origin FROM log SEMI JOIN (FROM instants WHERE NOT tie) USING (airport, event_timestamp)),
ties AS (FROM instants WHERE tie),
labels AS (SELECT row_number() OVER () AS n, * FROM read_parquet($train)),
joined AS (
  SELECT l.n, l.airport, l.event_timestamp, l.last_origin, e.origin, e.event_timestamp AS seen
  FROM labels l ASOF LEFT JOIN events e ON l.airport = e.airport AND l.event_timestamp >= e.event_timestamp
)
SELECT j.airport, j.event_timestamp, j.last_origin,
       CASE WHEN j.seen >= j.event_timestamp - INTERVAL (CAST($ttl AS INTEGER)) DAY THEN j.origin END AS expected,
       EXISTS (FROM ties t WHERE t.airport = j.airport AND t.event_timestamp <= j.event_timestamp
               AND (j.seen IS NULL OR t.event_timestamp >= j.seen)) AS tie
FROM joined j ORDER BY j.n
"""


def asof(events, train, ttl):
    """Rows whose last event is one of several at the same time are left out: DuckDB may pick any of them."""
    found = duckdb.connect().execute(ASOF, {"events": events, "train": train, "ttl": ttl}).fetchall()
    checked = [r for r in found if not r[4]]
    differ = [str(r) for r in checked if r[2] != r[3]]
    print(json.dumps({
        "rows": len(found), "checked": len(checked), "present": sum(r[3] is not None for r in checked),
        "differ": len(differ), "first": differ[:5],
    }))


def s3(endpoint, path):
    store = pyarrow.fs.S3FileSystem(
        access_key=os.environ["AWS_ACCESS_KEY_ID"], secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        endpoint_override=endpoint, region="us-east-1", scheme=endpoint.split("://")[0],
    )
    data = pyarrow.dataset.dataset(path, filesystem=store, format="parquet")
    print(json.dumps({"rows": data.count_rows(), "columns": columns(data.schema)}))


if __name__ == "__main__":
    {"rows": rows, "spine": spine, "types": types, "agree": agree, "asof": asof, "s3": s3}[sys.argv[1]](*sys.argv[2:])
