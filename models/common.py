"""What the scripts of the example models share. One of them alone runs from this folder: python -m simple.make"""

from pathlib import Path

from onnx import helper


def tensors(names, element, shape):
    """Inputs or outputs of a graph that have one type and one shape."""
    return [helper.make_tensor_value_info(name, element, shape) for name in names]


def write(script, graph):
    """Writes 1/model.onnx beside `script`, the same bytes every time."""
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, ir_version=8, opset_imports=[opset], producer_name="triton-ts")
    path = Path(script).parent / "1" / "model.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
