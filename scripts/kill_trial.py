#!/usr/bin/env python
"""Trains while its processes are killed at random times, and checks that nothing is lost.

Usage:
  .venv/bin/python scripts/kill_trial.py --seed 0 --kills 25 --out docs/results/kills_0.json
  .venv/bin/python scripts/kill_trial.py --seed 0 --kills 0 --out docs/results/kills_undisturbed_0.json

One run of OWQMIX on the climbing game (best greedy return 8) with 2 env runners, 1 learner and 2 replay shards, each a
process of its own, and a checkpoint every second iteration. A killer picks a process (driver, trial, env runner,
learner, replay shard), waits 1 to 6 seconds after the run has made progress, and sends SIGKILL. After the driver's end
`rllib resume` goes on with the run; all else must mend itself. After every kill each checkpoint is read and compared
with its list of checksums, and the counters are compared with those before.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ray  # noqa: F401  (brings psutil)

import psutil  # isort: skip

from rllib_remix.checkpoints.manifest import check_files
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.policy import TeamPolicy

RLLIB = Path(sys.executable).with_name("rllib")
KINDS = ("driver", "trial", "env runner", "learner", "replay shard")
TITLES = {
    "trial": "ray::OWQMIX",
    "env runner": "ray::TeamEnvRunner",
    "learner": "ray::_WrappedExecutable",
    "replay shard": "ray::ReplayShard",
}
CONFIG = {
    "env_config": {},
    "num_env_runners": 2,
    "num_learners": 1,
    "num_replay_shards": 2,
    "train_batch_episodes": 32,
    "replay_buffer_capacity": 2000,
    "min_sample_timesteps_per_iteration": 100,
    "epsilon": [[0, 1.0], [8000, 0.2]],
    "evaluation_interval": 5,
    "evaluation_duration": 8,
    "num_torch_threads": 1,
}
SECONDS_OF_PATIENCE = 600.0  # for progress


def main() -> None:
    """Runs one trial and writes what was seen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of the training and of the killer")
    parser.add_argument("--kills", type=int, default=25, help="how many; 0 leaves the run alone")
    parser.add_argument(
        "--iterations", type=int, default=150, help="length of the run (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills_") as folder:
        trial = Trial(Path(folder), arguments.seed, arguments.iterations)
        report = trial.run(arguments.kills)
    arguments.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: value for key, value in report.items() if key != "kills"}, indent=1))


class Trial:
    """One training run and its killer."""

    def __init__(self, folder: Path, seed: int, iterations: int):
        self.results, self.seed, self.iterations = folder, seed, iterations
        self.random = random.Random(seed)
        self.log = open(folder / "log.txt", "w", encoding="utf-8")  # noqa: SIM115
        self.driver = self._start(
            "train", "--algo", "OWQMIX", "--env", "matrix_game", "-n", "run", "--storage-path", str(folder),
            "--stop", json.dumps({"training_iteration": iterations}), "--checkpoint-freq", "2",
            "--keep-checkpoints-num", "3", "--max-failures", "-1", "--config", json.dumps(CONFIG | {"seed": seed}),
        )  # fmt: skip
        self.problems: list[str] = []
        self.kills: list[dict[str, Any]] = []

    def run(self, kills: int) -> dict[str, Any]:
        """Kills so many processes, waits for the end, and says what was seen."""
        begin = time.monotonic()
        kinds = [KINDS[number % len(KINDS)] for number in range(kills)]
        self.random.shuffle(kinds)
        for kind in kinds:
            if not self._wait_for_progress():
                break
            time.sleep(self.random.uniform(1.0, 6.0))
            self._kill(kind)
        while self.driver.poll() is None:
            time.sleep(0.5)
        if self.driver.returncode:
            self.problems.append(f"the command ended with {self.driver.returncode}: {self._last_words()}")
        return self._report(time.monotonic() - begin)

    def _start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [str(RLLIB), *arguments, "--ray-num-cpus", "8"],
            stdout=self.log, stderr=subprocess.STDOUT, cwd=self.results, env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def _kill(self, kind: str) -> None:
        before = self._rows()
        victims = [self.driver.pid] if kind == "driver" else self._processes(TITLES[kind])
        if not victims or self.driver.poll() is not None:
            return
        victim = self.random.choice(victims)
        try:
            psutil.Process(victim).kill()
        except psutil.NoSuchProcess:
            return
        if kind == "driver":
            self.driver.wait()
            time.sleep(2.0)  # for Ray's own processes to follow
        checkpoints = self._check_checkpoints()
        reached = before[-1]["training_iteration"] if before else 0
        if kind == "driver":
            self.driver = self._start("resume", str(self.results / "run"))
        again = self._wait_for_progress(reached)
        after = [row["training_iteration"] for row in self._rows()]
        self.kills.append(
            {
                "kind": kind,
                "at_iteration": reached,
                "checkpoints_read": checkpoints,
                "went_on": again,
                "rows": len(after),
            }
        )
        print(f"kill {len(self.kills)}: {kind} at iteration {reached}, goes on: {again}", flush=True)

    def _processes(self, title: str) -> list[int]:
        try:
            family = psutil.Process(self.driver.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        found = []
        for process in family:
            try:
                if " ".join(process.cmdline()).startswith(title):
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found

    def _wait_for_progress(self, beyond: int | None = None) -> bool:
        """Waits for a result that is newer than `beyond` (the newest now); whether one came."""
        if beyond is None:
            rows = self._rows()
            beyond = rows[-1]["training_iteration"] if rows else 0
        deadline = time.monotonic() + SECONDS_OF_PATIENCE
        while time.monotonic() < deadline:
            rows = self._rows()
            if rows and rows[-1]["training_iteration"] > beyond:
                return True
            if self.driver.poll() is not None:
                return bool(rows) and rows[-1]["training_iteration"] >= self.iterations
            time.sleep(0.2)
        self.problems.append(f"no progress beyond iteration {beyond} within {SECONDS_OF_PATIENCE:g} s")
        return False

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for file in self.results.glob("run/*/result.json"):
            for line in file.read_text(encoding="utf-8").splitlines():
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    continue  # being written
        return rows

    def _check_checkpoints(self) -> int:
        """Reads every checkpoint that is there; how many."""
        count = 0
        for folder in sorted(self.results.glob("run/*/checkpoint_*")):
            try:
                check_files(folder)
                TeamPolicy.from_checkpoint(folder)
                count += 1
            except CheckpointError as error:
                time.sleep(2.0)
                if folder.is_dir():  # and is not just being removed, as more than 3 are
                    self.problems.append(str(error).replace(f"{self.results}/", ""))
        return count

    def _report(self, seconds: float) -> dict[str, Any]:
        rows = self._rows()
        self._check_checkpoints()
        for key in ("training_iteration", "num_env_steps_sampled_lifetime", "time_total_s"):
            values = [row[key] for row in rows]
            if any(later < earlier for earlier, later in itertools.pairwise(values)):
                self.problems.append(f"{key} ran backwards: {values}")
        last = rows[-25:]
        greedy = [row["evaluation"]["env_runners"]["episode_return_mean"] for row in last]
        exploring = [row["env_runners"]["episode_return_mean"] for row in last]
        return {
            "seed": self.seed,
            "kills_in_all": len(self.kills),
            "kills_by_kind": {kind: sum(kill["kind"] == kind for kill in self.kills) for kind in KINDS},
            "iterations": rows[-1]["training_iteration"] if rows else 0,
            "rows": len(rows),
            "env_steps": rows[-1]["num_env_steps_sampled_lifetime"] if rows else 0,
            "final_greedy_return": sum(greedy) / max(1, len(last)),
            "final_return": sum(exploring) / max(1, len(last)),  # with ε 0.2
            "seconds": round(seconds, 1),
            "problems": self.problems,
            "kills": self.kills,
        }

    def _last_words(self) -> str:
        self.log.flush()
        return (self.results / "log.txt").read_text(encoding="utf-8")[-1500:]


if __name__ == "__main__":
    main()
