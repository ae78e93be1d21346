"""Writes 1/model.onnx: the sums and differences of `simple`, of integers written as decimal strings."""

from common import tensors, write
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
    tensors(("INPUT0", "INPUT1"), TensorProto.STRING, SHAPE),
    tensors(("OUTPUT0", "OUTPUT1"), TensorProto.STRING, SHAPE),
)
write(__file__, graph)
