"""Writes 1/model.onnx: OUTPUT = READY * (INPUT + START + END * CORRID), one INT32 value a row."""

from pathlib import Path

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
    [helper.make_tensor_value_info(name, TensorProto.INT32, SHAPE) for name in ("INPUT", "START", "END", "READY")]
    + [helper.make_tensor_value_info("CORRID", TensorProto.UINT64, SHAPE)],
    [helper.make_tensor_value_info("OUTPUT", TensorProto.INT32, SHAPE)],
)
model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="triton-ts")

path = Path(__file__).parent / "1" / "model.onnx"
path.parent.mkdir(exist_ok=True)
path.write_bytes(model.SerializeToString(deterministic=True))
