from itertools import product

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, MultiDiscrete, Tuple

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.joint_actions import choices, own_form
from rllib_remix.errors import SettingError
from tests.envs.foreign.games import OPTIONS, Of, Zoo, changed

SPACES = [
    (Discrete(3, start=2), [2, 3, 4]),
    (MultiDiscrete([2, 3]), [list(pair) for pair in product(range(2), range(3))]),
    (MultiDiscrete([2, 2], start=[1, 5]), [[1, 5], [1, 6], [2, 5], [2, 6]]),
    (
        MultiDiscrete([[2, 1], [1, 2]]),
        [[[0, 0], [0, 0]], [[0, 0], [0, 1]], [[1, 0], [0, 0]], [[1, 0], [0, 1]]],
    ),
    (MultiBinary(2), [[0, 0], [0, 1], [1, 0], [1, 1]]),
    (Tuple([Discrete(2), Discrete(2, start=7)]), [(0, 7), (0, 8), (1, 7), (1, 8)]),
    (Dict(a=Discrete(2), b=Discrete(1)), [{"a": 0, "b": 0}, {"a": 1, "b": 0}]),
]


@pytest.mark.parametrize(("space", "expected"), SPACES)
def test_choices_are_enumerated_with_the_last_part_fastest(space, expected):
    forms = [own_form(space, number) for number in range(choices(space))]
    assert all(space.contains(form) for form in forms)
    assert [form.tolist() if isinstance(form, np.ndarray) else form for form in forms] == expected


@pytest.mark.parametrize("space", [Box(0, 1, (2,)), Tuple([Discrete(2), Box(0, 1)]), None])
def test_what_cannot_be_counted_has_no_choices(space):
    assert choices(space) is None


@pytest.mark.parametrize("base", [Of, Zoo])
def test_an_environment_gets_its_own_form(base):
    end = Of.end if base is Of else Zoo.end
    env = adapt(lambda copy: changed(base, actions=MultiDiscrete([2, 3]), end=end), 1, OPTIONS)
    assert env.n_actions == 6
    env.reset(seed=0)
    env.step(np.array([[5, 1]]))
    assert {agent: action.tolist() for agent, action in env.envs[0].got[0].items()} == {
        "a": [1, 2],
        "b": [0, 1],
    }
    with pytest.raises(TeamEnvError, match="action 6 is not available; allowed: 0, 1, 2, 3, 4, 5"):
        env.step(np.array([[6, 0]]))


def test_too_many_joint_choices_are_named_with_the_limit():
    with pytest.raises(
        SettingError, match=r"agent 'a': MultiDiscrete.*has 1,331 joint choices; .*up to 1,024"
    ):
        adapt(lambda copy: changed(Of, actions=MultiDiscrete([11, 11, 11])), 1, OPTIONS)
    assert adapt(lambda copy: changed(Of, actions=MultiDiscrete([32, 32])), 1, OPTIONS).n_actions == 1024
    assert adapt(lambda copy: changed(Of, actions=Discrete(2000)), 1, OPTIONS).n_actions == 2000
