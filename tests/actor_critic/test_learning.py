"""Actor-critics learn something small."""

import pytest

from rllib_remix.algorithms.table import get_algorithm_config

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]


def learned(build, env, *, steps, algorithm="VDAC", env_config=None, **training):
    """The greedy return after so many env steps."""
    config = (
        get_algorithm_config(algorithm)
        .environment(env, env_config=env_config or {})
        .training(**training)
        .reporting(min_sample_timesteps_per_iteration=steps)
        .evaluation(evaluation_interval=1, evaluation_duration=8)
        .debugging(seed=0)
    )
    return build(config).train()["evaluation"]["env_runners"]["episode_return_mean"]


@pytest.mark.parametrize("mixer", ["qmix", "vdn"])
def test_vdac_learns_an_additive_game_in_150_updates(build, mixer):
    payoff = {"payoff": [[0, 1, 2], [1, 2, 3], [2, 3, 4]]}
    assert learned(build, "matrix_game", steps=1200, env_config=payoff, mixer=mixer) == 4


def test_vdac_solves_the_two_step_game_in_200_updates(build):
    assert learned(build, "two_step_game", steps=3200) == 8


@pytest.mark.parametrize(("algorithm", "steps"), [("COMA", 1600), ("DOP", 800)])
def test_coma_and_dop_learn_an_additive_game_in_200_updates(build, algorithm, steps):
    payoff = {"payoff": [[0, 1, 2], [1, 2, 3], [2, 3, 4]]}
    assert learned(build, "matrix_game", steps=steps, algorithm=algorithm, env_config=payoff) == 4


def test_mappo_learns_an_additive_game_in_100_updates(build):
    payoff = {"payoff": [[0, 1, 2], [1, 2, 3], [2, 3, 4]]}
    assert learned(build, "matrix_game", steps=800, algorithm="MAPPO", env_config=payoff, lr=2e-3) == 4


def test_mappo_solves_the_two_step_game_in_200_updates(build):
    assert learned(build, "two_step_game", steps=3200, algorithm="MAPPO", lr=2e-3) == 8


def test_dop_solves_the_two_step_game_in_200_updates(build):
    assert learned(build, "two_step_game", steps=1600, algorithm="DOP") == 8


def test_fop_learns_an_additive_game_in_200_updates(build):
    payoff = {"payoff": [[0, 1, 2], [1, 2, 3], [2, 3, 4]]}
    assert learned(build, "matrix_game", steps=400, algorithm="FOP", env_config=payoff, temperature=0.1) == 4


def test_fop_finds_the_best_joint_action_of_the_matrix_game_although_single_agents_avoid_it(build):
    schedules = {"temperature": [[0, 0.5], [1000, 0.05]], "epsilon": [[0, 1.0], [1500, 0.05]]}
    assert learned(build, "matrix_game", steps=2500, algorithm="FOP", **schedules) == 8


def test_fop_solves_the_two_step_game_in_600_updates_of_one_step_targets(build):
    schedules = {"temperature": [[0, 0.5], [1600, 0.05]], "tau": 0.05}
    assert learned(build, "two_step_game", steps=2400, algorithm="FOP", **schedules) == 8
