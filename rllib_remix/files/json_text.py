"""JSON as options hold it."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.files.text_files import MAX_BYTES, MAX_DEPTH, MAX_INTEGER, MAX_VALUES, read_text


def parse_json_object(option: str, text: str) -> dict[str, Any]:
    """The JSON object in `text`, or in the file FILE if `text` is `@FILE`.

    Raises:
        UserError: if the file cannot be read, the text is no JSON (with line and column), or it is no object.
    """
    if text.startswith("@"):
        text = read_text(Path(text[1:]), what=f"{option}: file")
    elif len(text) > MAX_BYTES:
        raise UserError(f"{option}: has more than {MAX_BYTES:,} characters, which settings never need.")
    value = parse_json(option, text)
    if not isinstance(value, dict):
        raise UserError(f"{option}: must be a JSON object such as '{{\"name\": 1}}', got {shown(text)}.")
    return value


def parse_json(option: str, text: str) -> Any:
    """What a JSON text holds.

    Raises:
        UserError: if it is no JSON (with line and column), has a key twice in one object, a number that is not finite
            or has more than 64 bits, or is larger or deeper than settings are.
    """
    too_deep = f"{option}: is nested more than {MAX_DEPTH} levels deep."
    try:
        value = json.loads(
            text,
            parse_constant=_reject_constant,
            parse_int=_integer,
            parse_float=_float,
            object_pairs_hook=_without_doubles,
        )
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise UserError(
            f"{option}: not JSON at {where}: {error.msg}, in {_excerpt(text, error.pos)}"
        ) from None
    except ValueError as error:
        raise UserError(f"{option}: {error}") from None
    except RecursionError:
        raise UserError(too_deep) from None
    if _count_values(value, too_deep) > MAX_VALUES:
        raise UserError(f"{option}: holds more than {MAX_VALUES:,} values.")
    return value


def _reject_constant(name: str) -> float:
    raise ValueError(f"{name} is not allowed; numbers must be finite.")


def _integer(text: str) -> int:
    if len(text) > 100 or abs(number := int(text)) > MAX_INTEGER:
        raise ValueError(f"the integer {shown(text)[1:-1]} is not allowed; it has more than 64 bits.")
    return number


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{shown(text)[1:-1]} is not allowed; numbers must be finite.")
    return number


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        double = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"key {shown(double)} is given twice in one object.")
    return found


def _count_values(value: Any, too_deep: str, depth: int = 0) -> int:
    if depth > MAX_DEPTH:
        raise UserError(too_deep)
    if isinstance(value, dict):
        return 1 + sum(1 + _count_values(part, too_deep, depth + 1) for part in value.values())
    if isinstance(value, list):
        return 1 + sum(_count_values(part, too_deep, depth + 1) for part in value)
    return 1


def _excerpt(text: str, position: int, width: int = 30) -> str:
    return shown(text[max(0, position - width) : position + width].replace("\n", " "))
