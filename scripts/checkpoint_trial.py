#!/usr/bin/env python
"""Time and size of checkpoints with a full replay buffer of 5,000 episodes, and how long going on from one takes.

Usage:
  .venv/bin/python scripts/checkpoint_trial.py --out docs/results/checkpoints.json

QMIX on the full Predator-Prey game and on smac_sim's 8m, with the replay buffer in the algorithm's process and in four
shards. It is filled with random play. Then a checkpoint is written when none is there; again when nothing came; and when
250 episodes came, as many as between two checkpoints of a usual run. Another algorithm goes on from the last one.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from benchmarks import machine

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.rollout.env_runner import TeamEnvRunner

GAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "predator_prey": ("predator_prey", {}),
    "8m": ("smac_sim", {"map_name": "8m"}),
}
SHARDS = (0, 4)
CAPACITY, NEW, PLAYED = 5000, 250, 100  # episodes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--folder", type=Path, help="where the checkpoints go (default: the system's own)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    described = machine.describe()
    print(machine.summary(described), flush=True)
    found = [measure(game, shards, options.folder) for game in GAMES for shards in SHARDS]
    if options.out:
        content = {"machine": described, "episodes": CAPACITY, "new_episodes": NEW, "runs": found}
        options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def measure(game: str, shards: int, place: Path | None) -> dict[str, Any]:
    """One game with the replay buffer in so many shards."""
    import ray

    env, env_config = GAMES[game]
    config = get_algorithm_config("QMIX").environment(env, env_config=env_config).debugging(seed=0)
    config = config.training(replay_buffer_capacity=CAPACITY, num_replay_shards=shards, epsilon=1.0)
    ray.init(address="local", num_cpus=8, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
             object_store_memory=500 * 2**20)  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="checkpoints_", dir=place))
    try:
        runner = TeamEnvRunner(config=config, worker_index=0)
        episodes = runner.sample(num_episodes=PLAYED, random_actions=True)
        algorithm = config.build_algo()
        for _ in range(CAPACITY // PLAYED):
            algorithm.replay_buffer.add(episodes)
        assert len(algorithm.replay_buffer) == CAPACITY
        found: dict[str, Any] = {"game": game, "num_replay_shards": shards}
        found["first"] = _save(algorithm, folder / "first", None)
        found["nothing_new"] = _save(algorithm, folder / "same", folder / "first")
        for _ in range(-(-NEW // PLAYED)):
            algorithm.replay_buffer.add(episodes[: NEW // -(-NEW // PLAYED)])
        found["new_episodes"] = _save(algorithm, folder / "new", folder / "same")
        algorithm.stop()
        found["resume_seconds"] = _resume(config, folder / "new")
    finally:
        ray.shutdown()
        shutil.rmtree(folder)
    print(json.dumps(found, indent=1), flush=True)
    return found


def _save(algorithm: Any, folder: Path, previous: Path | None) -> dict[str, float]:
    seconds = _seconds(lambda: algorithm.save_to_path(folder))
    known = _inodes(previous) if previous else {}
    files = _inodes(folder)
    written = sum(size for inode, size in files.items() if inode not in known)
    return {"seconds": seconds, "bytes": sum(files.values()), "bytes_written": written}


def _resume(config: Any, folder: Path) -> dict[str, float]:
    """From nothing to an algorithm that can go on: its own start, and reading the checkpoint."""
    built: list[Any] = []
    start = _seconds(lambda: built.append(config.copy(copy_frozen=False).build_algo()))
    restore = _seconds(lambda: built[0].restore_from_path(folder))
    assert len(built[0].replay_buffer) == CAPACITY
    built[0].stop()
    return {"start": start, "restore": restore}


def _inodes(folder: Path) -> dict[int, int]:
    """Inode → bytes: a file that is linked into two checkpoints is one."""
    return {file.stat().st_ino: file.stat().st_size for file in folder.rglob("*") if file.is_file()}


def _seconds(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return round(time.monotonic() - start, 3)


if __name__ == "__main__":
    main()
