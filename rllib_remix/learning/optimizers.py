"""PyTorch's optimizers without its compiler."""

from __future__ import annotations

import inspect
from typing import Any, TypeVar

import torch
from torch.optim import Optimizer

_OPEN_THE_COMPILER = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")

Kind = TypeVar("Kind", bound=Optimizer)


def uncompiled(kind: type[Kind]) -> type[Kind]:
    """The same optimizer, which does not load `torch._dynamo`, some 90 MiB, in order to tell it that nothing is compiled.

    Args:
        kind: of PyTorch's own, whose steps are not differentiated (`differentiable=False`, their default).
    """
    methods = {name: inspect.unwrap(getattr(kind, name)) for name in _OPEN_THE_COMPILER}
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    made: Any = type(kind.__name__, (kind,), methods)
    return made
