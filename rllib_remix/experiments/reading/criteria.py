"""Results by which a trial ends, and by which its checkpoints are chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.old.result_keys import translate_result_key
from rllib_remix.experiments.result_keys import check_result_key, flattened


def parse_stop(owner: str, stop: object) -> dict[str, float]:
    """Stop criteria as Tune takes them: result key (nested with slashes) to the value that ends a trial.

    Numbers written as text ("1e6") are accepted, and nested objects are flattened.

    Raises:
        UserError: for anything else than finite numbers, and for keys that RLlib does not report any more.
    """
    if not isinstance(stop, Mapping):
        raise UserError(f"{owner}: must map result keys to numbers, got {shown(stop)}.")
    criteria: dict[str, float] = {}
    for key, limit in flattened(stop).items():
        check_result_key(owner, key)
        criteria[key] = _number(f"{owner}: {key}", limit)
    return criteria


def parse_score_attribute(owner: str, attribute: str) -> tuple[str, str]:
    """The result key that says which checkpoints to keep, in its name of now, and "max" or "min".

    A leading `min-` means that lower is better, as it always did.

    Raises:
        UserError: for a key that no result has.
    """
    order = "min" if attribute.startswith("min-") else "max"
    key = translate_result_key(attribute.removeprefix("min-"))
    check_result_key(owner, key)
    return key, order


def _number(name: str, value: object) -> float:
    number = value
    if isinstance(number, str):
        try:
            number = float(number)
        except ValueError:
            raise UserError(f"{name}: {shown(value)} is not a number.") from None
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
        raise UserError(f"{name}: {shown(value)} is not allowed; it must be a finite number.")
    counter = name.split(": ")[-1].split("/")[-1]
    counts = counter.startswith(("num_", "time_", "training_iteration", "iterations_"))
    if counts and number <= 0:
        raise UserError(f"{name}: {shown(value)} is not allowed; it must be above 0.")
    return number
