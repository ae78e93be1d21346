"""Writes 1/model.onnx: `simple` on 16 FP32 values, and no config.pbtxt beside it.

All that the server must know stands in the graph: names, types, shapes, and a free first dimension, which makes it a
batch dimension. See the completed configuration at /v2/models/simple_float/config.
"""

from pathlib import Path

from onnx import TensorProto, helper

SHAPE = ["batch", 16]

graph = helper.make_graph(
    [
        helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
        helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
    ],
    "simple_float",
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("INPUT0", "INPUT1")],
    [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("OUTPUT0", "OUTPUT1")],
)
model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="triton-ts")

path = Path(__file__).parent / "1" / "model.onnx"
path.parent.mkdir(exist_ok=True)
path.write_bytes(model.SerializeToString(deterministic=True))
