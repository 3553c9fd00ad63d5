"""Checks the learners on a GPU: the same numbers as on the CPU, times of updates, and env steps per second of a training.

Usage:
  scripts/gpu_check                                all of it, with Ray if it is installed, else with stand-ins for RLlib
  scripts/gpu_check --only compare                 every algorithm's update on the GPU and on the CPU
  scripts/gpu_check --only times --batches 128     one of the parts: tests, compare, times, end_to_end
  scripts/gpu_check --device cpu --small           everything but the GPU, in sizes of a few seconds

Writes a JSON file and, beside it, a Markdown file with the same tables. Exit code: 0, 1 if something failed or differs, 2 if the
command makes no sense here. It needs PyTorch, NumPy, Numba, Gymnasium, PettingZoo, pydantic and safetensors.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu.without_ray import names as stand_ins

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("tests", "compare", "times", "end_to_end")
PRECISIONS = ("float32", "tf32", "bfloat16", "bfloat16 and tf32")
NEEDED = ("torch", "numpy", "numba", "gymnasium", "pettingzoo", "pydantic", "safetensors")
SMALL = {
    "episodes": 4,
    "steps": 10,
    "batches": [4],
    "repeats": 2,
    "env_steps": 200,
    "copies": 2,
    "end_to_end_batch": 4,
}


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; exits with a message if it makes no sense."""
    parser = argparse.ArgumentParser(
        prog="scripts/gpu_check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shown = {"help": "default: %(default)s"}
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", **shown)
    parser.add_argument(
        "--only", nargs="+", choices=PARTS, metavar="PART", default=PARTS, help=f"of {', '.join(PARTS)}"
    )
    parser.add_argument(
        "--without-ray", action="store_true", help="use the stand-ins although Ray is installed"
    )
    parser.add_argument("--algorithms", nargs="+", metavar="NAME", help="to compare (default: all)")
    parser.add_argument("--timed", nargs="+", metavar="NAME", default=["QMIX", "ReMIX", "MACPO"], **shown)
    parser.add_argument("--batches", nargs="+", type=int, default=[32, 128, 512], **shown)
    parser.add_argument(
        "--precisions", nargs="+", metavar="NAME", help=f"of {', '.join(PRECISIONS)} (default: all)"
    )
    parser.add_argument(
        "--episodes", type=int, default=8, help="of a batch that is compared (default: %(default)s)"
    )
    parser.add_argument(
        "--steps", type=int, default=200, help="of an episode that is timed (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=10, help="of every time (default: %(default)s)")
    parser.add_argument(
        "--env-steps", type=int, default=100_000, help="measured end to end (default: %(default)s)"
    )
    parser.add_argument("--end-to-end-batch", type=int, default=128, **shown)
    parser.add_argument(
        "--copies", type=int, default=32, help="played at once by a worker (default: %(default)s)"
    )
    parser.add_argument("--env-runners", type=int, default=max(1, min(8, (os.cpu_count() or 2) - 2)), **shown)
    parser.add_argument(
        "--small", action="store_true", help=f"sizes for a trial of the check itself: {SMALL}"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results" / "gpu_check.json", **shown)
    options = parser.parse_args(arguments)
    if options.small:
        vars(options).update(SMALL)
    for problem in _problems(options):
        parser.error(problem)
    return options


def _problems(options: argparse.Namespace) -> list[str]:
    """What does not go together, or is not there."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return [f"this Python has not what learners need: pip install {' '.join(missing)}"]
    import torch

    problems = [
        f"--{name.replace('_', '-')}: {value} is not allowed; it must be above 0."
        for name in ("episodes", "steps", "repeats", "env_steps", "end_to_end_batch", "copies", "env_runners")
        if (value := getattr(options, name)) <= 0
    ]
    problems += [
        f"--batches: {size} is not allowed; it must be above 0." for size in options.batches if size <= 0
    ]
    if options.device == "cuda" and not torch.cuda.is_available():
        problems.append(
            f"--device: PyTorch {torch.__version__} sees no CUDA GPU here; allowed: cpu, for everything but the GPU."
        )
    if not options.out.parent.is_dir():
        problems.append(f"--out: there is no folder {str(options.out.parent)!r}.")
    from rllib_remix.algorithms.table import ALGORITHMS

    for what, given, known in (
        ("algorithm", [*(options.algorithms or ()), *options.timed], ALGORITHMS),
        ("precision", options.precisions or (), PRECISIONS),
    ):
        problems += [
            f"{name!r} is no {what}; allowed: {', '.join(known)}." for name in given if name not in known
        ]
    return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command."""
    options = parse(arguments)
    if options.without_ray or not stand_ins.has_ray():
        stand_ins.install()
    from gpu.check import Check  # Imports the learners, which stand on Ray or on what stands in.

    check = Check(options)
    check.run()
    print(f"\nWritten: {options.out}, {options.out.with_suffix('.md')}")
    return 0 if check.found.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
