"""A small Ocelli client over gRPC, for programs that hold a service account.

It needs `grpcio` and `protobuf` (Debian: python3-grpcio, python3-protobuf) and no generated code: the messages are read
from the descriptor set that Ocelli ships, packages/contracts/src/gen/descriptors.binpb.

    ocelli service-account create --name importer --scopes photos:read,photos:write   # prints the secret once
    OCELLI_SERVICE_SECRET=ocelli_sa_... python3 upload_photo.py --user <user id> photo.jpg
"""

import pathlib
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

DESCRIPTORS = pathlib.Path(__file__).parents[2] / "packages/contracts/src/gen/descriptors.binpb"
CHUNK_BYTES = 64 * 1024
# Tokens live ten minutes; a new one is asked for this long before the end.
RENEW_BEFORE_SECONDS = 60


def load_pool(path=DESCRIPTORS):
    """Reads every message and service of Ocelli; files come in the order in which they need each other."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()).file:
        pool.Add(file)
    return pool


class Service:
    """One gRPC service: `call` for one answer, `stream` for many; both take a request or an iterator of requests."""

    def __init__(self, pool, channel, name, metadata=lambda: ()):
        self._factory = message_factory.MessageFactory(pool)
        self._service = pool.FindServiceByName(name)
        self._channel = channel
        self._metadata = metadata

    def request(self, method, **fields):
        """A request message of a method."""
        return self._factory.GetPrototype(self._service.methods_by_name[method].input_type)(**fields)

    def call(self, method, request, timeout_seconds=15):
        kind = "unary" if hasattr(request, "SerializeToString") else "stream"
        return self._open(f"{kind}_unary", method)(request, timeout=timeout_seconds, metadata=self._metadata())

    def stream(self, method, request, timeout_seconds=60):
        kind = "unary" if hasattr(request, "SerializeToString") else "stream"
        return self._open(f"{kind}_stream", method)(request, timeout=timeout_seconds, metadata=self._metadata())

    def _open(self, kind, method):
        answer = self._factory.GetPrototype(self._service.methods_by_name[method].output_type)
        return getattr(self._channel, kind)(
            f"/{self._service.full_name}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )


class ServiceToken:
    """The access token of a service account, renewed before it ends."""

    def __init__(self, auth, client_id, client_secret):
        self._auth = auth
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._token, self._renew_at = None, 0.0

    def get(self):
        if self._token is None or time.monotonic() >= self._renew_at:
            answer = self._auth.call("IssueServiceToken", self._auth.request("IssueServiceToken", **self._credentials))
            self._token = answer.access_token
            self._renew_at = time.monotonic() + max(answer.expires_in - RENEW_BEFORE_SECONDS, 1)
        return self._token


def connect(service_name, address, auth_address, client_id, client_secret, user_id):
    """A service that is called on behalf of a user with the token of a service account."""
    pool = load_pool()
    auth = Service(pool, grpc.insecure_channel(auth_address), "ocelli.auth.v1.AuthService")
    token = ServiceToken(auth, client_id, client_secret)

    def metadata():
        return (("authorization", f"Bearer {token.get()}"), ("x-ocelli-acting-user", user_id))

    return Service(pool, grpc.insecure_channel(address), service_name, metadata)


def upload(library, path):
    """Sends a file in chunks; the last message says that it is complete."""

    def messages():
        yield library.request("UploadPhoto", info={"filename": path.name})
        size = 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                size += len(chunk)
                yield library.request("UploadPhoto", chunk=chunk)
        yield library.request("UploadPhoto", end={"size_bytes": size})

    return library.call("UploadPhoto", messages(), timeout_seconds=120)
