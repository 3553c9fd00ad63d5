"""What runs an ONNX model here: onnxruntime, or else the slow but exact one that comes with onnx."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from rllib_remix.errors import UserError

INSTALL = "pip install onnx onnxruntime (or rllib_remix[onnx])"


class Runner(NamedTuple):
    """A model that is ready to run."""

    name: str  # and version
    inputs: tuple[str, ...]
    run: Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]  # name → array; all outputs, in their order


def check_is_installed() -> None:
    """Raises UserError if the package onnx is missing, or cannot be imported."""
    if find_spec("onnx") is None:
        raise UserError(f"--format: 'onnx' needs a package that is not installed: onnx; {INSTALL}.")
    try:
        import onnx.helper  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"--format: 'onnx' needs a package that cannot be imported ({error}); {INSTALL}."
        ) from error


def new_runner(model: bytes) -> Runner:
    """Loads a model, for one thread.

    Raises:
        UserError: onnxruntime is there, but cannot be imported.
    """
    return _onnxruntime(model) if find_spec("onnxruntime") is not None else _reference(model)


def _onnxruntime(model: bytes) -> Runner:
    try:
        import onnxruntime
    except ImportError as error:
        raise UserError(f"--format: onnxruntime cannot be imported ({error}); {INSTALL}.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    inputs = tuple(each.name for each in session.get_inputs())
    return Runner(f"onnxruntime {onnxruntime.__version__}", inputs, lambda feeds: session.run(None, feeds))


def _reference(model: bytes) -> Runner:
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator: Any = ReferenceEvaluator(onnx.load_model_from_string(model))
    name = f"onnx's reference evaluator {onnx.__version__}"
    return Runner(name, tuple(evaluator.input_names), lambda feeds: evaluator.run(None, feeds))
