"""Values as JSON can hold them."""

from __future__ import annotations

import math
from typing import Any


def jsonable(value: Any) -> Any:
    """`value` as JSON can hold it: arrays become lists, numbers that are not finite null, what is left text."""
    if isinstance(value, dict):
        return {str(name): jsonable(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple | set):
        return [jsonable(entry) for entry in value]
    if hasattr(value, "tolist"):  # arrays and scalars of NumPy and torch
        return jsonable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
