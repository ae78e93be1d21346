"""Every datatype goes there and back through both backends with every client: binary, JSON, gRPC."""

import json

import ml_dtypes
import numpy
import pytest
from conftest import http

NUMPY = {
    "BOOL": numpy.bool_,
    "UINT8": numpy.uint8,
    "UINT16": numpy.uint16,
    "UINT32": numpy.uint32,
    "UINT64": numpy.uint64,
    "INT8": numpy.int8,
    "INT16": numpy.int16,
    "INT32": numpy.int32,
    "INT64": numpy.int64,
    "FP16": numpy.float16,
    "FP32": numpy.float32,
    "FP64": numpy.float64,
}


def values(datatype):
    """Two rows with the extremes of the type."""
    kind = NUMPY[datatype]
    if datatype == "BOOL":
        return numpy.array([[True, False, True], [False, False, True]])
    if datatype.startswith("FP"):
        top = numpy.finfo(kind).max
        return numpy.array([[0, -1.5, top], [numpy.finfo(kind).smallest_subnormal, -top, 0.1]], kind)
    bounds = numpy.iinfo(kind)
    return numpy.array([[bounds.min, bounds.max, 1], [bounds.max - 1, 0, 7]], kind)


def same(a, b):
    assert a.dtype == b.dtype and a.shape == b.shape, (a, b)
    assert a.tobytes() == b.tobytes(), (a, b)


@pytest.mark.parametrize("datatype", NUMPY)
@pytest.mark.parametrize("backend", ["identity", "onnx"])
def test_binary(client, backend, datatype):
    same(client.identity(f"{backend}_{datatype}", datatype, values(datatype)), values(datatype))


@pytest.mark.parametrize("datatype", [name for name in NUMPY if name != "FP16"])
@pytest.mark.parametrize("backend", ["identity", "onnx"])
def test_json(http_client, backend, datatype):
    same(http_client.identity(f"{backend}_{datatype}", datatype, values(datatype), binary=False), values(datatype))


@pytest.mark.parametrize("datatype", NUMPY)
def test_zero_elements(client, datatype):
    empty = numpy.zeros((1, 0), NUMPY[datatype])
    same(client.identity(f"identity_{datatype}", datatype, empty), empty)


@pytest.mark.parametrize("datatype", NUMPY)
def test_one_element(client, datatype):
    one = values(datatype)[:1, 1:2]
    same(client.identity(f"flat_{datatype}", datatype, one), one)


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
@pytest.mark.parametrize("binary", [True, False])
def test_not_a_number_and_infinity(http_client, datatype, binary):
    special = numpy.array([[numpy.nan, numpy.inf, -numpy.inf]], NUMPY[datatype])
    got = http_client.identity(f"identity_{datatype}", datatype, special, binary)
    assert numpy.array_equal(got, special, equal_nan=True)


@pytest.mark.parametrize("datatype", ["FP16", "BF16"])
def test_half_precision_in_json(datatype):
    """More than Triton does: it refuses these types in JSON."""
    tensor = {"name": "INPUT0", "datatype": datatype, "shape": [1, 3], "data": [1, -2.5, 0.15625]}
    status, _, body = http(f"/v2/models/identity_{datatype}/infer", {"inputs": [tensor]})
    assert status == 200, body
    assert json.loads(body)["outputs"][0]["data"] == [1, -2.5, 0.15625]


def test_bf16(client):
    array = numpy.array([[1, -2.5, 3e38], [0, 1e-38, 7]], ml_dtypes.bfloat16)
    got = client.identity("identity_BF16", "BF16", array)
    assert got.astype(numpy.float32).tolist() == array.astype(numpy.float32).tolist()


TEXTS = numpy.array([["", "a", "Grüße 東京 🙂"], ["x" * 100_000, "two\nlines", '"quoted\\"']], object)


def same_texts(got):
    assert got.shape == TEXTS.shape
    assert [x if isinstance(x, str) else x.decode() for x in got.flat] == list(TEXTS.flat)


@pytest.mark.parametrize("backend", ["identity", "onnx"])
def test_text(client, backend):
    same_texts(client.identity(f"{backend}_STRING", "BYTES", TEXTS))


@pytest.mark.parametrize("backend", ["identity", "onnx"])
def test_text_in_json(http_client, backend):
    same_texts(http_client.identity(f"{backend}_STRING", "BYTES", TEXTS, binary=False))


def test_bytes_that_are_no_text(client):
    array = numpy.array([[b"\x00\x01", b"\xff\xfe\x00", b"a\x00b"]], object)
    assert client.identity("identity_STRING", "BYTES", array).tolist() == array.tolist()


def test_text_with_a_nul_is_refused_by_onnx_models(client):
    array = numpy.array([["fine", "a\0b"]], object)
    with pytest.raises(Exception, match="element 1 of BYTES input 'INPUT0' .* contains a NUL byte"):
        client.identity("onnx_STRING", "BYTES", array)


def test_no_strings(client):
    empty = numpy.zeros((1, 0), object)
    assert client.identity("identity_STRING", "BYTES", empty).shape == (1, 0)
