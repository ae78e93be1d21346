"""gRPC requests that are wrong on purpose: each gets a status and a sentence, and the next good one is answered."""

import os
import random
import struct
import threading

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

GRPC = os.environ["TRITON_GRPC"]
LARGE = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
INFER = "/inference.GRPCInferenceService/ModelInfer"
Request = service_pb2.ModelInferRequest


@pytest.fixture
def channel():
    with grpc.insecure_channel(GRPC, options=LARGE) as channel:
        yield channel
        works(channel)


def good():
    request = Request(model_name="simple")
    for name in ("INPUT0", "INPUT1"):
        request.inputs.add(name=name, datatype="INT32", shape=[1, 16])
        request.raw_input_contents.append(struct.pack("<16i", *range(16)))
    return request


def works(channel):
    response = service_pb2_grpc.GRPCInferenceServiceStub(channel).ModelInfer(good(), timeout=30)
    assert struct.unpack("<16i", response.raw_output_contents[0]) == tuple(range(0, 32, 2))


def refused(channel, message, method=INFER, metadata=None):
    """(status, sentence) of a call that must fail; `message` as bytes or as a message."""
    data = message if isinstance(message, bytes) else message.SerializeToString()
    with pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary(method)(data, timeout=30, metadata=metadata)
    return caught.value.code(), caught.value.details()


def changed(change):
    request = good()
    change(request)
    return request


def double_input(request):
    request.inputs[1].name = "INPUT0"


MISTAKES = {
    "no model": lambda r: r.ClearField("model_name"),
    "unknown model": lambda r: setattr(r, "model_name", "../simple"),
    "unknown version": lambda r: setattr(r, "model_version", "9"),
    "version 0": lambda r: setattr(r, "model_version", "0"),
    "version that is text": lambda r: setattr(r, "model_version", "latest"),
    "version of 40 digits": lambda r: setattr(r, "model_version", "9" * 40),
    "no inputs": lambda r: (r.ClearField("inputs"), r.ClearField("raw_input_contents")),
    "one input": lambda r: (r.inputs.pop(), r.raw_input_contents.pop()),
    "no data": lambda r: r.ClearField("raw_input_contents"),
    "half of the data": lambda r: r.raw_input_contents.pop(),
    "too few bytes": lambda r: r.raw_input_contents.__setitem__(0, b"1234"),
    "too many bytes": lambda r: r.raw_input_contents.__setitem__(0, b"1" * 68),
    "no shape": lambda r: r.inputs[0].ClearField("shape"),
    "negative dimension": lambda r: r.inputs[0].shape.__setitem__(0, -1),
    "huge dimension": lambda r: r.inputs[0].shape.__setitem__(0, 2**62),
    "product that overflows": lambda r: r.inputs[0].shape.extend([2**62, 2**62]),
    "zero rows": lambda r: (
        [x.shape.__setitem__(0, 0) for x in r.inputs],
        [r.raw_input_contents.__setitem__(i, b"") for i in range(2)],
    ),
    "1000 dimensions": lambda r: r.inputs[0].shape.extend([1] * 1000),
    "no datatype": lambda r: r.inputs[0].ClearField("datatype"),
    "unknown datatype": lambda r: setattr(r.inputs[0], "datatype", "constructor"),
    "other datatype": lambda r: setattr(r.inputs[0], "datatype", "FP32"),
    "unknown input": lambda r: setattr(r.inputs[0], "name", "__proto__"),
    "the same input twice": double_input,
    "unknown output": lambda r: r.outputs.add(name="OUTPUTX"),
    "output without a name": lambda r: r.outputs.add(),
    "contents and raw contents": lambda r: r.inputs[0].contents.int_contents.append(1),
    "reserved parameter": lambda r: r.parameters["triton_x"].MergeFrom(service_pb2.InferParameter(int64_param=1)),
    "parameter without a value": lambda r: r.parameters["x"].SetInParent(),
    "negative timeout": lambda r: setattr(r.parameters["timeout"], "int64_param", -1),
    "classification of 0": lambda r: setattr(r.outputs.add(name="OUTPUT0").parameters["classification"], "int64_param", 0),
    "region of shared memory that nobody made": lambda r: (
        r.ClearField("raw_input_contents"),
        [setattr(x.parameters["shared_memory_region"], "string_param", "nothing") for x in r.inputs],
        [setattr(x.parameters["shared_memory_byte_size"], "int64_param", 64) for x in r.inputs],
    ),
}

ALLOWED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(channel, mistake):
    code, text = refused(channel, changed(MISTAKES[mistake]))
    assert code in ALLOWED, (code, text)
    assert len(text) > 10 and ".ts" not in text and "undefined" not in text and "TypeError" not in text, text


@pytest.mark.parametrize("method", ["ModelInfer", "ModelMetadata", "ServerReady", "ModelStatistics", "RepositoryIndex"])
@pytest.mark.parametrize("data", [b"\xff" * 50, b"\x0a\x7f", b"\x0a\xff\xff\xff\xff\x0f", b"\x3c\x3c\x3c", b"\x07"])
def test_message_that_is_no_protobuf(channel, method, data):
    code, text = refused(channel, data, f"/inference.GRPCInferenceService/{method}")
    assert code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT), (code, text)
    assert text


def test_groups_nested_without_end(channel):
    code, text = refused(channel, b"\x0b" * 200_000)
    assert code in (grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT), (code, text)


def test_random_messages(channel):
    """Noise, and good messages with a few bytes changed: refused or answered, never UNKNOWN or UNAVAILABLE."""
    source = random.Random(5)
    call = channel.unary_unary(INFER)
    template = good().SerializeToString()
    for i in range(300):
        if i % 3 == 0:
            data = source.randbytes(source.randrange(200))
        else:
            data = bytearray(template)
            for _ in range(source.randrange(1, 4)):
                data[source.randrange(len(data))] = source.randrange(256)
        try:
            call(bytes(data), timeout=30)
        except grpc.RpcError as error:
            assert error.code() in ALLOWED | {grpc.StatusCode.INTERNAL}, (error.code(), error.details(), bytes(data))


@pytest.mark.parametrize("method", ["/inference.GRPCInferenceService/", "/x/y", "/inference.GRPCInferenceService/ModelInfer/x"])
def test_method_that_does_not_exist(channel, method):
    assert refused(channel, good(), method)[0] == grpc.StatusCode.UNIMPLEMENTED


def test_headers_are_bounded(channel):
    """More metadata than the transport takes: refused without harm to other calls."""
    refused(channel, good(), metadata=[("x-large", "y" * 500_000)])


def test_name_of_a_megabyte(channel):
    code, text = refused(channel, Request(model_name="x" * 1_000_000))
    assert code in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL), (code, text[:200])


def test_name_that_does_not_fit_into_a_header(channel):
    """The status message travels in a header: line feeds and other letters have to be encoded."""
    code, text = refused(channel, Request(model_name="a\r\nb: c\n\u6771\u4eac\x00"))
    assert code == grpc.StatusCode.NOT_FOUND
    assert "\u6771\u4eac" in text


def test_cancelled_calls(channel):
    for _ in range(200):
        channel.unary_unary(INFER).future(good().SerializeToString()).cancel()


def test_deadlines_too_short_to_meet(channel):
    for i in range(100):
        try:
            channel.unary_unary(INFER)(good().SerializeToString(), timeout=i * 0.00002)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def test_channels_that_come_and_go():
    def one():
        for _ in range(10):
            with grpc.insecure_channel(GRPC, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
                channel.unary_unary(INFER).future(good().SerializeToString())

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with grpc.insecure_channel(GRPC) as channel:
        works(channel)
