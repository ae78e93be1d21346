"""The four unmodified clients of tritonclient behind one face, so that each test runs with every one of them."""

import asyncio
import json
import os
import urllib.error
import urllib.request

import numpy
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio

HTTP = os.environ["TRITON_HTTP"]
GRPC = os.environ["TRITON_GRPC"]


class Client:
    """One tritonclient; coroutines of the asyncio ones are run to their end."""

    def __init__(self, name):
        self.name = name
        self.is_http = name.startswith("http")
        self.module = {
            "http": tritonclient.http,
            "grpc": tritonclient.grpc,
            "http_aio": tritonclient.http.aio,
            "grpc_aio": tritonclient.grpc.aio,
        }[name]
        self.loop = asyncio.new_event_loop() if name.endswith("aio") else None
        url = HTTP if self.is_http else GRPC
        options = {"concurrency": 16} if name == "http" else {}
        self.client = self._made(url, options)

    def _made(self, url, options):
        if self.loop is None:
            return self.module.InferenceServerClient(url, **options)

        async def make():
            return self.module.InferenceServerClient(url, **options)

        return self.loop.run_until_complete(make())

    def call(self, method, *args, **options):
        result = getattr(self.client, method)(*args, **options)
        return self.loop.run_until_complete(result) if self.loop else result

    def json(self, method, *args, **options):
        """A management call whose answer is a dict or a list over both protocols."""
        if not self.is_http:
            options["as_json"] = True
        return self.call(method, *args, **options)

    def input(self, name, datatype, array, binary=True):
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        if self.is_http:
            tensor.set_data_from_numpy(array, binary_data=binary)
        else:
            tensor.set_data_from_numpy(array)
        return tensor

    def output(self, name, binary=True, **options):
        if self.is_http:
            options["binary_data"] = binary
        return self.module.InferRequestedOutput(name, **options)

    def infer(self, model, inputs, outputs=None, **options):
        return self.call("infer", model, inputs, outputs=outputs, **options)

    def identity(self, model, datatype, array, binary=True):
        """What the model `model` makes of INPUT0."""
        result = self.infer(model, [self.input("INPUT0", datatype, array, binary)], [self.output("OUTPUT0", binary)])
        return result.as_numpy("OUTPUT0")

    def close(self):
        result = self.client.close()
        if self.loop:
            self.loop.run_until_complete(result)
            self.loop.close()


@pytest.fixture(params=["http", "grpc", "http_aio", "grpc_aio"])
def client(request):
    client = Client(request.param)
    yield client
    client.close()


@pytest.fixture
def http_client():
    client = Client("http")
    yield client
    client.close()


@pytest.fixture
def grpc_client():
    client = Client("grpc")
    yield client
    client.close()


def http(path, body=None, headers=None, method=None):
    """(status, headers, body) of a plain HTTP request; errors are answers, too."""
    data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
    request = urllib.request.Request(f"http://{HTTP}{path}", data=data, headers=headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers, answer.read()


def raises(status, *words):
    """Expects an InferenceServerException with this status (HTTP, gRPC) and these words in its message."""

    class Expectation:
        def __init__(self, client):
            self.client = client

        def __enter__(self):
            return self

        def __exit__(self, kind, error, _):
            assert kind is not None, "the server accepted it"
            assert type(error).__name__ == "InferenceServerException", repr(error)
            expected = str(status[0]) if self.client.is_http else f"StatusCode.{status[1]}"
            assert error.status() == expected, f"{error.status()} {error.message()}"
            for word in words:
                assert word in error.message(), error.message()
            return True

    return Expectation


INVALID = (400, "INVALID_ARGUMENT")
NOT_FOUND = (404, "NOT_FOUND")


def int32(*shape, start=0):
    return numpy.arange(start, start + numpy.prod(shape), dtype=numpy.int32).reshape(shape)
