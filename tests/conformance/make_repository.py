"""Writes a model repository with one model for each datatype and backend: make_repository.py FOLDER

identity_<type>  the identity backend, any number of elements, rows of up to 8
onnx_<type>      an ONNX Identity graph on the CPU, the same shapes
flat_<type>      the identity backend without batching, two free dimensions
"""

import sys
from pathlib import Path

from onnx import TensorProto, helper

TYPES = {
    "BOOL": TensorProto.BOOL,
    "UINT8": TensorProto.UINT8,
    "UINT16": TensorProto.UINT16,
    "UINT32": TensorProto.UINT32,
    "UINT64": TensorProto.UINT64,
    "INT8": TensorProto.INT8,
    "INT16": TensorProto.INT16,
    "INT32": TensorProto.INT32,
    "INT64": TensorProto.INT64,
    "FP16": TensorProto.FLOAT16,
    "FP32": TensorProto.FLOAT,
    "FP64": TensorProto.DOUBLE,
    "STRING": TensorProto.STRING,
    "BF16": None,  # ONNX Runtime for JavaScript has no tensors of this type
}


def config(backend, datatype, batch, dims, more=""):
    tensors = "\n".join(
        f'{kind} [ {{ name: "{name}" data_type: TYPE_{datatype} dims: {dims} }} ]'
        for kind, name in (("input", "INPUT0"), ("output", "OUTPUT0"))
    )
    return f'backend: "{backend}"\nmax_batch_size: {batch}\n{tensors}\n{more}'


def write(folder, name, text, onnx=None):
    version = Path(folder) / name / "1"
    version.mkdir(parents=True)
    (version.parent / "config.pbtxt").write_text(text)
    if onnx:
        (version / "model.onnx").write_bytes(onnx.SerializeToString(deterministic=True))


def identity(element):
    shape = ["batch", "n"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["INPUT0"], ["OUTPUT0"])],
        "identity",
        [helper.make_tensor_value_info("INPUT0", element, shape)],
        [helper.make_tensor_value_info("OUTPUT0", element, shape)],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def main(folder):
    for datatype, element in TYPES.items():
        write(folder, f"identity_{datatype}", config("identity", datatype, 8, "[ -1 ]"))
        write(folder, f"flat_{datatype}", config("identity", datatype, 0, "[ -1, -1 ]"))
        if element is not None:
            cpu = "instance_group [ { kind: KIND_CPU count: 1 } ]\n"
            write(folder, f"onnx_{datatype}", config("onnxruntime", datatype, 8, "[ -1 ]", cpu), identity(element))
    slow = 'parameters { key: "execute_delay_ms" value { string_value: "300" } }\n'
    write(folder, "slow", config("identity", "INT32", 8, "[ -1 ]", slow))


if __name__ == "__main__":
    main(sys.argv[1])
