"""What machines of a cluster send each other, and what limits a training with 10, 100 and 1,000 env runners.

Sizes and CPU-seconds are measured here, with real messages through a real Ray. The table is arithmetic on them; its rows
for more env runners than this machine has cores are extrapolated, and leave the network out.
"""

from __future__ import annotations

import json
import pickle
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.episodes import filled_buffer
from benchmarks.timing import cpu_seconds
from benchmarks.updates import batch_of, new_learner
from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.rollout.env_runner import TeamEnvRunner

GAMES: dict[str, tuple[str, dict[str, Any]]] = {
    "predator_prey": ("predator_prey", {}),
    "3m": ("smac_sim", {"map_name": "3m"}),
    "8m": ("smac_sim", {"map_name": "8m"}),
    "27m_vs_30m": ("smac_sim", {"map_name": "27m_vs_30m"}),
}
ALGORITHMS = ("QMIX", "ReMIX")
COPIES = 8  # of the environment in each env runner, so episodes per round
EPISODES_PER_UPDATE = 8
BATCH = 32
CAPACITY = 5000  # episodes of the replay buffer
REPEATS = 5
ENV_RUNNERS = (10, 100, 1000)
RUNNERS_PER_NODE = 32
BIG_BYTES = 64 * 2**20  # of the array that measures Ray's object store


def measure() -> dict[str, Any]:
    """Everything, with the table computed from it."""
    import ray

    ray.init(
        address="local", num_cpus=2, num_gpus=0, include_dashboard=False, log_to_driver=False,
        logging_level="ERROR", object_store_memory=1000 * 2**20,
    )  # fmt: skip
    try:
        store = _object_store()
        games = {name: _game(name, env, settings) for name, (env, settings) in GAMES.items()}
        result_bytes = _result_bytes()
    finally:
        ray.shutdown()
    settings = {
        "copies": COPIES,
        "episodes_per_update": EPISODES_PER_UPDATE,
        "batch_episodes": BATCH,
        "replay_buffer_capacity": CAPACITY,
        "env_runners_per_node": RUNNERS_PER_NODE,
        "torch_threads": torch.get_num_threads(),
        "play": "random actions (ε = 1) with the networks' full cost; CPU-seconds are medians",
    }
    rows = [row(name, games[name], runners) for name in games for runners in ENV_RUNNERS]
    return {
        "settings": settings,
        "object_store": store,
        "result_bytes": result_bytes,
        "games": games,
        "table": rows,
    }


def row(game: str, figures: dict[str, Any], runners: int, algorithm: str = "QMIX") -> dict[str, Any]:
    """One round of all env runners, part by part, in seconds; every process has a core of its own.

    Args:
        game: its name.
        figures: as measured for it.
        runners: how many env runners.
        algorithm: whose update it is.
    """
    play = figures["round_cpu_seconds"]
    receive = runners * figures["receive_round_cpu_seconds"]
    updates = runners * COPIES / EPISODES_PER_UPDATE
    learn = updates * (figures["update_cpu_seconds"][algorithm] + figures["draw_cpu_seconds"])
    steps = runners * COPIES * figures["env_steps_per_episode"]
    one_after_the_other = play + receive + learn
    overlapped = max(play, receive + learn)
    parts = {"playing": play, "receiving": receive, "learning": learn}
    return {
        "game": game,
        "env_runners": runners,
        "algorithm": algorithm,
        **{f"{part}_seconds": seconds for part, seconds in parts.items()},
        "limited_by": max(parts, key=lambda part: parts[part]),
        "env_steps_per_second": steps / one_after_the_other,
        "env_steps_per_second_overlapped": steps / overlapped,
        "episode_mb_per_second": runners * figures["round_bytes"] / one_after_the_other / 1e6,
        "weights_mb_per_second": -(-runners // RUNNERS_PER_NODE)
        * figures["weights_bytes"]
        / one_after_the_other
        / 1e6,
        "batch_mb_per_second": updates * figures["batch_bytes"] / one_after_the_other / 1e6,
        "in_flight_mb": runners * figures["round_bytes"] / 1e6,
        # An update as fast as this, and learning takes no longer than playing.
        "update_seconds_to_keep_up": play / updates,
    }


def env_runners_that_fill(figures: dict[str, Any]) -> dict[str, float]:
    """How many env runners, playing without a pause, keep one process busy: a learner, or the receiving driver."""
    play = figures["round_cpu_seconds"]
    updates = COPIES / EPISODES_PER_UPDATE
    learners = {
        algorithm: play / (updates * (seconds + figures["draw_cpu_seconds"]))
        for algorithm, seconds in figures["update_cpu_seconds"].items()
    }
    return {**learners, "driver": play / figures["receive_round_cpu_seconds"]}


def table(found: dict[str, Any]) -> list[str]:
    """The tables of docs/scaling.md, as Markdown."""
    return [*_table_of_games(found["games"]), "", *_table_of_rounds(found["table"])]


def _table_of_games(games: dict[str, Any]) -> list[str]:
    columns = ("", "env steps per episode", "episode", "weights", "batch", "replay", "one env runner plays")
    columns += (
        "driver receives",
        "QMIX update",
        "ReMIX update",
        "env runners that fill QMIX's learner",
        "… the driver",
    )
    lines = [_line(columns), _line(["---"] * len(columns))]
    for name, figures in games.items():
        updates, filled = figures["update_cpu_seconds"], env_runners_that_fill(figures)
        cells = (
            name,
            f"{figures['env_steps_per_episode']:.0f}",
            f"{figures['episode_bytes'] / 1e3:,.0f} kB",
            f"{figures['weights_bytes'] / 1e3:,.0f} kB",
            f"{figures['batch_bytes'] / 1e6:,.1f} MB",
            f"{figures['replay_bytes'] / 2**30:,.1f} GiB",
            f"{figures['env_steps_per_cpu_second']:,.0f} steps/s",
            f"{COPIES / figures['receive_round_cpu_seconds']:,.0f} episodes/s",
            f"{updates['QMIX'] * 1e3:,.0f} ms",
            f"{updates['ReMIX'] * 1e3:,.0f} ms",
            f"{filled['QMIX']:.2g}",
            f"{filled['driver']:.2g}",
        )
        lines.append(_line(cells))
    return lines


def _table_of_rounds(rows: Sequence[dict[str, Any]]) -> list[str]:
    columns = ("", "env runners", "playing", "receiving", "learning", "limit", "env steps/s", "overlapped")
    columns += ("episodes in", "weights out", "in flight", "update to keep up")
    lines = [_line(columns), _line(["---"] * len(columns))]
    for each in rows:
        cells = (
            each["game"],
            f"{each['env_runners']:,}",
            f"{each['playing_seconds']:.2f} s",
            f"{each['receiving_seconds']:.2f} s",
            f"{each['learning_seconds']:,.1f} s",
            each["limited_by"],
            f"{each['env_steps_per_second']:,.0f}",
            f"{each['env_steps_per_second_overlapped']:,.0f}",
            f"{each['episode_mb_per_second']:.1f} MB/s",
            f"{each['weights_mb_per_second']:.2f} MB/s",
            f"{each['in_flight_mb']:,.0f} MB",
            f"{1e3 * each['update_seconds_to_keep_up']:.2g} ms",
        )
        lines.append(_line(cells))
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


# Measuring


def _game(name: str, env: str, settings: dict[str, Any]) -> dict[str, Any]:
    print(name, flush=True)
    config = get_algorithm_config("QMIX").environment(env, env_config=settings).debugging(seed=0)
    config = config.env_runners(num_envs_per_env_runner=COPIES).training(epsilon=1.0)
    runner = TeamEnvRunner(config=config, worker_index=0)
    rounds: list[list[Any]] = []
    seconds = cpu_seconds(lambda: rounds.append(runner.sample()), REPEATS)
    rounds.pop(0)  # which was not counted
    lengths = [len(episode) for episodes in rounds for episode in episodes]
    while len(rounds) * COPIES < BATCH:
        rounds.append(runner.sample())
    episodes = [episode for each in rounds for episode in each][:BATCH]
    spec = runner.get_team_spec()
    played = (episodes[:COPIES], runner.get_metrics())
    buffer = filled_buffer(episodes)
    batch = buffer.sample(BATCH)
    return {
        "environment": env,
        "env_config": settings,
        "env_steps_per_episode": statistics.mean(lengths),
        "env_steps_per_cpu_second": sum(lengths) / sum(seconds),
        "round_cpu_seconds": statistics.mean(seconds),
        "episode_bytes": statistics.mean(_bytes(episode) for episode in episodes),
        "round_bytes": _bytes(played),
        "receive_round_cpu_seconds": _receive(played, spec),
        "replay_bytes": MultiAgentReplayBuffer.bytes_needed(spec, CAPACITY),
        "batch_bytes": sum(values.nbytes for values in batch.values()),
        "draw_cpu_seconds": statistics.median(cpu_seconds(lambda: buffer.sample(BATCH), REPEATS)),
        **_learning(env, settings, episodes, spec),
    }


def _learning(env: str, settings: dict[str, Any], episodes: Sequence[Any], spec: Any) -> dict[str, Any]:
    batch = batch_of(episodes)
    seconds, weights = {}, 0
    for algorithm in ALGORITHMS:
        config = get_algorithm_config(algorithm).environment(env, env_config=settings).debugging(seed=0)
        learner = new_learner(config, spec)
        times = cpu_seconds(lambda learner=learner: learner.update(batch=batch), 3)
        seconds[algorithm] = statistics.median(times)
        weights = _bytes(learner.get_state(components="rl_module", inference_only=True))
    return {"weights_bytes": weights, "update_cpu_seconds": seconds}


def _receive(played: Any, spec: Any) -> float:
    """CPU-seconds of the driver to ask one env runner for its round, take it from Ray, and store it."""
    import ray

    @ray.remote(num_cpus=0)
    class Bringer:
        def __init__(self, played: Any):
            self._played = played

        def bring(self) -> Any:
            return self._played

    actors = [Bringer.remote(played) for _ in range(2)]
    buffer = MultiAgentReplayBuffer(spec, capacity=64, seed=0)

    def receive() -> None:
        for episodes, _ in ray.get([actor.bring.remote() for actor in actors]):
            buffer.add(episodes)

    seconds = cpu_seconds(receive, 4 * REPEATS)
    for actor in actors:
        ray.kill(actor)
    return statistics.median(seconds) / len(actors)


def _result_bytes() -> int:
    """What one iteration reports to Tune, as JSON."""
    config = get_algorithm_config("QMIX").environment("predator_prey", env_config={"episode_limit": 20})
    config = config.training(train_batch_episodes=8, replay_buffer_capacity=64)
    algorithm = config.reporting(min_sample_timesteps_per_iteration=1).build_algo()
    algorithm.train()
    result = algorithm.train()
    algorithm.stop()
    return len(json.dumps(result, default=str))


def _object_store() -> dict[str, float]:
    """Bytes per CPU-second of this process that Ray's object store takes and gives, and the time of an empty call."""
    import ray

    big = np.ones(BIG_BYTES, np.uint8)
    putting, getting = [], []
    for _ in range(REPEATS):
        start = time.process_time()
        reference = ray.put(big)
        middle = time.process_time()
        ray.get(reference).copy()  # Without the copy it is not read at all.
        putting.append(middle - start)
        getting.append(time.process_time() - middle)
        del reference

    @ray.remote(num_cpus=0)
    class Idle:
        def nothing(self) -> None:
            return None

    actors = [Idle.remote() for _ in range(4)]
    calls = cpu_seconds(lambda: ray.get([actor.nothing.remote() for actor in actors * 25]), REPEATS)
    for actor in actors:
        ray.kill(actor)
    return {
        "put_bytes_per_cpu_second": BIG_BYTES / statistics.median(putting),
        "get_and_copy_bytes_per_cpu_second": BIG_BYTES / statistics.median(getting),
        "empty_call_cpu_seconds": statistics.median(calls) / 100,
    }


def _bytes(message: Any) -> int:
    """What Ray sends for it: pickle's own bytes and the arrays' beside them."""
    from ray import cloudpickle

    arrays: list[pickle.PickleBuffer] = []
    body = cloudpickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    return len(body) + sum(array.raw().nbytes for array in arrays)
