"""Mistakes of clients: each gets Triton's status and Triton's words."""

import json

import numpy
import pytest
from conftest import INVALID, NOT_FOUND, http, int32, raises


def two(client, a=None, b=None):
    a = int32(1, 16) if a is None else a
    b = int32(1, 16) if b is None else b
    return [client.input("INPUT0", "INT32", a), client.input("INPUT1", "INT32", b)]


def test_unknown_model(client):
    with raises(NOT_FOUND, "Request for unknown model: 'nothing' is not found")(client):
        client.infer("nothing", two(client))


def test_unknown_version(client):
    with raises(NOT_FOUND, "Request for unknown model: 'simple' version 7 is not found")(client):
        client.infer("simple", two(client), model_version="7")


def test_unknown_input(client):
    inputs = [client.input("INPUT0", "INT32", int32(1, 16)), client.input("INPUTX", "INT32", int32(1, 16))]
    with raises(INVALID, "unexpected inference input 'INPUTX' for model 'simple'")(client):
        client.infer("simple", inputs)


def test_unknown_output(client):
    with raises(INVALID, "unexpected inference output 'OUTPUTX' for model 'simple'")(client):
        client.infer("simple", two(client), [client.output("OUTPUTX")])


def test_missing_input(client):
    with raises(INVALID, "expected 2 inputs but got 1 inputs for model 'simple'", "INPUT1")(client):
        client.infer("simple", two(client)[:1])


def test_input_given_twice(client):
    with raises(INVALID, "input 'INPUT0' already exists in request")(client):
        client.infer("simple", two(client)[:1] * 2)


def test_wrong_datatype(client):
    inputs = [client.input("INPUT0", "FP32", numpy.zeros((1, 16), numpy.float32)), two(client)[1]]
    with raises(INVALID, "inference input 'INPUT0' data-type is 'FP32', but model 'simple' expects 'INT32'")(client):
        client.infer("simple", inputs)


def test_wrong_shape(client):
    words = "unexpected shape for input 'INPUT0' for model 'simple'. Expected [-1,16], got [1,15]"
    with raises(INVALID, words, "NOTE: Setting a non-zero max_batch_size")(client):
        client.infer("simple", two(client, int32(1, 15)))


def test_too_many_rows(client):
    with raises(INVALID, "inference request batch-size must be <= 8 for 'simple'")(client):
        client.infer("simple", two(client, int32(9, 16), int32(9, 16)))


def test_rows_that_differ(client):
    with raises(INVALID, "batch size does not match other inputs for 'simple'")(client):
        client.infer("simple", two(client, int32(2, 16), int32(3, 16)))


def test_error_of_the_model_itself(client):
    """The text is no number: the execution fails, and the next one does not."""
    words = numpy.array([["no number"] * 16], object)
    numbers = numpy.array([["1"] * 16], object)
    tensors = lambda x: [client.input("INPUT0", "BYTES", x), client.input("INPUT1", "BYTES", x)]
    with pytest.raises(Exception) as caught:
        client.infer("simple_string", tensors(words))
    assert type(caught.value).__name__ == "InferenceServerException"
    assert caught.value.message()
    assert client.infer("simple_string", tensors(numbers)).as_numpy("OUTPUT0").flat[0] == b"2"


def test_classification_of_strings(client):
    words = numpy.array([["a", "b"]], object)
    with raises(INVALID, "class result not available for output due to unsupported type")(client):
        client.infer(
            "identity_STRING",
            [client.input("INPUT0", "BYTES", words)],
            [client.output("OUTPUT0", class_count=1)],
        )


def test_metadata_of_an_unknown_model(client):
    with raises(NOT_FOUND, "Request for unknown model: 'nothing' is not found")(client):
        client.call("get_model_metadata", "nothing")


def test_config_of_an_unknown_model(client):
    with raises(NOT_FOUND, "Request for unknown model: 'nothing' is not found")(client):
        client.call("get_model_config", "nothing")


def test_statistics_of_an_unknown_model(client):
    with raises(INVALID, "requested model 'nothing' is not available")(client):
        client.call("get_inference_statistics", "nothing")


def test_error_bodies_over_http_are_json():
    for path, body in (("/v2/models/nothing", None), ("/v2/nothing", None), ("/v2/models/simple/infer", b"{")):
        status, headers, answer = http(path, body)
        assert 400 <= status < 500, (path, status)
        assert headers["Content-Type"].startswith("application/json")
        assert json.loads(answer)["error"]


def test_strings_that_onnx_runtime_does_not_take(client):
    for element, why in ((b"a\0b", "contains a NUL byte"), (b"\xff\xfe", "is not valid UTF-8")):
        words = numpy.array([[b"fine", element]], object)
        with raises(INVALID, "element 1 of BYTES input 'INPUT0' for model 'onnx_STRING' " + why)(client):
            client.infer("onnx_STRING", [client.input("INPUT0", "BYTES", words)])
