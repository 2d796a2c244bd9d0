"""What check.sh asks of the parts: topics, the Avro wire format through the registry, S3."""

import struct
import sys

from confluent_kafka import Consumer, Producer, TIMESTAMP_LOG_APPEND_TIME
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

V1 = """{"type": "record", "name": "Check", "fields": [{"name": "id", "type": "string"}, {"name": "n", "type": "long"}]}"""
INCOMPATIBLE = """{"type": "record", "name": "Check", "fields": [{"name": "id", "type": "string"}, {"name": "must", "type": "long"}]}"""


def topics(*brokers):
    """Creates the topics of the other checks, with append time, which is a setting of the topic."""
    for broker in brokers:
        admin = AdminClient({"bootstrap.servers": broker})
        new = [NewTopic(t, 2, 1, config={"message.timestamp.type": "LogAppendTime"}) for t in ("check.text", "check.avro")]
        for future in admin.create_topics(new).values():
            future.result(30)


def avro(broker, registry):
    """A record through AvroSerializer comes back in the Confluent wire format with the broker's time."""
    client = SchemaRegistryClient({"url": registry})
    serialize = AvroSerializer(client, V1)
    body = serialize({"id": "a", "n": 7}, SerializationContext("check.avro", MessageField.VALUE))
    producer = Producer({"bootstrap.servers": broker})
    producer.produce("check.avro", key="a", value=body, timestamp=1000)
    assert producer.flush(30) == 0, "not acknowledged"
    assert client.get_config().compatibility_level == "BACKWARD", "global compatibility"
    try:
        client.register_schema("check.avro-value", Schema(INCOMPATIBLE, "AVRO"))
        raise AssertionError("an incompatible schema was registered")
    except SchemaRegistryError as refused:
        assert refused.http_status_code == 409, refused
    record = read_one(broker, "check.avro")
    magic, schema_id = struct.unpack(">bI", record.value()[:5])
    assert magic == 0 and client.get_schema(schema_id), record.value()
    kind, at = record.timestamp()
    assert kind == TIMESTAMP_LOG_APPEND_TIME and at > 1_600_000_000_000, record.timestamp()


def read_one(broker, topic):
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "check", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    try:
        record = consumer.poll(30)
        assert record is not None and record.error() is None, record and record.error()
        return record
    finally:
        consumer.close()


def s3(endpoint, bucket):
    """The server refuses unsigned requests; the signed ones are the integration suite's."""
    import httpx

    assert httpx.get(f"{endpoint}/{bucket}").status_code == 403


if __name__ == "__main__":
    {"topics": topics, "avro": avro, "s3": s3}[sys.argv[1]](*sys.argv[2:])
