#!/usr/bin/env python
"""Which joint action each algorithm settles on in the non-monotonic matrix game, over 5 seeds, as a Markdown table.

Usage: .venv/bin/python scripts/matrix_game_table.py [--out FILE.json]
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import ray

from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config, register
from rllib_remix.envs.matrix_games import MatrixGame

SEEDS = range(5)
UPDATES = (300, 600)
EPISODES_PER_UPDATE, BATCH = 8, 32  # an episode is one env step


def settle(algorithm: str, seed: int) -> list[tuple[list[int], float]]:
    """The greedy joint action and its payoff after each number of updates, under full exploration."""
    config = (
        get_algorithm_config(algorithm)
        .environment("matrix_game")
        .training(train_batch_episodes=BATCH, epsilon=1.0, rollout_episodes_per_update=EPISODES_PER_UPDATE)
        .evaluation(evaluation_interval=1, evaluation_duration=1)
        .debugging(seed=seed)
    )
    trained = config.build_algo()
    found, updates = [], 0
    # The first update comes with the round that fills a batch; from then on each round brings one.
    rounds_before = BATCH // EPISODES_PER_UPDATE - 1
    for goal in UPDATES:
        for _ in range(rounds_before + goal - updates):
            trained.training_step()
        rounds_before, updates = 0, goal
        trained.evaluate()
        episode = trained.eval_env_runner.sample(num_episodes=1, explore=False)[0]
        found.append((episode.actions[0].tolist(), episode.get_return()))
    trained.stop()
    return found


def cells(settled: tuple[tuple[list[int], float], ...]) -> str:
    """Two table cells: what every seed found, and how many found the best."""
    found = ", ".join(f"({row}, {column}) → {payoff:g}" for (row, column), payoff in settled)
    return f"{found} | {sum(payoff == 8 for _, payoff in settled)} of {len(settled)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, help="also write the results to this JSON file")
    out = parser.parse_args().out
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.disable(logging.WARNING)
    register()
    results = {algorithm: [settle(algorithm, seed) for seed in SEEDS] for algorithm in ALGORITHMS}
    ray.shutdown()

    print(f"Payoff {MatrixGame().payoff.tolist()}, ε = 1, batch {BATCH}, seeds 0 to {len(SEEDS) - 1}.")
    print("Cells: greedy joint action (row, column) → payoff, seed by seed.\n")
    print("| algorithm | " + " | ".join(f"after {u} updates | best found" for u in UPDATES) + " |")
    print("|---|" + "---|---|" * len(UPDATES))
    for algorithm, settled in results.items():
        print(
            f"| {algorithm} | "
            + " | ".join(cells(at_updates) for at_updates in zip(*settled, strict=True))
            + " |"
        )
    if out is not None:
        out.write_text(json.dumps({"updates": UPDATES, "results": results}) + "\n")


if __name__ == "__main__":
    main()
