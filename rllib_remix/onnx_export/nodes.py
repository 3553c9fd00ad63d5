"""An ONNX graph in the making: inputs, constants and nodes, each known by its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import ModelProto, helper, numpy_helper

OPSET, IR_VERSION = 15, 8  # of 2021 and 2022, which nearly all runtimes read
BATCH = "batch"  # the name of the first axis of all inputs and outputs


class GraphInTheMaking:
    """Collects what makes a graph; every call returns the name of what it added."""

    def __init__(self) -> None:
        self._inputs: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._nodes: list[Any] = []

    def input(self, name: str, dtype: Any, *shape: int, says: str) -> str:
        """An input [batch, *shape] of a NumPy dtype, with what it is, for people who look at the file."""
        self._inputs.append(_described(name, dtype, shape, says))
        return name

    def constant(self, name: str, value: Any) -> str:
        """A constant array; one of the same name is the same."""
        self._constants[name] = numpy_helper.from_array(
            np.ascontiguousarray(value).reshape(np.shape(value)), name
        )
        return name

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """A node with one output, whose name is made up unless it is given."""
        name = output or f"{operator.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def split(self, whole: str, parts: int) -> list[str]:
        """Equal parts along the second axis."""
        names = [f"{whole}_part_{part}" for part in range(parts)]
        self._nodes.append(helper.make_node("Split", [whole], names, name=f"split_{whole}", axis=1))
        return names

    def column(self, values: str) -> str:
        """[batch] → [batch, 1]."""
        return self.add("Unsqueeze", values, self.constant("axis_1", np.array([1])))

    def model(
        self, name: str, outputs: Mapping[str, tuple[Any, tuple[int, ...], str]], metadata: Mapping[str, str]
    ) -> ModelProto:
        """The whole.

        Args:
            name: of the graph.
            outputs: name → dtype, shape behind the batch, and what it is.
            metadata: what the file says about itself.
        """
        described = [_described(output, *entry) for output, entry in outputs.items()]
        graph = helper.make_graph(self._nodes, name, self._inputs, described, list(self._constants.values()))
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="rllib_remix",
        )
        helper.set_model_props(model, dict(metadata))
        return model


def _described(name: str, dtype: Any, shape: tuple[int, ...], says: str) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, kind, [BATCH, *shape], doc_string=says)
