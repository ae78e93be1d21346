"""Writes 1/model.onnx: a running total, OUTPUT = TOTAL_IN + INPUT + END * number of CORRID, one INT32 value a row.

TOTAL_OUT, which the server keeps and gives back as TOTAL_IN, is TOTAL_IN + INPUT.
"""

from pathlib import Path

from onnx import TensorProto, helper

# The first dimension is free and named "batch": one graph for every batch size.
SHAPE = ["batch", 1]

graph = helper.make_graph(
    [
        helper.make_node("Add", ["TOTAL_IN", "INPUT"], ["TOTAL_OUT"]),
        helper.make_node("Cast", ["CORRID"], ["id"], to=TensorProto.INT32),
        helper.make_node("Mul", ["id", "END"], ["last"]),
        helper.make_node("Add", ["TOTAL_OUT", "last"], ["OUTPUT"]),
    ],
    "simple_string_dyna_sequence",
    [helper.make_tensor_value_info(name, TensorProto.INT32, SHAPE) for name in ("INPUT", "END", "TOTAL_IN")]
    + [helper.make_tensor_value_info("CORRID", TensorProto.STRING, SHAPE)],
    [helper.make_tensor_value_info(name, TensorProto.INT32, SHAPE) for name in ("OUTPUT", "TOTAL_OUT")],
)
model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="triton-ts")

path = Path(__file__).parent / "1" / "model.onnx"
path.parent.mkdir(exist_ok=True)
path.write_bytes(model.SerializeToString(deterministic=True))
