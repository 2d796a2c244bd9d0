"""Foreign producers and consumers: librdkafka with its own Avro serializer, and a plain reader of a log.

    foreign.py produce BROKER REGISTRY TOPIC SCHEMA.avsc KEY_FIELD EVENTS.jsonl PARTITIONER   prints {"produced": n}
    foreign.py dump STREAM ORIGIN BROKER TOPIC SCHEMA.avsc                                    prints every record of the topic
    foreign.py body REGISTRY TOPIC SCHEMA.avsc EVENT.json OUT                                 writes one serialized value, for kcat
"""

import io
import json
import sys

import fastavro
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def serializer(registry, topic, schema):
    with open(schema) as f:
        return AvroSerializer(SchemaRegistryClient({"url": registry}), f.read()), SerializationContext(topic, MessageField.VALUE)


def produce(broker, registry, topic, schema, key_field, events, partitioner):
    """Sends events as any Python producer would: no setting but the partitioner."""
    serialize, context = serializer(registry, topic, schema)
    producer = Producer({"bootstrap.servers": broker, "partitioner": partitioner})
    refused = []
    count = 0
    with open(events) as f:
        for line in f:
            event = json.loads(line)
            key = str(event[key_field]).encode()
            producer.produce(topic, key=key, value=serialize(event, context), on_delivery=lambda err, _: err and refused.append(str(err)))
            producer.poll(0)
            count += 1
    left = producer.flush(60)
    assert left == 0 and not refused, (left, refused[:3])
    print(json.dumps({"produced": count}))


def body(registry, topic, schema, event, out):
    serialize, context = serializer(registry, topic, schema)
    with open(out, "wb") as f:
        f.write(serialize(json.loads(event), context))


def dump(stream, origin, broker, topic, schema):
    """Reads a topic from its start to its present end. A record that the schema does not decode is printed as bad."""
    with open(schema) as f:
        writer = fastavro.parse_schema(json.load(f))
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "dump", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    for p in partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=30)
        consumer.assign([TopicPartition(topic, p, low)])
        at = low
        while at < high:
            record = consumer.poll(30)
            assert record is not None and record.error() is None, record and record.error()
            at = record.offset() + 1
            print(json.dumps(line(stream, origin, record, writer)))
    consumer.close()


def line(stream, origin, record, schema):
    headers = dict(record.headers() or [])
    fields = decode(record.value(), schema)
    return {
        "stream": stream, "origin": origin, "partition": record.partition(), "offset": record.offset(), "append_ms": record.timestamp()[1],
        "id": headers["ce_id"].decode() if "ce_id" in headers else None, "bad": fields is None, "fields": fields,
    }


def decode(value, schema):
    if value is None or value[:1] != b"\0":
        return None
    rest = io.BytesIO(value[5:])
    try:
        fields = fastavro.schemaless_reader(rest, schema, None)
    except Exception:  # whatever a broken body makes of the decoder
        return None
    if rest.read(1):
        return None
    return {name: plain(x) for name, x in fields.items()}


def plain(x):
    """A decoded value as Avro's JSON has it: times as integers in the field's unit, milliseconds here."""
    return int(round(x.timestamp() * 1000)) if hasattr(x, "timestamp") else x


if __name__ == "__main__":
    {"produce": produce, "dump": dump, "body": body}[sys.argv[1]](*sys.argv[2:])
