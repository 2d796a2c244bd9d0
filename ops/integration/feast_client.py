"""Feast's own client, unchanged, with a region as its online store.

    feast_client.py URL OTHER_URL      writes and pushes to URL, reads both; prints {"checked": n}

The feature repository is made here, in the current directory. Reads wait, at most a minute, until the events are folded.
"""

import datetime
import sys
import time

import pandas
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource, RepoConfig, ValueType
from feast.data_source import PushMode
from feast.infra.online_stores.remote import RemoteOnlineStoreConfig
from feast.types import Float64, Int64, String

NOW = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
checked = 0


def store_at(url, name):
    config = RepoConfig(
        project="drivers", registry=f"{name}.db", provider="local", offline_store={"type": "dask"},
        online_store=RemoteOnlineStoreConfig(path=url), entity_key_serialization_version=3,
    )
    store = FeatureStore(config=config)
    driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64)
    pandas.DataFrame({"event_timestamp": [NOW], "driver_id": [0]}).to_parquet("none.parquet")
    batch = FileSource(path="none.parquet", timestamp_field="event_timestamp")
    push = PushSource(name="driver_stats_push", batch_source=batch)
    hourly = FeatureView(
        name="driver_hourly_stats", entities=[driver], source=push,
        schema=[Field(name="conv_rate", dtype=Float64), Field(name="acc_rate", dtype=Float64),
                Field(name="avg_daily_trips", dtype=Int64), Field(name="city", dtype=String)],
    )
    totals = FeatureView(
        name="driver_totals", entities=[driver], source=batch,
        schema=[Field(name="reports", dtype=Int64), Field(name="mean_rate", dtype=Float64)],
    )
    store.apply([driver, hourly, totals, FeatureService(name="driver_activity", features=[hourly, totals])])
    return store


def frame(*rows):
    names = ["driver_id", "conv_rate", "acc_rate", "avg_daily_trips", "city"]
    data = pandas.DataFrame([dict(zip(names, row)) for row in rows])
    data["event_timestamp"] = [NOW - datetime.timedelta(minutes=60 - i) for i in range(len(rows))]
    return data


def expect(store, features, drivers, want):
    """Waits until a read gives what is wanted, by name."""
    global checked
    deadline = time.monotonic() + 60
    while True:
        got = store.get_online_features(features=features, entity_rows=[{"driver_id": d} for d in drivers]).to_dict()
        if all(got.get(name) == values for name, values in want.items()):
            checked += sum(len(v) for v in want.values())
            return
        if time.monotonic() > deadline:
            raise SystemExit(f"got {got}, want {want}")
        time.sleep(0.2)


HOURLY = ["driver_hourly_stats:conv_rate", "driver_hourly_stats:acc_rate", "driver_hourly_stats:avg_daily_trips", "driver_hourly_stats:city"]


def main(url, other):
    here, there = store_at(url, "here"), store_at(other, "there")
    expect(here, HOURLY, [1001], {"driver_id": [1001], "conv_rate": [None], "city": [None]})

    rows = frame((1001, 0.5, 1.0, 7, "Graz"), (1002, 0.25, 2.0, 9_007_199_254_740_993, "Linz"), (1001, 0.125, 3.0, 8, "Wien"))
    here.write_to_online_store("driver_hourly_stats", df=rows)
    here.write_to_online_store("driver_hourly_stats", df=rows)  # a retry must not count twice
    written = {"conv_rate": [0.125, 0.25, None], "acc_rate": [3.0, 2.0, None], "avg_daily_trips": [8, 9_007_199_254_740_993, None], "city": ["Wien", "Linz", None]}
    for store in (here, there):
        expect(store, HOURLY, [1001, 1002, 1003], written)

    pushed = frame((1003, 0.75, 4.0, 1, "Steyr"))
    here.push("driver_stats_push", pushed, to=PushMode.ONLINE)
    for store in (here, there):
        expect(store, store.get_feature_service("driver_activity"), [1001, 1003], {
            "conv_rate": [0.125, 0.75], "city": ["Wien", "Steyr"], "reports": [2, 1], "mean_rate": [0.3125, 0.75]})

    try:
        here.write_to_online_store("driver_totals", df=frame((1001, 1, 1, 1, ""))[["driver_id", "event_timestamp"]].assign(reports=5, mean_rate=0.5))
    except Exception as refused:  # Feast wraps whatever the server said
        assert "driver_stats" in str(refused), refused
    else:
        raise SystemExit("a view that counts was written to")
    print(f'{{"checked": {checked}}}')


if __name__ == "__main__":
    main(*sys.argv[1:])
