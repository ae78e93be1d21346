"""Writes 1/model.onnx: `simple` on 16 FP32 values, and no config.pbtxt beside it.

All that the server must know stands in the graph: names, types, shapes, and a free first dimension, which makes it a
batch dimension. See the completed configuration at /v2/models/simple_float/config.
"""

from common import tensors, write
from onnx import TensorProto, helper

SHAPE = ["batch", 16]

graph = helper.make_graph(
    [
        helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
        helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
    ],
    "simple_float",
    tensors(("INPUT0", "INPUT1"), TensorProto.FLOAT, SHAPE),
    tensors(("OUTPUT0", "OUTPUT1"), TensorProto.FLOAT, SHAPE),
)
write(__file__, graph)
