"""What is done in processes of their own, where stand-ins are in Ray's place.

Usage: drive_stand_ins.py updates FILE.npz | devices FILE.json | names
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
MODULE, UPDATES = "default_policy", 2


def updates_of_all_cases() -> dict[str, np.ndarray]:
    """Weights, buffers and logged numbers after some updates, by case and name; on Ray or on what stands in."""
    from gpu import cases
    from gpu.without_ray.metrics import peeked

    from rllib_remix.team.results.updates import pop_reports

    torch.set_num_threads(1)
    played = cases.ragged_episodes(4, 10)
    found = {}
    for case in cases.all_cases():
        learner = cases.new_learner(case, played, on_gpu=False)
        results: dict[str, Any] = {}
        for _ in range(UPDATES):
            results = learner.update(batch=cases.batch_of(played, case))
        state = learner.module[MODULE].unwrapped().state_dict()
        found |= {f"{case.name}: {name}": value.numpy().copy() for name, value in state.items()}
        (report,) = pop_reports([results])
        found |= {
            f"{case.name}: logged {name}": np.asarray(value, np.float64)
            for name, value in (
                peeked(results)[MODULE]
                | {"/".join(name[1:]): number for name, number in report.numbers.items()}
            ).items()
            if isinstance(value, int | float | np.floating)
        }
    return found


def updates_on_a_pretended_gpu() -> dict[str, dict[str, Any]]:
    """By case what went wrong, and where the second update waited how often."""
    from gpu import cases
    from pretended_gpu import GPU, PretendedGpu

    played = cases.ragged_episodes(4, 10)
    found: dict[str, dict[str, Any]] = {}
    for case in cases.all_cases():
        try:
            with PretendedGpu() as gpu:
                learner = cases.new_learner(case, played, on_gpu=True)
                learner.update(batch=cases.batch_of(played, case))
                gpu.waits.clear()
                learner.update(batch=cases.batch_of(played, case))
                state = learner.module[MODULE].state_dict()
                left = [name for name, value in state.items() if value.device != GPU]
            found[case.name] = {"wrong": f"on the CPU: {left}" if left else "", "waits": dict(gpu.waits)}
        except Exception as error:
            found[case.name] = {"wrong": f"{type(error).__name__}: {error}", "waits": {}}
    return found


def modules_under_rays_names() -> list[str]:
    """Of modules under the names of Ray those that come from a file, once all algorithms are imported."""
    from rllib_remix.algorithms.table import ALGORITHMS, algorithm_class

    for name in ALGORITHMS:
        algorithm_class(name)
    return [
        name for name in sys.modules if name.split(".")[0] == "ray" and hasattr(sys.modules[name], "__file__")
    ]


def main(what: str, file: str = "") -> None:
    """As the module says."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT), str(ROOT / "tests" / "support")]
    from gpu.without_ray.names import install

    install()
    if what == "updates":
        np.savez(file, **updates_of_all_cases())
    elif what == "devices":
        Path(file).write_text(json.dumps(updates_on_a_pretended_gpu()), encoding="utf-8")
    else:
        print(modules_under_rays_names())


if __name__ == "__main__":
    main(*sys.argv[1:])
