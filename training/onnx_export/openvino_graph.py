"""A checkpoint's graph as OpenVINO computes it best: what the job put into int8 is told in OpenVINO's own words.

`labelwheel.training.onnx_export.quantisation` writes a product as a dozen operations that ONNX Runtime knows. OpenVINO
computes them one by one, two to three times as slowly; from the same int8 weights it makes a product of its own, with
activations in int8, a scale for so many channels of a token.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

_WEIGHT = re.compile(r"int8_\d+_weight")


def mend(model: Any) -> int:
    """Changes an `openvino.Model` in place; says how many products there were, 0 for a graph in fp32."""
    nodes = {each.get_friendly_name(): each for each in model.get_ordered_ops()}
    found = [name.removesuffix("_weight") for name in nodes if _WEIGHT.fullmatch(name)]
    for name in found:
        _product(name, nodes)
    if found:
        model.validate_nodes_and_infer_types()
    return len(found)


def _product(name: str, nodes: dict[str, Any]) -> None:
    """What gave each channel its scale came last: the whole product takes its place."""
    from openvino import opset13

    weight, scale = nodes[f"{name}_weight"], nodes[f"{name}_scale"]
    (last,) = (each.get_node() for each in scale.output(0).get_target_inputs())
    (lowest,) = _inputs(nodes[f"{name}_lowest"], "ReduceMin")
    values = lowest.input_value(0)
    whole = opset13.convert(opset13.constant(weight.data.astype(np.int8)), "f32")
    matrix = opset13.multiply(whole, opset13.constant(scale.data.reshape(1, -1).astype(np.float32)))
    last.output(0).replace(opset13.matmul(values, matrix, False, False).output(0))


def _inputs(node: Any, kind: str) -> list[Any]:
    found = (each.get_node() for each in node.input_values())
    return [each for each in found if each.get_type_name() == kind]
