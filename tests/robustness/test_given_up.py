"""A model whose executions hang until none of its instances is started again: it is not ready and says why.

The tests run in their order, on the model `spin` and a limit of one second for each execution.
"""

import os
import time

import numpy
import pytest
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException

GIVEN_UP = "instance 'spin_0_0' of model 'spin' is not running: 4 executions did not end within 1 seconds"
NOT_READY = "Request for unknown model: 'spin' version 1 is not at ready state: " + GIVEN_UP


@pytest.fixture(scope="module")
def http():
    with tritonclient.http.InferenceServerClient(os.environ["TRITON_HTTP"], network_timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def grpc():
    with tritonclient.grpc.InferenceServerClient(os.environ["TRITON_GRPC"]) as client:
        yield client


def count(module, client, n):
    tensor = module.InferInput("N", [1], "INT64")
    tensor.set_data_from_numpy(numpy.array([n], numpy.int64))
    return client.infer("spin", [tensor]).as_numpy("COUNT")[0]


def refusal(module, client, n=3):
    with pytest.raises(InferenceServerException) as raised:
        count(module, client, n)
    return raised.value


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def counts(client):
    try:
        return count(tritonclient.http, client, 3) == 3
    except InferenceServerException as error:
        assert error.status() == "503", error
        return False


def test_executions_that_hang_fail_and_the_last_one_says_that_the_instance_is_given_up(http):
    for _ in range(3):
        until(lambda: counts(http))
        assert "The instance is being restarted" in refusal(tritonclient.http, http, 10**12).message()
        assert http.is_model_ready("spin")
    until(lambda: counts(http))
    assert refusal(tritonclient.http, http, 10**12).message().startswith(GIVEN_UP)


def test_model_is_not_ready(http, grpc):
    until(lambda: not http.is_model_ready("spin"))
    assert not http.is_model_ready("spin", "1")
    for version in ("", "1"):
        with pytest.raises(InferenceServerException) as raised:
            grpc.is_model_ready("spin", version)
        assert raised.value.status() == "StatusCode.UNAVAILABLE"
        assert raised.value.message().startswith(NOT_READY)
    assert http.is_model_ready("fill")


def test_server_is_not_ready_and_live(http, grpc):
    assert not http.is_server_ready()
    assert not grpc.is_server_ready()
    assert http.is_server_live()
    assert grpc.is_server_live()


def test_requests_are_refused_at_once_with_the_reason(http, grpc):
    for error in (refusal(tritonclient.http, http), refusal(tritonclient.grpc, grpc)):
        assert error.status() in ("503", "StatusCode.UNAVAILABLE")
        assert error.message().startswith(NOT_READY)


def test_repository_index_has_the_reason(http, grpc):
    over_http = {entry["name"]: entry for entry in http.get_model_repository_index()}
    over_grpc = {entry["name"]: entry for entry in grpc.get_model_repository_index(as_json=True)["models"]}
    for index in (over_http, over_grpc):
        assert index["spin"]["state"] == "UNAVAILABLE"
        assert index["spin"]["reason"].startswith("Unavailable: " + GIVEN_UP)
        assert index["fill"]["state"] == "READY"
