"""Each algorithm learns something small."""

import pytest

from tests.algorithms.games import one_shot

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]


def greedy_return(config):
    algorithm = config.build_algo()
    try:
        return algorithm.train()["evaluation"]["env_runners"]["episode_return_mean"]
    finally:
        algorithm.stop()


@pytest.mark.parametrize("algorithm", ["OWQMIX", "CWQMIX"])
def test_weighted_algorithms_find_the_best_joint_action_of_the_non_monotonic_game(algorithm):
    assert greedy_return(one_shot(algorithm)) == 8


@pytest.mark.parametrize("range_map", ["clip", "minmax"])
def test_remix_finds_it_in_more_but_smaller_steps(range_map):
    config = one_shot("ReMIX", steps=1250, lr=1e-3, weighting_config={"range_map": range_map})
    assert greedy_return(config) == 8


@pytest.mark.parametrize("algorithm", ["VDN", "QMIX", "Qatten", "IQL"])
def test_unweighted_algorithms_settle_for_the_safe_region(algorithm):
    assert greedy_return(one_shot(algorithm)) == 0


@pytest.mark.parametrize("algorithm", ["VDN", "Qatten", "QPLEX"])
def test_weights_let_other_joint_values_find_it_too(algorithm):
    assert greedy_return(one_shot(algorithm, weighting="ow")) == 8


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [("QMIX", 8), ("QPLEX", 8), ("QTRAN", 8), ("VDN", 7), ("Qatten", 7), ("IQL", 7)],
)
def test_who_is_not_bound_to_sums_solves_the_two_step_game(algorithm, expected):
    assert greedy_return(one_shot(algorithm, "two_step_game", steps=2000, td_lambda=0.0)) == expected


def test_qmix_solves_it_from_single_steps_too():
    assert greedy_return(one_shot("QMIX", "two_step_game", steps=3000, td_lambda=0.0, max_seq_len=1)) == 8


@pytest.mark.parametrize(("algorithm", "steps", "lr"), [("OWQMIX", 600, 2e-3), ("ReMIX", 1250, 1e-3)])
def test_weighted_algorithms_find_it_when_they_draw_by_weight_too(algorithm, steps, lr):
    # A small buffer, in which every episode is drawn often: priorities are as old as the last draw.
    settings = {"weighting_mode": "sampling", "replay_buffer_capacity": 200, "recent_episodes_share": 0.0}
    assert greedy_return(one_shot(algorithm, steps=steps, lr=lr, **settings)) == 8


@pytest.mark.parametrize(
    "algorithm",
    [
        "VDN",
        "Qatten",
        "QPLEX",
        "QTRAN",
        "IQL",
        "MACPO",
        "MACPOApprox",
        "DisCorQMIX",
        "ReMERNQMIX",
        "PERQMIX",
        "PSERQMIX",
    ],
)
def test_all_others_learn_an_additive_game(algorithm):
    config = one_shot(algorithm).environment(env_config={"payoff": [[0, 1, 2], [1, 2, 3], [2, 3, 4]]})
    assert greedy_return(config) == 4
