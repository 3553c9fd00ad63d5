import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.adapters import adapt
from tests.envs.foreign.games import AGENTS, OPTIONS, Of, changed

NAMES = ["action_mask", "avail_actions", "available_actions", "legal_moves", "legal_actions"]


def masks_of(given, name, **changes):
    """What an environment whose infos hold `given` makes available to its first agent, and its info values."""
    env = adapt(
        lambda copy: changed(Of, tell=lambda self: {"a": {name: given, "won": 1}}, **changes), 1, OPTIONS
    )
    step = env.reset(seed=0)
    return step.avail_actions[0, 0].tolist(), step.info_of(0)


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_in_the_infos_has_one_of_many_names(name):
    assert masks_of(np.array([0, 1, 1], np.int8), name) == ([False, True, True], {"won": 1})


@pytest.mark.parametrize("name", NAMES)
def test_a_mask_in_a_dict_observation_has_one_of_many_names(name):
    def see(self):
        return {
            agent: {"obs": np.ones(2, np.float32), name: np.array([0, 1, 1], np.int8)} for agent in AGENTS
        }

    space = Dict({"obs": Box(0, 9, (2,)), name: Box(0, 1, (3,), np.int8)})
    env = adapt(lambda copy: changed(Of, space=space, see=see), 1, OPTIONS)
    assert env.reset(seed=0).avail_actions[0].tolist() == [[False, True, True]] * 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 2], [False, True, True]),
        ([2], [False, False, True]),
        (np.array([2, 0]), [True, False, True]),
        ([0, 1, 1], [False, True, True]),  # a mask: a list would not repeat itself
        ([1, 1, 1], [True] * 3),
        ([False, True, False], [False, True, False]),
    ],
)
def test_legal_moves_may_be_listed(given, expected):
    assert masks_of(given, "legal_moves")[0] == expected


def test_listed_moves_count_from_the_first_action():
    assert masks_of([11, 12], "legal_moves", actions=Discrete(3, start=10))[0] == [False, True, True]


def test_a_list_that_can_be_a_mask_too_is_named():
    with pytest.raises(
        TeamEnvError, match=r"legal_moves is \[1, 0\], which can be a list of actions and a mask"
    ):
        masks_of([1, 0], "legal_moves", actions=Discrete(2))
    with pytest.raises(TeamEnvError, match=r"legal_moves has shape \(2,\), expected \(3,\)"):
        masks_of([3, 1], "legal_moves")


def test_an_agent_with_an_empty_list_waits():
    env = adapt(
        lambda copy: changed(Of, tell=lambda self: {"a": {"legal_moves": []}, "b": {"legal_moves": [2]}}),
        1,
        OPTIONS,
    )
    env.reset(seed=0)
    env.step(np.array([[0, 2]]))
    assert env.envs[0].got == [{"b": 2}]
