"""Whether the machine, or the emulated cluster, has what a trial asks for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rllib_remix.errors import UserError


def check_there_is_enough(
    bundles: Sequence[dict[str, float]], num_env_runners: Any, num_cpus: int | None, num_gpus: float | None
) -> None:
    """Raises UserError for a trial that asks for more than there is, and would wait for ever.

    Args:
        bundles: what it asks for, see `bundles_of`.
        num_env_runners: its setting, for messages.
        num_cpus, num_gpus: what is there, or None if that is not known.
    """
    needed = {name: sum(bundle.get(name, 0) for bundle in bundles) for bundle in bundles for name in bundle}
    if num_cpus is not None and needed.get("CPU", 0) > num_cpus:
        cpus = needed["CPU"]
        raise UserError(
            f"one trial needs {cpus:g} CPUs (num_env_runners={num_env_runners}), but there are {num_cpus}; "
            f"lower num_env_runners, or share them with --ray-num-cpus {math.ceil(cpus)}."
        )
    if num_gpus is not None and needed.get("GPU", 0) > num_gpus:
        raise UserError(
            f"one trial needs {needed['GPU']:g} GPUs, but there are {num_gpus:g}; lower num_gpus_per_learner."
        )
    custom = [name for name, amount in needed.items() if amount and name not in ("CPU", "GPU", "memory")]
    if num_cpus is not None and custom:
        raise UserError(
            f"one trial needs the resource {custom[0]!r}, which only a running cluster can have (--ray-address)."
        )
