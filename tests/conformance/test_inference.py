"""Inference as Triton's own examples do it: simple, simple_string, simple_identity, simple_float, digits."""

import json
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import pytest
from conftest import Client, http, int32

DIGITS = Path(__file__).parents[2] / "models" / "digits"


def simple(client, a, b, model="simple", datatype="INT32", **options):
    result = client.infer(model, [client.input("INPUT0", datatype, a), client.input("INPUT1", datatype, b)], **options)
    return result.as_numpy("OUTPUT0"), result.as_numpy("OUTPUT1"), result


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_simple(client, rows):
    a, b = int32(rows, 16), int32(rows, 16, start=1000)
    total, difference, _ = simple(client, a, b)
    assert numpy.array_equal(total, a + b) and numpy.array_equal(difference, a - b)
    assert total.dtype == numpy.int32


def test_simple_wraps_around(client):
    a = numpy.full((1, 16), 2**31 - 1, numpy.int32)
    total, _, _ = simple(client, a, numpy.ones((1, 16), numpy.int32))
    assert (total == -(2**31)).all()


@pytest.mark.parametrize("rows", [1, 4])
def test_simple_float_has_no_config(client, rows):
    a, b = int32(rows, 16).astype(numpy.float32) / 3, int32(rows, 16, start=5).astype(numpy.float32)
    total, difference, _ = simple(client, a, b, "simple_float", "FP32")
    assert numpy.array_equal(total, a + b) and numpy.array_equal(difference, a - b)


def test_simple_string(client):
    a = numpy.array([[str(i) for i in range(16)]], object)
    b = numpy.array([[str(-7 * i) for i in range(16)]], object)
    total, difference, _ = simple(client, a, b, "simple_string", "BYTES")
    assert [int(x) for x in total.flat] == [-6 * i for i in range(16)]
    assert [int(x) for x in difference.flat] == [8 * i for i in range(16)]


def test_simple_identity(client):
    words = numpy.array([["one", "two", "three"]], object)
    assert [x.decode() for x in client.identity("simple_identity", "BYTES", words).flat] == ["one", "two", "three"]


def test_request_id_and_version_come_back(client):
    _, _, result = simple(client, int32(1, 16), int32(1, 16), request_id="my id", model_version="1")
    response = result.get_response()
    got = response if client.is_http else {k: getattr(response, k) for k in ("id", "model_name", "model_version")}
    assert (got["id"], got["model_name"], got["model_version"]) == ("my id", "simple", "1")


def test_only_the_outputs_asked_for(client):
    inputs = [client.input("INPUT0", "INT32", int32(1, 16)), client.input("INPUT1", "INT32", int32(1, 16))]
    result = client.infer("simple", inputs, [client.output("OUTPUT1")])
    assert result.as_numpy("OUTPUT0") is None
    assert (result.as_numpy("OUTPUT1") == 0).all()


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_binary_and_json_mixed(http_client, first, second):
    a, b = int32(1, 16), int32(1, 16, start=3)
    inputs = [http_client.input("INPUT0", "INT32", a, first), http_client.input("INPUT1", "INT32", b, second)]
    outputs = [http_client.output("OUTPUT0", second), http_client.output("OUTPUT1", first)]
    result = http_client.infer("simple", inputs, outputs)
    assert numpy.array_equal(result.as_numpy("OUTPUT0"), a + b)
    assert numpy.array_equal(result.as_numpy("OUTPUT1"), a - b)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compression_over_http(http_client, algorithm):
    a, b = int32(8, 16), int32(8, 16, start=9)
    options = {"request_compression_algorithm": algorithm, "response_compression_algorithm": algorithm}
    total, _, _ = simple(http_client, a, b, **options)
    assert numpy.array_equal(total, a + b)


def test_compression_over_grpc(grpc_client):
    a, b = int32(8, 16), int32(8, 16, start=9)
    total, _, _ = simple(grpc_client, a, b, compression_algorithm="gzip")
    assert numpy.array_equal(total, a + b)


def test_parameters_of_a_request_are_accepted(client):
    parameters = {"text": "x", "number": 5, "flag": True}
    simple(client, int32(1, 16), int32(1, 16), parameters=parameters)


def test_raw_binary_request():
    """Inference-Header-Content-Length 0: the whole body is the one input."""
    data = numpy.arange(5, dtype=numpy.float32).tobytes()
    headers = {"Inference-Header-Content-Length": "0", "Content-Type": "application/octet-stream"}
    status, headers, body = http("/v2/models/identity_FP32/infer", data, headers)
    assert status == 200, body
    json_size = int(headers["Inference-Header-Content-Length"])
    assert json.loads(body[:json_size])["outputs"][0]["shape"] == [1, 5]
    assert body[json_size:] == data


def test_typed_contents_over_grpc(grpc_client):
    """Other gRPC clients put values into typed fields instead of raw bytes."""
    from tritonclient.grpc import service_pb2

    request = service_pb2.ModelInferRequest(model_name="simple")
    for name, start in (("INPUT0", 0), ("INPUT1", 10)):
        tensor = request.inputs.add(name=name, datatype="INT32", shape=[1, 16])
        tensor.contents.int_contents.extend(range(start, start + 16))
    response = grpc_client.client._client_stub.ModelInfer(request)
    assert struct.unpack("<16i", response.raw_output_contents[0]) == tuple(range(10, 42, 2))


@pytest.mark.parametrize("datatype, field, values", [
    ("BOOL", "bool_contents", [True, False]),
    ("INT8", "int_contents", [-128, 127]),
    ("INT16", "int_contents", [-32768, 32767]),
    ("INT64", "int64_contents", [-(2**63), 2**63 - 1]),
    ("UINT8", "uint_contents", [0, 255]),
    ("UINT16", "uint_contents", [0, 65535]),
    ("UINT32", "uint_contents", [0, 2**32 - 1]),
    ("UINT64", "uint64_contents", [0, 2**64 - 1]),
    ("FP32", "fp32_contents", [0.5, -3e38]),
    ("FP64", "fp64_contents", [0.1, -1e308]),
])
def test_every_typed_field_over_grpc(grpc_client, datatype, field, values):
    from tritonclient.grpc import service_pb2
    from tritonclient.utils import triton_to_np_dtype

    request = service_pb2.ModelInferRequest(model_name=f"identity_{datatype}")
    tensor = request.inputs.add(name="INPUT0", datatype=datatype, shape=[1, len(values)])
    getattr(tensor.contents, field).extend(values)
    response = grpc_client.client._client_stub.ModelInfer(request)
    assert response.raw_output_contents[0] == numpy.array(values, triton_to_np_dtype(datatype)).tobytes()


def test_bytes_contents_over_grpc(grpc_client):
    from tritonclient.grpc import service_pb2

    request = service_pb2.ModelInferRequest(model_name="identity_STRING")
    tensor = request.inputs.add(name="INPUT0", datatype="BYTES", shape=[1, 2])
    tensor.contents.bytes_contents.extend([b"ab", b"\x00"])
    response = grpc_client.client._client_stub.ModelInfer(request)
    assert response.raw_output_contents[0] == b"\x02\x00\x00\x00ab\x01\x00\x00\x00\x00"


# -- digits ---------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def held_out():
    sys.path.insert(0, str(DIGITS))
    import dataset

    return dataset.load()[1]


def test_digits_are_read_right(client, held_out):
    """The images that training never saw, in requests of 1 to 64 images."""
    images, labels = held_out
    right, at, size = 0, 0, 1
    while at < len(images):
        rows = images[at : at + size]
        answer = client.infer("digits", [client.input("image", "FP32", rows)]).as_numpy("probabilities")
        assert answer.shape == (len(rows), 10)
        assert numpy.allclose(answer.sum(axis=1), 1, atol=1e-4)
        right += int((answer.argmax(axis=1) == labels[at : at + size]).sum())
        at, size = at + size, min(64, size * 2)
    assert right / len(images) > 0.97


def test_digits_with_labels(client, held_out):
    """The classification extension: `value:index:label`, best first."""
    images, labels = held_out
    names = (DIGITS / "labels.txt").read_text().split()
    inputs = [client.input("image", "FP32", images[:20])]
    top = client.infer("digits", inputs, [client.output("probabilities", class_count=3)]).as_numpy("probabilities")
    assert top.shape == (20, 3)
    right = 0
    for row, label in zip(top, labels):
        parts = [entry.decode().split(":") for entry in row]
        assert [name for _, index, name in parts] == [names[int(index)] for _, index, name in parts]
        values = [float(value) for value, _, _ in parts]
        assert values == sorted(values, reverse=True)
        right += parts[0][2] == names[label]
    assert right >= 18


# -- size and number ------------------------------------------------------------------------------------------------------
def test_big_tensors(client):
    big = numpy.random.default_rng(1).random((1, 4_000_000), numpy.float32)
    assert numpy.array_equal(client.identity("identity_FP32", "FP32", big), big)


def test_very_big_tensors_over_grpc(grpc_client):
    """Beyond the 64 MiB that HTTP takes by default."""
    big = numpy.random.default_rng(2).random((1, 25_000_000), numpy.float32)
    assert numpy.array_equal(grpc_client.identity("identity_FP32", "FP32", big), big)


def test_big_json(http_client):
    array = numpy.random.default_rng(3).random((1, 100_000), numpy.float32)
    got = http_client.identity("identity_FP32", "FP32", array, binary=False)
    assert numpy.array_equal(got, array)


@pytest.mark.parametrize("protocol", ["http", "grpc"])
@pytest.mark.parametrize("model", ["simple", "simple_float"])
def test_many_clients_at_once(protocol, model):
    """Every client gets its own numbers back."""
    kind, datatype = (numpy.int32, "INT32") if model == "simple" else (numpy.float32, "FP32")

    def one(seed):
        client = Client(protocol)
        try:
            random = numpy.random.default_rng(seed)
            for _ in range(25):
                rows = int(random.integers(1, 5))
                a, b = (random.integers(-1000, 1000, (rows, 16)).astype(kind) for _ in range(2))
                total, difference, _ = simple(client, a, b, model, datatype)
                assert numpy.array_equal(total, a + b) and numpy.array_equal(difference, a - b)
        finally:
            client.close()

    if protocol == "http":  # gevent clients belong to their thread's hub
        threads_results = []
        threads = [threading.Thread(target=lambda s=s: threads_results.append(one(s))) for s in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(threads_results) == 12
    else:
        with ThreadPoolExecutor(12) as pool:
            list(pool.map(one, range(12)))


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_async_infer(protocol):
    """Many requests in flight on one client."""
    client = Client(protocol)
    try:
        arrays = [int32(1, 16, start=100 * i) for i in range(40)]
        ones = numpy.ones((1, 16), numpy.int32)
        inputs = [[client.input("INPUT0", "INT32", a), client.input("INPUT1", "INT32", ones)] for a in arrays]
        if protocol == "http":
            pending = [client.client.async_infer("simple", x) for x in inputs]
            results = [p.get_result() for p in pending]
        else:
            results, done = [None] * len(inputs), threading.Semaphore(0)

            def callback_for(i):
                def callback(result, error):
                    results[i] = error or result
                    done.release()

                return callback

            for i, x in enumerate(inputs):
                client.client.async_infer("simple", x, callback_for(i))
            for _ in inputs:
                assert done.acquire(timeout=60)
        for a, result in zip(arrays, results):
            assert numpy.array_equal(result.as_numpy("OUTPUT0"), a + 1)
    finally:
        client.close()


def test_a_deadline_ends_the_call_and_not_the_server(grpc_client):
    from tritonclient.utils import InferenceServerException

    with pytest.raises(InferenceServerException) as caught:
        grpc_client.infer("slow", [grpc_client.input("INPUT0", "INT32", int32(1, 4))], client_timeout=0.05)
    assert "Deadline Exceeded" in caught.value.message() or "DEADLINE_EXCEEDED" in str(caught.value.status())
    assert grpc_client.identity("slow", "INT32", int32(1, 4)).tolist() == [[0, 1, 2, 3]]
