"""Writes 1/model.onnx: OUTPUT = READY * (INPUT + START), one INT32 value a row."""

from common import tensors, write
from onnx import TensorProto, helper

# The first dimension is free and named "batch": one graph for every batch size.
SHAPE = ["batch", 1]

graph = helper.make_graph(
    [
        helper.make_node("Add", ["INPUT", "START"], ["sum"]),
        helper.make_node("Mul", ["sum", "READY"], ["OUTPUT"]),
    ],
    "simple_sequence",
    tensors(("INPUT", "START", "READY"), TensorProto.INT32, SHAPE),
    tensors(["OUTPUT"], TensorProto.INT32, SHAPE),
)
write(__file__, graph)
