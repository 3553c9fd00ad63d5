"""Evaluations: how many episodes they play, and their means."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.tune.registry import register_env

from rllib_remix.envs.predator_prey import PredatorPrey
from tests.algorithms.games import TINY, tiny


class Returns(RLlibCallback):
    """Writes the return of every episode to a file of its own, from whatever process."""

    def on_episode_end(self, *, episode, env_runner, **kwargs):
        folder = env_runner.config.env_config["notes"]
        kind = "evaluation" if env_runner.config.in_evaluation else "training"
        with open(f"{folder}/{kind}_{episode.id_}", "w") as file:
            file.write(str(episode.get_return()))


def noted(folder: Path, kind: str) -> list[float]:
    """The returns that were written since the last call."""
    files = list(folder.glob(f"{kind}_*"))
    returns = [float(path.read_text()) for path in files]
    for path in files:
        path.unlink()
    return returns


@dataclass
class Run:
    """An algorithm, and of its iterations the results and the returns of the episodes."""

    algorithm: Algorithm
    results: list[dict[str, Any]]
    trained: list[list[float]]
    evaluated: list[list[float]]


@pytest.fixture(scope="module")
def run(ray_session, tmp_path_factory):
    """Three iterations, of which two remote env runners evaluate the second by five episodes."""
    folder = tmp_path_factory.mktemp("notes")
    register_env("noted_game", lambda context: PredatorPrey(context.num_envs, **TINY))
    algorithm = (
        tiny(seed=None)
        .environment("noted_game", env_config={"notes": str(folder)})
        .callbacks(Returns)
        .evaluation(evaluation_interval=2, evaluation_duration=5, evaluation_num_env_runners=2)
        .build_algo()
    )
    made = Run(algorithm, [], [], [])
    for _ in range(3):
        made.results.append(algorithm.train())
        made.trained.append(noted(folder, "training"))
        made.evaluated.append(noted(folder, "evaluation"))
    yield made
    algorithm.stop()


@pytest.mark.slow
def test_means_are_over_all_episodes_whoever_played_them_and_in_however_many_rounds(run):
    trained = run.results[0]
    assert trained["num_training_step_calls_per_iteration"] > 1
    assert trained["env_runners"]["episode_return_mean"] == pytest.approx(np.mean(run.trained[0]))
    assert "episode_sums" not in trained["env_runners"]
    evaluation = run.results[1]["evaluation"]["env_runners"]
    assert len(run.evaluated[1]) == 5
    assert evaluation["episode_return_mean"] == pytest.approx(np.mean(run.evaluated[1]))
    assert "episode_sums" not in evaluation
    assert run.results[2]["env_runners"]["epsilon"] == run.algorithm.env_runner.epsilon


@pytest.mark.slow
def test_an_iteration_without_an_evaluation_repeats_the_exact_means_of_the_last(run):
    evaluations = [result["evaluation"]["env_runners"] for result in run.results]
    assert math.isnan(evaluations[0]["episode_return_mean"])
    assert [len(played) for played in run.evaluated] == [0, 5, 0]
    assert evaluations[1]["num_episodes"] == 5
    assert evaluations[2] == evaluations[1]
    assert "episode_sums" not in evaluations[2]


@pytest.mark.slow
@pytest.mark.parametrize("episodes", [10, 1])  # one is fewer than there are env runners
def test_an_evaluation_by_two_env_runners_plays_exactly_the_asked_episodes(run, episodes):
    algorithm = run.algorithm
    algorithm.config = algorithm.config.copy(copy_frozen=False).evaluation(evaluation_duration=episodes)
    evaluation = algorithm.evaluate()["env_runners"]
    assert evaluation["num_episodes"] == episodes
    assert evaluation["epsilon"] == 0.0


def test_an_evaluation_by_the_local_env_runner_plays_exactly_the_asked_episodes(build):
    algorithm = build(tiny().evaluation(evaluation_interval=1, evaluation_duration=10))
    evaluation = algorithm.evaluate()["env_runners"]
    assert evaluation["num_episodes"] == 10
    assert evaluation["epsilon"] == 0.0
