"""What a check found, as JSON, as Markdown, and as the lines that are printed."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from benchmarks import machine

from gpu.comparing import TOLERANCE, Difference
from gpu.end_to_end import Rate
from gpu.timing import Times

FORMAT = 1  # of the JSON file

GOAL_MS, GOAL_RATE = 40.0, 15_000.0
GOALS = (
    f"Goals: an update of ReMIX on 128 episodes of 200 steps with 8 agents below {GOAL_MS:g} ms; end to end at the papers' "
    f"setting above {GOAL_RATE:,.0f} env steps per second."
)
KINDS = ("values", "loss", "gradients", "weights")


@dataclass
class Findings:
    """All that a run of the check found so far.

    Attributes:
        machine: what it ran on. settings: of the command.
        tests: what pytest said of the tests that need a GPU, or why it was not asked.
        failures: by case or part, why there is no result.
    """

    machine: dict[str, Any]
    settings: dict[str, Any]
    tests: str = ""
    differences: list[Difference] = field(default_factory=list)
    times: list[Times] = field(default_factory=list)
    rates: list[Rate] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether nothing failed and nothing differs; times are not judged."""
        return not self.failures and not any(each.is_too_large for each in self.differences)

    def write(self, path: Path) -> None:
        """The JSON file, and a Markdown file of the same name beside it."""
        content = {
            "format": FORMAT,
            "machine": self.machine,
            "settings": self.settings,
            "tests": self.tests,
            "tolerance": TOLERANCE,
            "differences": [_finite(each._asdict()) for each in self.differences],
            "updates": [_finite({**each._asdict(), "median": each.median}) for each in self.times],
            "end_to_end": [
                {**each._asdict(), "env_steps_per_second": each.env_steps_per_second} for each in self.rates
            ],
            "goals": {"remix_update_128_ms": GOAL_MS, "end_to_end_env_steps_per_second": GOAL_RATE},
            "failures": self.failures,
        }
        path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        path.with_suffix(".md").write_text("\n".join(markdown(self)) + "\n", encoding="utf-8")


def _finite(value: Any) -> Any:
    """JSON has neither NaN nor infinity: what is not finite becomes a text."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def describe(*, on_gpu: bool, has_ray: bool) -> dict[str, Any]:
    """Machine, GPU, driver, versions and commit."""
    described = machine.describe() | {"device": "cuda" if on_gpu else "cpu", "with_ray": has_ray}
    if not on_gpu:
        return described
    properties = torch.cuda.get_device_properties(0)
    return described | {
        "gpu_memory_gib": round(properties.total_memory / 2**30, 1),
        "compute_capability": f"{properties.major}.{properties.minor}",
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "driver": _driver(),
    }


def _driver() -> str | None:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


# Tables


def markdown(found: Findings) -> list[str]:
    """The tables of a check."""
    described = found.machine
    what = described.get("gpu") if described["device"] == "cuda" else described["cpu"]
    versions = ", ".join(
        f"{name} {described[name]}"
        for name in ("torch", "cuda", "cudnn", "driver", "python", "numpy", "numba", "ray")
        if described.get(name)
    )
    at = f"{described['commit'] or 'unknown'}{' with changes' if described['dirty'] else ''}"
    lines = ["# GPU check", "", f"{what}; {versions}; {described['cores']} CPU cores; commit {at}.", ""]
    lines += [f"Learners {'of RLlib' if described['with_ray'] else 'on stand-ins for RLlib'}.", ""]
    lines += [f"Tests that need a GPU: {found.tests}", ""] if found.tests else []
    lines += _of_differences(found.differences)
    lines += _of_times(found.times)
    lines += _of_rates(found.rates)
    if found.failures:
        lines += ["## Failures", "", *(f"- {name}: {why}" for name, why in found.failures.items()), ""]
    return [*lines, GOALS]


def _of_differences(differences: Sequence[Difference]) -> list[str]:
    if not differences:
        return []
    lines = [
        "## Against the CPU",
        "",
        f"The greatest difference, relative to the tensor's scale, in float32; allowed: {TOLERANCE:g}. Medians of several batches.",
        "",
        f"| | updates | {' | '.join(KINDS)} | |",
        f"|---|---|{'---|' * len(KINDS)}---|",
    ]
    rows: dict[tuple[str, int], dict[str, Difference]] = {}
    for each in differences:
        rows.setdefault((each.case, each.updates), {})[each.kind] = each
    for (case, updates), of_kinds in rows.items():
        sizes = " | ".join(f"{of_kinds[kind].size:.1e}" for kind in KINDS)
        wrong = ", ".join(f"{each.kind}: {each.tensor}" for each in of_kinds.values() if each.is_too_large)
        lines.append(f"| {case} | {updates} | {sizes} | {f'differs in {wrong}' if wrong else 'same'} |")
    return [*lines, ""]


def _of_times(times: Sequence[Times]) -> list[str]:
    if not times:
        return []
    lines = ["## An update", "", "| | batch | precision | ms, median | least … largest | GPU memory | goal |"]
    lines.append("|---|---|---|---|---|---|---|")
    for each in times:
        start = f"| {each.algorithm} | {each.batch} | {each.precision} |"
        if each.failure:
            lines.append(f"{start} {each.failure} | | | |")
            continue
        memory = "–" if each.peak_gib is None else f"{each.peak_gib:.2f} GiB"
        goal = f"below {GOAL_MS:g} ms" if (each.algorithm, each.batch) == ("ReMIX", 128) else ""
        spread = f"{min(each.milliseconds):.1f} … {max(each.milliseconds):.1f}"
        lines.append(f"{start} {each.median:.1f} | {spread} | {memory} | {goal} |")
    return [*lines, ""]


def _of_rates(rates: Sequence[Rate]) -> list[str]:
    if not rates:
        return []
    lines = [
        "## End to end",
        "",
        "| | batch | precision | who plays | env steps | updates | env steps/s | goal |",
    ]
    lines.append("|---|---|---|---|---|---|---|---|")
    for each in rates:
        lines.append(
            f"| {each.algorithm} | {each.batch} | {each.precision} | {each.how} | {each.env_steps:,} | {each.updates} | "
            f"{each.env_steps_per_second:,.0f} | above {GOAL_RATE:,.0f} |"
        )
    return [*lines, ""]
