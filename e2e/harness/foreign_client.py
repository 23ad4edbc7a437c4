"""Walks up to a gRPC server knowing nothing but its address: health, reflection, then a call built from reflection alone.

Usage: foreign_client.py ADDRESS SERVICE METHOD. Prints one JSON object. Needs grpcio and protobuf, no generated code.
"""

import json
import sys

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
HEALTH = "/grpc.health.v1.Health/Check"
TIMEOUT_SECONDS = 10


def field(number, value):
    """A length-delimited protobuf field of at most 127 bytes."""
    return bytes([number << 3 | 2, len(value)]) + value


def fields(data):
    """Length-delimited fields of a message as (number, value); others are passed over."""

    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not data[at - 1] & 0x80:
                return value, at

    at = 0
    while at < len(data):
        key, at = varint(at)
        size, at = varint(at)
        if key & 7 == 2:
            yield key >> 3, data[at : at + size]
            at += size


def main(address, service, method):
    channel = grpc.insecure_channel(address)
    health = channel.unary_unary(HEALTH)(field(1, service.encode()), timeout=TIMEOUT_SECONDS)
    reflect = channel.stream_stream(REFLECTION)

    def ask(number, text):
        answer = next(reflect(iter([field(number, text.encode())]), timeout=TIMEOUT_SECONDS))
        return list(fields(answer))

    listed = [dict(fields(entry))[1].decode() for number, body in ask(7, "") if number == 6 for _, entry in fields(body)]
    pool = descriptor_pool.DescriptorPool()
    known = set()

    def add(kind, name):
        files = [body for number, body in ask(kind, name) if number == 4]
        for raw in [raw for body in files for _, raw in fields(body)]:
            proto = descriptor_pb2.FileDescriptorProto.FromString(raw)
            if proto.name in known:
                continue
            known.add(proto.name)
            for dependency in proto.dependency:
                if dependency not in known:
                    add(3, dependency)
            pool.Add(proto)

    add(4, service)
    described = pool.FindServiceByName(service).FindMethodByName(method)
    request = message_factory.MessageFactory(pool).GetPrototype(described.input_type)()
    response_type = message_factory.MessageFactory(pool).GetPrototype(described.output_type)
    call = channel.unary_unary(
        f"/{service}/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=response_type.FromString,
    )
    try:
        status, answer = "OK", json_format.MessageToDict(call(request, timeout=TIMEOUT_SECONDS))
    except grpc.RpcError as error:
        status, answer = error.code().name, {}
    # HealthCheckResponse.status is field 1; 1 is SERVING.
    print(json.dumps({"serving": health == b"\x08\x01", "services": listed, "status": status, "answer": answer}))


main(*sys.argv[1:])
