"""Training at the papers' Predator-Prey setting in one process with one thread, without evaluation."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.machine import ROOT
from rllib_remix.algorithms.table import get_algorithm_config

EVERY = 20_000  # env steps between two lines of the record
_TUNED = ROOT / "tuned_examples" / "predator_prey"


def new_config(algorithm: str, *, batch_size: int, dtype: str, seed: int) -> Any:
    """The tuned example's settings, without its evaluation and its processes.

    Raises:
        ValueError: there is no example of the algorithm.
    """
    file = _TUNED / f"{algorithm.lower()}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(example.stem for example in _TUNED.glob("*.yaml")))
        raise ValueError(f"--algorithm: there is no {file.name}; there are {known}.")
    (experiment,) = yaml.safe_load(file.read_text(encoding="utf-8")).values()
    settings = {
        name: value
        for name, value in experiment["config"].items()
        if not name.startswith(("evaluation", "seed"))
    }
    config = get_algorithm_config(experiment["run"]).environment(experiment["env"]).update_from_dict(settings)
    config = config.env_runners(num_env_runners=0, num_envs_per_env_runner=8).learners(num_learners=0)
    config = config.training(
        train_batch_episodes=batch_size, rollout_episodes_per_update=8, num_torch_threads=1
    )
    return config.training(compute_dtype=dtype).debugging(seed=seed)


def train(
    config: Any, out: Path, *, env_steps: int, facts: dict[str, Any], every: int = EVERY
) -> dict[str, Any]:
    """Trains, and appends a JSON line to `out` about every `every` env steps; the time of building is left out.

    Args:
        config: of the algorithm.
        out: lines of `env_steps`, `cpu_seconds` (of this process), `wall_seconds`, and `return_mean` and
            `length_mean` of the latest episodes; the first line is `facts`, the last the summary.
        env_steps: to train for.
        facts: what is run, and where.
        every: env steps between two lines.

    Returns:
        The summary: env steps, CPU-seconds, wall seconds, and env steps per CPU-second and per wall second.
    """
    config.min_sample_timesteps_per_iteration = min(config.min_sample_timesteps_per_iteration, every)
    algorithm = config.build_algo()
    with out.open("a", encoding="utf-8") as file:
        _append(file, facts)
        cpu, wall = time.process_time(), time.perf_counter()
        line: dict[str, Any] = {"env_steps": 0}
        due = every
        while line["env_steps"] < env_steps:
            result = algorithm.train()
            played = result["env_runners"]
            line = {
                "env_steps": int(played["num_env_steps_sampled_lifetime"]),
                "cpu_seconds": round(time.process_time() - cpu, 2),
                "wall_seconds": round(time.perf_counter() - wall, 2),
                "return_mean": round(float(played["episode_return_mean"]), 3),
                "length_mean": round(float(played["episode_len_mean"]), 1),
            }
            if line["env_steps"] >= min(due, env_steps):
                _append(file, line)
                due = line["env_steps"] + every
        steps = line["env_steps"]
        summary = {
            "env_steps": steps,
            "cpu_seconds": line["cpu_seconds"],
            "wall_seconds": line["wall_seconds"],
            "env_steps_per_cpu_second": round(steps / line["cpu_seconds"], 1),
            "env_steps_per_wall_second": round(steps / line["wall_seconds"], 1),
        }
        _append(file, {"summary": summary})
    algorithm.stop()
    return summary


def _append(file: Any, line: dict[str, Any]) -> None:
    text = json.dumps(line, ensure_ascii=False)
    file.write(text + "\n")
    file.flush()
    print(text, flush=True)
