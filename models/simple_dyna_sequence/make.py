"""Writes 1/model.onnx: OUTPUT = READY * (INPUT + START + END * CORRID), one INT32 value a row."""

from common import tensors, write
from onnx import TensorProto, helper

# The first dimension is free and named "batch": one graph for every batch size.
SHAPE = ["batch", 1]

graph = helper.make_graph(
    [
        helper.make_node("Cast", ["CORRID"], ["id"], to=TensorProto.INT32),
        helper.make_node("Mul", ["id", "END"], ["last"]),
        helper.make_node("Add", ["INPUT", "START"], ["first"]),
        helper.make_node("Add", ["first", "last"], ["sum"]),
        helper.make_node("Mul", ["sum", "READY"], ["OUTPUT"]),
    ],
    "simple_dyna_sequence",
    tensors(("INPUT", "START", "END", "READY"), TensorProto.INT32, SHAPE)
    + tensors(["CORRID"], TensorProto.UINT64, SHAPE),
    tensors(["OUTPUT"], TensorProto.INT32, SHAPE),
)
write(__file__, graph)
