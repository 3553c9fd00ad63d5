"""What a driver measures of itself, and its command line. Imported in the peers' own environments: no package is needed."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.timing import family_cpu_seconds

COPIES = 8  # of the environment; also the episodes between two updates
HIDDEN, EMBED, HYPERNET = (
    64,
    32,
    64,
)  # units of the agents' GRU, the mixing layer, and the nets that make its weights
CAPACITY = 1000  # episodes of the replay buffer


class Recorder:
    """CPU time of parts of a run: of updates this process's, of everything else that of all processes below it too."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self._figures: dict[str, Any] = {"updates": []}
        self._begun: tuple[float, float] = (0.0, 0.0)

    def ready(self, parameters: float) -> None:
        """Everything is built, nothing was played; `parameters` is any sum that learning changes."""
        self._figures["start_cpu_s"] = family_cpu_seconds()
        self._parameters = parameters

    def begin(self) -> None:
        self._begun = family_cpu_seconds(), time.perf_counter()

    def end(self, part: str, *, env_steps: int, updates: int = 0, episodes: int = 0) -> None:
        """Ends what `begin` began, and keeps it as `part`."""
        cpu, wall = family_cpu_seconds() - self._begun[0], time.perf_counter() - self._begun[1]
        self.keep(part, env_steps=env_steps, updates=updates, episodes=episodes, cpu_s=cpu, wall_s=wall)

    def keep(self, part: str, **figures: float) -> None:
        self._figures[part] = figures

    def updates(self, update: Callable[[], object]) -> None:
        """Times draws of a batch with the update on it, after one that is not counted."""
        update()
        for _ in range(self.options.updates):
            start = time.process_time()
            update()
            self.add_update(time.process_time() - start)

    def add_update(self, cpu_seconds: float) -> None:
        self._figures["updates"].append(cpu_seconds)

    def write(self, parameters: float) -> None:
        """Writes what was measured.

        Raises:
            RuntimeError: nothing was learned, or not one update per round of episodes was made.
        """
        if not math.isfinite(parameters) or parameters == self._parameters:
            raise RuntimeError(f"the parameters did not learn: their sum is {parameters}")
        whole = self._figures["end_to_end"]
        if abs(whole["updates"] - whole["episodes"] / COPIES) > 1:
            raise RuntimeError(
                f"{whole['updates']} updates on {whole['episodes']} episodes, not one per {COPIES}"
            )
        self.options.out.write_text(json.dumps(self._figures), encoding="utf-8")


def parse() -> argparse.Namespace:
    """The command line of every driver."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--game", required=True)
    parser.add_argument("--batch", type=int, required=True, help="episodes")
    parser.add_argument("--rounds", type=int, required=True, help=f"of {COPIES} full episodes, of each part")
    parser.add_argument("--updates", type=int, required=True, help="that are timed")
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    return parser.parse_args()
