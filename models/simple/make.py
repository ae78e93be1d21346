"""Writes 1/model.onnx: OUTPUT0 = INPUT0 + INPUT1 and OUTPUT1 = INPUT0 - INPUT1, 16 INT32 values each."""

from pathlib import Path

from onnx import TensorProto, helper

# The first dimension is free and named "batch": one graph for every batch size.
SHAPE = ["batch", 16]

graph = helper.make_graph(
    [
        helper.make_node("Add", ["INPUT0", "INPUT1"], ["OUTPUT0"]),
        helper.make_node("Sub", ["INPUT0", "INPUT1"], ["OUTPUT1"]),
    ],
    "simple",
    [helper.make_tensor_value_info(name, TensorProto.INT32, SHAPE) for name in ("INPUT0", "INPUT1")],
    [helper.make_tensor_value_info(name, TensorProto.INT32, SHAPE) for name in ("OUTPUT0", "OUTPUT1")],
)
model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="triton-ts")

path = Path(__file__).parent / "1" / "model.onnx"
path.parent.mkdir(exist_ok=True)
path.write_bytes(model.SerializeToString(deterministic=True))
