"""Writes 1/model.onnx: the sums and differences of `simple`, of integers written as decimal strings."""

from pathlib import Path

from onnx import TensorProto, helper

SHAPE = ["batch", 16]

graph = helper.make_graph(
    [
        # Cast reads and writes decimal text. ONNX Runtime has it on the CPU only.
        helper.make_node("Cast", ["INPUT0"], ["a"], to=TensorProto.INT32),
        helper.make_node("Cast", ["INPUT1"], ["b"], to=TensorProto.INT32),
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Sub", ["a", "b"], ["difference"]),
        helper.make_node("Cast", ["sum"], ["OUTPUT0"], to=TensorProto.STRING),
        helper.make_node("Cast", ["difference"], ["OUTPUT1"], to=TensorProto.STRING),
    ],
    "simple_string",
    [helper.make_tensor_value_info(name, TensorProto.STRING, SHAPE) for name in ("INPUT0", "INPUT1")],
    [helper.make_tensor_value_info(name, TensorProto.STRING, SHAPE) for name in ("OUTPUT0", "OUTPUT1")],
)
model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="triton-ts")

path = Path(__file__).parent / "1" / "model.onnx"
path.parent.mkdir(exist_ok=True)
path.write_bytes(model.SerializeToString(deterministic=True))
