"""Writes 1/model.onnx: OUTPUT0 = INPUT0 + INPUT1 and OUTPUT1 = INPUT0 - INPUT1, 16 INT32 values each."""

from common import tensors, write
from onnx import TensorProto, helper

# The first dimension is free and named "batch": one graph for every batch size.
SHAPE = ["batch", 16]

graph = helper.make_graph(
    [
        helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
        helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
    ],
    "simple",
    tensors(("INPUT0", "INPUT1"), TensorProto.INT32, SHAPE),
    tensors(("OUTPUT0", "OUTPUT1"), TensorProto.INT32, SHAPE),
)
write(__file__, graph)
