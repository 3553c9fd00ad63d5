#!/usr/bin/env python
"""What each algorithm settles on in a small game, as a Markdown table.

Value-based algorithms: after so many updates under full exploration. With --tuned: any algorithm with its settings and env steps of
tuned_examples/GAME/ALGORITHM.yaml, as actor-critics must act by their policies.

Usage: .venv/bin/python scripts/matrix_game_table.py [ALGORITHM | ALGORITHM+WEIGHTING …] [--game two_step_game]
    [--seeds 5] [--updates 300 600 | --tuned] [--config JSON] [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import ray

from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config, register
from rllib_remix.envs.matrix_games import MatrixGame
from rllib_remix.experiments.loading import read

ROOT = Path(__file__).parents[1]

EPISODES_PER_UPDATE, BATCH = 8, 32  # an episode of the matrix game is one env step
GAMES: dict[str, dict[str, Any]] = {
    "matrix_game": {},
    "two_step_game": {"td_lambda": 0.0},  # full exploration says nothing about good second steps
}
BEST = 8  # of both


def settle(
    name: str, seed: int, game: str, all_updates: list[int], settings: dict[str, Any]
) -> list[tuple[list[int], float]]:
    """The greedy joint action of the first step, and the greedy return, after each number of updates."""
    algorithm, _, weighting = name.partition("+")
    config = (
        get_algorithm_config(algorithm)
        .environment(game)
        .training(train_batch_episodes=BATCH, epsilon=1.0, rollout_episodes_per_update=EPISODES_PER_UPDATE)
        .training(**(GAMES[game] | settings), **({"weighting": weighting} if weighting else {}))
        .evaluation(evaluation_interval=1, evaluation_duration=1)
        .debugging(seed=seed)
    )
    trained = config.build_algo()
    found, updates = [], 0
    # The first update comes with the round that fills a batch; from then on each round brings one.
    rounds_before = BATCH // EPISODES_PER_UPDATE - 1
    for goal in all_updates:
        for _ in range(rounds_before + goal - updates):
            trained.training_step()
        rounds_before, updates = 0, goal
        trained.evaluate()
        episode = trained.eval_env_runner.sample(num_episodes=1, explore=False)[0]
        found.append((episode.actions[0].tolist(), episode.get_return()))
    trained.stop()
    return found


def settle_as_tuned(name: str, seed: int, game: str) -> list[tuple[list[int], float]]:
    """The same after the env steps of the algorithm's tuned example, with its settings."""
    (experiment,) = read(ROOT / "tuned_examples" / game / f"{name.lower()}.yaml")
    config = get_algorithm_config(str(experiment.run)).update_from_dict(experiment.config | {"seed": seed})
    trained = config.build_algo()
    while trained._env_steps_sampled() < experiment.stop["num_env_steps_sampled_lifetime"]:
        trained.training_step()
    trained.evaluate()
    episode = trained.eval_env_runner.sample(num_episodes=1, explore=False)[0]
    trained.stop()
    return [(episode.actions[0].tolist(), episode.get_return())]


def learn_from_replay() -> list[str]:
    """The algorithms whose updates can be counted by episodes: on-policy ones collect a batch for each."""
    counted = "rollout_episodes_per_update"
    return [
        name
        for name in ALGORITHMS
        if counted in [setting.name for setting in get_algorithm_config(name).own_settings()]
    ]


def cells(settled: tuple[tuple[list[int], float], ...]) -> str:
    """Two table cells: what the seeds found, and how many found the best."""
    if len(settled) > 5:
        counts = Counter(payoff for _, payoff in settled)
        found = ", ".join(f"{payoff:g}: {seeds}" for payoff, seeds in sorted(counts.items(), reverse=True))
    else:
        found = ", ".join(f"({', '.join(map(str, joint))}) → {payoff:g}" for joint, payoff in settled)
    return f"{found} | {sum(payoff == BEST for _, payoff in settled)} of {len(settled)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "algorithms", nargs="*", default=learn_from_replay(), help="all that learn from replay"
    )
    parser.add_argument("--game", choices=GAMES, default="matrix_game")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, nargs="+", default=[300, 600])
    parser.add_argument("--tuned", action="store_true", help="settings and env steps of tuned_examples/GAME")
    parser.add_argument("--config", type=json.loads, default={}, help="other settings, JSON")
    parser.add_argument("--out", type=Path, help="also write the results to this JSON file")
    asked = parser.parse_args()
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.disable(logging.WARNING)
    register()
    results = {}
    for name in asked.algorithms:
        results[name] = [
            settle_as_tuned(name, seed, asked.game)
            if asked.tuned
            else settle(name, seed, asked.game, asked.updates, asked.config)
            for seed in range(asked.seeds)
        ]
        if asked.out is not None:
            updates = "tuned" if asked.tuned else asked.updates
            asked.out.write_text(json.dumps({"updates": updates, "results": results}) + "\n")
    ray.shutdown()

    about = f"Payoff {MatrixGame().payoff.tolist()}" if asked.game == "matrix_game" else "Two-step game"
    how = f"tuned_examples/{asked.game}" if asked.tuned else f"ε = 1, batch {BATCH}"
    print(f"{about}, {how}, seeds 0 to {asked.seeds - 1}.")
    print("Cells: greedy joint action (row, column) → payoff, seed by seed; of more than 5, payoff: seeds.\n")
    heads = ["at the end"] if asked.tuned else [f"after {updates} updates" for updates in asked.updates]
    print("| algorithm | " + " | ".join(f"{head} | best found" for head in heads) + " |")
    print("|---|" + "---|---|" * len(heads))
    for name, settled in results.items():
        print(
            f"| {name} | " + " | ".join(cells(at_updates) for at_updates in zip(*settled, strict=True)) + " |"
        )


if __name__ == "__main__":
    main()
