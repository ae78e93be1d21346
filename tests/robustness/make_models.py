"""Writes models that misbehave when asked to: make_models.py FOLDER

spin  counts to N, one by one: a large N hangs the execution
fill  sums N zeros that it lays out in memory first: a large N does not fit
"""

import sys
from pathlib import Path

from onnx import TensorProto, helper

INT64 = TensorProto.INT64


def value(name, shape, kind=INT64):
    return helper.make_tensor_value_info(name, kind, shape)


def constant(name, numbers, kind=INT64):
    return helper.make_tensor(name, kind, [len(numbers)] if numbers != [0] else [1], numbers)


def spin():
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["count", "one"], ["next"]),
        ],
        "body",
        [value("i", []), value("go", [], TensorProto.BOOL), value("count", [1])],
        [value("go_on", [], TensorProto.BOOL), value("next", [1])],
        [constant("one", [1])],
    )
    nodes = [
        helper.make_node("Squeeze", ["N"], ["trips"]),
        helper.make_node("Loop", ["trips", "", "start"], ["COUNT"], body=body),
    ]
    return helper.make_graph(nodes, "spin", [value("N", [1])], [value("COUNT", [1])], [constant("start", [0])])


def fill():
    nodes = [
        helper.make_node("ConstantOfShape", ["N"], ["zeros"]),
        helper.make_node("ReduceSum", ["zeros"], ["sum"], keepdims=0),
        helper.make_node("Unsqueeze", ["sum", "axis"], ["SUM"]),
    ]
    output = value("SUM", [1], TensorProto.FLOAT)
    return helper.make_graph(nodes, "fill", [value("N", [1])], [output], [constant("axis", [0])])


def main(folder):
    for graph in (spin(), fill()):
        version = Path(folder) / graph.name / "1"
        version.mkdir(parents=True)
        model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
        (version / "model.onnx").write_bytes(model.SerializeToString())
        (version.parent / "config.pbtxt").write_text("instance_group [ { kind: KIND_CPU count: 1 } ]\n")


if __name__ == "__main__":
    main(sys.argv[1])
