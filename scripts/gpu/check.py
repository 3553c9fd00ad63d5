"""The parts of the check, one after the other; what one finds is written at once, in case the next is cut off."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import logging
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.machine import ROOT

from gpu import cases, comparing, end_to_end, timing
from gpu.report import Findings, describe
from gpu.without_ray import names as stand_ins

LONGEST_COMPARED = 40  # steps; longer episodes are more of the same


class Check:
    """Runs what the options ask for, prints every figure as it comes, and keeps it.

    Args:
        options: of the command.
    """

    def __init__(self, options: argparse.Namespace):
        self._options, self._on_gpu = options, options.device == "cuda"
        self._with_ray = not stand_ins.are_installed()
        settings = {name: value for name, value in vars(options).items() if name != "out"}
        self.found = Findings(describe(on_gpu=self._on_gpu, has_ray=self._with_ray), settings)

    def run(self) -> None:
        """All parts that are asked for."""
        for part in self._options.only:
            print(f"\n{part}", flush=True)
            getattr(self, f"_{part}")()
            self.found.write(self._options.out)

    def _try(self, what: str, do: Callable[[], Any]) -> Any:
        """What `do` returns; None if it fails, which is noted under that name."""
        try:
            return do()
        except Exception as error:
            traceback.print_exc()
            self.found.failures[what] = f"{type(error).__name__}: {error}"
            return None

    def _tests(self) -> None:
        if not (self._on_gpu and self._with_ray and importlib.util.find_spec("pytest")):
            self.found.tests = "not run; they need a GPU, Ray and pytest."
        else:
            command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/gpu"]
            done = subprocess.run(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            print(done.stdout)
            self.found.tests = (done.stdout.strip().splitlines() or ["nothing was said"])[-1].strip("= ")
            if done.returncode:
                self.found.failures["tests"] = f"pytest ended with {done.returncode}: {self.found.tests}"
        print(self.found.tests)

    def _compare(self) -> None:
        steps = min(LONGEST_COMPARED, self._options.steps)
        batches = [cases.ragged_episodes(self._options.episodes, steps, seed=seed) for seed in range(3)]
        for case in cases.all_cases():
            if case.algorithm not in (self._options.algorithms or [case.algorithm]):
                continue
            with timing.tf32(False):
                found = self._try(case.name, partial(comparing.compare, case, batches, on_gpu=self._on_gpu))
            for each in found or ():
                wrong = "  differs" if each.is_too_large else ""
                print(
                    f"{case.name:26} {each.updates} {each.kind:10} {each.size:8.1e}  {each.tensor}{wrong}",
                    flush=True,
                )
            self.found.differences += found or ()

    def _times(self) -> None:
        options = self._options
        played = cases.whole_episodes(min(128, max(options.batches)), options.steps)
        how = {"on_gpu": self._on_gpu, "repeats": options.repeats}
        for name in options.timed:
            case = cases.Case(name, name, {})
            for size in options.batches:
                for precision in self._precisions():
                    what = f"{name}, batch {size}, {precision}"
                    found = self._try(what, partial(timing.time_update, case, played, size, precision, **how))
                    if found is not None:
                        print(f"{what:40} {found.failure or f'{found.median:9.2f} ms'}", flush=True)
                        self.found.times.append(found)

    def _precisions(self) -> list[str]:
        """Those that are asked for; TensorFloat-32 is of GPUs alone."""
        known = [name for name, (_, tf32) in timing.PRECISIONS.items() if self._on_gpu or not tf32]
        return [name for name in known if name in (self._options.precisions or known)]

    def _end_to_end(self) -> None:
        options = self._options
        game = {"on_gpu": self._on_gpu, "copies": options.copies}
        if options.small:
            game |= {"capacity": 100, "env_config": {"episode_limit": options.steps}}
        with _ray(options.env_runners) if self._with_ray else contextlib.nullcontext():
            for precision in self._precisions():
                config = end_to_end.papers_setting("ReMIX", options.end_to_end_batch, precision, **game)
                how: dict[str, Any] = {"env_steps": options.env_steps}
                measure: Callable[..., end_to_end.Rate] = end_to_end.with_ray
                if self._with_ray:
                    how["env_runners"] = options.env_runners
                else:
                    measure, how["on_gpu"] = end_to_end.one_thread, self._on_gpu
                found = self._try(f"end to end, {precision}", partial(measure, config, precision, **how))
                if found is not None:
                    said = f"{found.how}: {found.env_steps_per_second:,.0f} env steps/s"
                    print(f"{found.algorithm}, batch {found.batch}, {precision:18} {said}", flush=True)
                    self.found.rates.append(found)


@contextlib.contextmanager
def _ray(env_runners: int) -> Iterator[None]:
    """A Ray of our own, with room for the env runners."""
    import ray

    ray.init(
        address="local",
        num_cpus=env_runners + 1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        yield
    finally:
        ray.shutdown()
