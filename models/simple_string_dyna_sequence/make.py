"""Writes 1/model.onnx: a running total, OUTPUT = TOTAL_IN + INPUT + END * number of CORRID, one INT32 value a row.

TOTAL_OUT, which the server keeps and gives back as TOTAL_IN, is TOTAL_IN + INPUT.
"""

from common import tensors, write
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
    tensors(("INPUT", "END", "TOTAL_IN"), TensorProto.INT32, SHAPE)
    + tensors(["CORRID"], TensorProto.STRING, SHAPE),
    tensors(("OUTPUT", "TOTAL_OUT"), TensorProto.INT32, SHAPE),
)
write(__file__, graph)
