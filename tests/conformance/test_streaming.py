"""Streams: gRPC's ModelStreamInfer with both clients, generate and generate_stream over HTTP, decoupled models."""

import asyncio
import http.client
import json
import queue
import threading
import time

import numpy
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
from conftest import GRPC, HTTP, http as request_http, int32
from tritonclient.utils import InferenceServerException

REPEAT = "repeat_int32"


def inputs(module, **arrays):
    made = []
    for name, array in arrays.items():
        tensor = module.InferInput(name, list(array.shape), {"int32": "INT32", "uint32": "UINT32"}[str(array.dtype)])
        tensor.set_data_from_numpy(array)
        made.append(tensor)
    return made


def repeat(module, values, delays=None, wait=0):
    return inputs(
        module,
        IN=numpy.array(values, numpy.int32),
        DELAY=numpy.array(delays or [0] * len(values), numpy.uint32),
        WAIT=numpy.array([wait], numpy.uint32),
    )


def simple(module, start=0):
    return inputs(module, INPUT0=int32(1, 16, start=start), INPUT1=int32(1, 16))


def is_final(result):
    return result.get_response().parameters["triton_final_response"].bool_param


class Stream:
    """The stream of the synchronous client: requests in, (result, error) out."""

    def __init__(self, **options):
        self.client = tritonclient.grpc.InferenceServerClient(GRPC)
        self.answers = queue.Queue()
        self.client.start_stream(lambda result, error: self.answers.put((result, error)), **options)

    def send(self, model, tensors, **options):
        self.client.async_stream_infer(model, tensors, **options)

    def next(self):
        return self.answers.get(timeout=30)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.stop_stream(cancel_requests=True)
        self.client.close()


def statistics():
    client = tritonclient.grpc.InferenceServerClient(GRPC)
    stats = client.get_inference_statistics(REPEAT).model_stats[0].inference_stats
    client.close()
    return stats.success.count, stats.fail.count


def wait_for(condition):
    for _ in range(200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 10 seconds")


def test_one_response_each_in_order():
    with Stream() as stream:
        slow = tritonclient.grpc.InferInput("INPUT0", [1, 2], "INT32")
        slow.set_data_from_numpy(int32(1, 2))
        stream.send("slow", [slow], request_id="slow")
        for i in range(20):
            stream.send("simple", simple(tritonclient.grpc, i), request_id=str(i))
        ids = []
        for i in range(21):
            result, error = stream.next()
            assert error is None
            assert is_final(result)
            ids.append(result.get_response().id)
            if i > 0:
                assert numpy.array_equal(result.as_numpy("OUTPUT0"), int32(1, 16, start=i - 1) + int32(1, 16))
        assert ids == ["slow", *map(str, range(20))]


@pytest.mark.parametrize("empty_final", [False, True])
@pytest.mark.parametrize("values", [[], [7], [4, 5, 6], list(range(1000))])
def test_decoupled(values, empty_final):
    with Stream() as stream:
        stream.send(REPEAT, repeat(tritonclient.grpc, values), request_id="d", enable_empty_final_response=empty_final)
        for i, value in enumerate(values):
            result, error = stream.next()
            assert error is None
            assert not is_final(result)
            assert result.as_numpy("OUT").tolist() == [value] and result.as_numpy("IDX").tolist() == [i]
        if empty_final:
            result, error = stream.next()
            assert error is None and is_final(result)
            assert result.get_response().id == "d" and not result.get_response().outputs
        stream.send("simple", simple(tritonclient.grpc), request_id="next")
        assert stream.next()[0].get_response().id == "next"


def test_decoupled_responses_come_interleaved():
    with Stream() as stream:
        for name in "ab":
            stream.send(REPEAT, repeat(tritonclient.grpc, [0, 1, 2], [0, 100, 100]), request_id=name)
        ids = [stream.next()[0].get_response().id for _ in range(6)]
        assert sorted(ids[:2]) == ["a", "b"] and sorted(ids) == list("aaabbb")


def test_an_error_does_not_end_the_stream():
    with Stream() as stream:
        stream.send("no_such_model", simple(tritonclient.grpc), request_id="bad")
        result, error = stream.next()
        assert "'no_such_model' is not found" in error.message()
        stream.send(REPEAT, repeat(tritonclient.grpc, [1, 2], [0]), request_id="bad")
        result, error = stream.next()
        assert "expected IN and DELAY shape to match" in error.message()
        stream.send("simple", simple(tritonclient.grpc), request_id="good")
        result, error = stream.next()
        assert error is None and result.get_response().id == "good"


def test_a_strict_stream_ends_with_the_error_of_a_model():
    with Stream(headers={"triton_grpc_error": "true"}) as stream:
        stream.send("no_such_model", simple(tritonclient.grpc))
        assert "is not found" in stream.next()[1].message()
        stream.send("simple", simple(tritonclient.grpc))
        assert stream.next()[1] is None
        stream.send(REPEAT, repeat(tritonclient.grpc, [1, 2], [0]))
        _, error = stream.next()
        assert error.status() == "StatusCode.INVALID_ARGUMENT"
        assert "expected IN and DELAY shape to match" in error.message()


def test_a_strict_stream_outlives_a_request_that_no_scheduler_takes():
    with Stream(headers={"triton_grpc_error": "true"}) as stream:
        continued = inputs(tritonclient.grpc, INPUT=int32(1, 1))
        stream.send("simple_sequence", continued, sequence_id=4711, request_id="not begun")
        result, error = stream.next()
        assert result is None and "must specify the START flag" in error.message()
        stream.send("simple", simple(tritonclient.grpc))
        assert stream.next()[1] is None


def test_leaving_a_stream_ends_the_work():
    _, failed = statistics()
    with Stream() as stream:
        stream.send(REPEAT, repeat(tritonclient.grpc, [1] * 100, [0] + [600_000] * 99))
        stream.next()
    wait_for(lambda: statistics()[1] == failed + 1)


def test_the_deadline_of_a_stream_ends_the_work():
    _, failed = statistics()
    with Stream(stream_timeout=0.3) as stream:
        stream.send(REPEAT, repeat(tritonclient.grpc, [1, 2], [0, 600_000]))
        assert stream.next()[1] is None
        _, error = stream.next()
        assert "Deadline Exceeded" in error.message()
    wait_for(lambda: statistics()[1] == failed + 1)


def test_ModelInfer_refuses_decoupled_models():
    client = tritonclient.grpc.InferenceServerClient(GRPC)
    with pytest.raises(InferenceServerException, match="decoupled transaction policy") as caught:
        client.infer(REPEAT, repeat(tritonclient.grpc, [1]))
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"
    client.close()


def test_asyncio():
    module = tritonclient.grpc.aio

    async def run():
        async with module.InferenceServerClient(GRPC) as client:
            async def requests():
                yield {"model_name": REPEAT, "inputs": repeat(module, [4, 5, 6]), "request_id": "many"}
                yield {"model_name": "simple", "inputs": simple(module), "request_id": "one"}

            got = []
            async for result, error in client.stream_infer(requests()):
                assert error is None
                got.append((result.get_response().id, is_final(result)))
            return got

    got = asyncio.run(run())
    assert sorted(got) == [("many", False)] * 3 + [("one", True)]


def test_asyncio_cancel():
    _, failed = statistics()
    module = tritonclient.grpc.aio

    async def run():
        async with module.InferenceServerClient(GRPC) as client:
            async def requests():
                yield {"model_name": REPEAT, "inputs": repeat(module, [1] * 10, [0] + [600_000] * 9)}
                await asyncio.sleep(600)

            stream = client.stream_infer(requests())
            async for _ in stream:
                assert stream.cancel()
                break

    asyncio.run(run())
    wait_for(lambda: statistics()[1] == failed + 1)


def test_many_streams_at_once():
    def one(number, failures):
        try:
            with Stream() as stream:
                for i in range(50):
                    stream.send(REPEAT, repeat(tritonclient.grpc, [number, i]), request_id=f"{i}")
                got = {}
                for _ in range(100):
                    result, error = stream.next()
                    assert error is None
                    got.setdefault(result.get_response().id, []).append(int(result.as_numpy("OUT")[0]))
                assert got == {f"{i}": [number, i] for i in range(50)}
        except BaseException as failure:
            failures.append(failure)

    failures = []
    threads = [threading.Thread(target=one, args=(number, failures)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def events(body):
    assert body == b"" or body.endswith(b"\n\n")
    return [json.loads(event.removeprefix("data: ")) for event in body.decode().split("\n\n")[:-1]]


def test_generate():
    status, headers, body = request_http(
        "/v2/models/simple/generate", {"id": "x", "INPUT0": [1] * 16, "parameters": {"INPUT1": [2] * 16, "own": 1}}
    )
    assert status == 200 and headers["Content-Type"] == "application/json"
    assert headers["Transfer-Encoding"] == "chunked"
    expected = {"id": "x", "model_name": "simple", "model_version": "1", "OUTPUT0": [3] * 16, "OUTPUT1": [-1] * 16}
    assert json.loads(body) == expected
    assert list(json.loads(body)) == sorted(expected)


def test_generate_of_strings():
    status, _, body = request_http("/v2/models/simple_identity/versions/1/generate", {"INPUT0": "größe"})
    assert status == 200 and json.loads(body)["OUTPUT0"] == "größe"


@pytest.mark.parametrize("values", [[], [7], [7, 8, 9]])
def test_generate_stream_of_a_decoupled_model(values):
    body = {"IN": values, "DELAY": [0] * len(values), "WAIT": 0}
    status, headers, answer = request_http(f"/v2/models/{REPEAT}/generate_stream", body)
    assert status == 200 and headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert [(event["OUT"], event["IDX"]) for event in events(answer)] == [(v, i) for i, v in enumerate(values)]
    status, _, answer = request_http(f"/v2/models/{REPEAT}/generate", body)
    if len(values) == 1:
        assert status == 200 and json.loads(answer)["OUT"] == 7
    else:
        assert status == 400 and "exactly 1 response" in json.loads(answer)["error"]


def test_generate_stream_sends_events_as_they_come():
    connection = http.client.HTTPConnection(HTTP, timeout=30)
    body = {"IN": [1, 2], "DELAY": [0, 600_000], "WAIT": 0}
    _, failed = statistics()
    connection.request("POST", f"/v2/models/{REPEAT}/generate_stream", json.dumps(body))
    answer = connection.getresponse()
    assert answer.readline().startswith(b'data: {"IDX":0,"OUT":1')
    answer.close()
    connection.close()
    wait_for(lambda: statistics()[1] == failed + 1)


@pytest.mark.parametrize("path", ["generate", "generate_stream"])
@pytest.mark.parametrize("model, body, status, words", [
    ("no_such_model", {}, 404, "is not found"),
    ("simple", {"INPUT0": [1] * 15}, 400, "can not convert input 'INPUT0'"),
    ("simple", {"INPUT0": [1] * 16}, 400, "missing required input(s) ['INPUT1']"),
    ("simple", b"{", 400, "failed to parse the request JSON buffer"),
    (REPEAT, {"IN": [1, 2], "DELAY": [0], "WAIT": 0}, 400, "expected IN and DELAY shape to match"),
])
def test_generate_errors(path, model, body, status, words):
    got, headers, answer = request_http(f"/v2/models/{model}/{path}", body)
    assert got == status and headers["Content-Type"] == "application/json"
    assert words in json.loads(answer)["error"]
