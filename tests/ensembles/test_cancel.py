"""Clients that go while the first step of an ensemble executes: that step runs to its end, no further one begins."""

import http.client
import json
import os
import time
import urllib.request

import numpy
import pytest
import tritonclient.grpc

HTTP = os.environ["TRITON_HTTP"]
GRPC = os.environ["TRITON_GRPC"]


def statistics(model):
    with urllib.request.urlopen(f"http://{HTTP}/v2/models/{model}/stats", timeout=30) as answer:
        return json.load(answer)["model_stats"][0]


def counts():
    return {model: statistics(model)["inference_count"] for model in ("long", "begun", "last", "chain")}


def failures():
    return statistics("chain")["inference_stats"]["fail"]["count"]


def until(condition):
    while not condition():
        time.sleep(0.01)


def tensors():
    tensor = tritonclient.grpc.InferInput("IN", [1], "FP32")
    tensor.set_data_from_numpy(numpy.ones(1, numpy.float32))
    return [tensor]


def http_request(path, body):
    """Sends a request and returns what breaks its connection off."""
    connection = http.client.HTTPConnection(HTTP)
    connection.request("POST", f"/v2/models/chain/{path}", json.dumps(body), {"Content-Type": "application/json"})
    return connection.close


def disconnect_infer():
    return http_request("infer", {"inputs": [{"name": "IN", "shape": [1], "datatype": "FP32", "data": [1]}]})


def disconnect_generate():
    return http_request("generate", {"IN": 1})


def disconnect_generate_stream():
    return http_request("generate_stream", {"IN": 1})


def cancel_call():
    client = tritonclient.grpc.InferenceServerClient(GRPC)
    return client.async_infer("chain", tensors(), lambda result, error: None).cancel


def cancel_stream():
    client = tritonclient.grpc.InferenceServerClient(GRPC)
    client.start_stream(lambda result, error: None)
    client.async_stream_infer("chain", tensors())
    return lambda: client.stop_stream(cancel_requests=True)


def deadline(**options):
    def begin():
        client = tritonclient.grpc.InferenceServerClient(GRPC)
        client.async_infer("chain", tensors(), lambda result, error: None, **options)
        return lambda: None

    return begin


def deadline_of_stream():
    client = tritonclient.grpc.InferenceServerClient(GRPC)
    client.start_stream(lambda result, error: None, stream_timeout=0.4)
    client.async_stream_infer("chain", tensors())
    return lambda: None


@pytest.mark.parametrize(
    "begin",
    [
        pytest.param(disconnect_infer, id="client of infer disconnects"),
        pytest.param(disconnect_generate, id="client of generate disconnects"),
        pytest.param(disconnect_generate_stream, id="client of generate_stream disconnects"),
        pytest.param(cancel_call, id="gRPC call is cancelled"),
        pytest.param(cancel_stream, id="gRPC stream is cancelled"),
        pytest.param(deadline(client_timeout=0.4), id="gRPC deadline passes"),
        pytest.param(deadline_of_stream, id="gRPC deadline of a stream passes"),
    ],
)
def test_no_step_begins_for_a_client_that_has_gone(begin):
    before, failed = counts(), failures()
    leave = begin()
    until(lambda: counts()["begun"] > before["begun"])
    leave()
    until(lambda: failures() > failed)
    after = counts()
    assert after["long"] == before["long"] + 1, "what had begun ran to its end"
    assert after["last"] == before["last"], "nobody waits for it"
    assert after["chain"] == before["chain"]
    assert failures() == failed + 1


def test_the_steps_run_for_a_client_that_stays():
    before = counts()
    client = tritonclient.grpc.InferenceServerClient(GRPC)
    result = client.infer("chain", tensors())
    assert result.as_numpy("OUT").tolist() == [1]
    assert {model: count - before[model] for model, count in counts().items()} == dict.fromkeys(before, 1)
