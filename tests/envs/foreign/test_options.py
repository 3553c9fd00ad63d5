"""What an adapter is told, what it finds out by itself, and how it says so."""

import logging

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign import options
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.errors import SettingError
from rllib_remix.playing.environments import describe_environment
from tests.envs.foreign.games import Of, Zoo, changed

SIX = {"episode_limit": 6}
EITHER = pytest.mark.parametrize("base", [Of, Zoo])


def own_state(game):
    return np.array([game.time, 7], np.float32)


@pytest.fixture(autouse=True)
def nothing_was_said():
    options._say_assumed.cache_clear()
    options.say_own_end_is_later.cache_clear()


@EITHER
def test_an_environment_without_a_state_gets_what_all_observe_and_it_is_said_once(base, caplog):
    for _ in range(2):
        env = adapt(lambda _: changed(base), 1, SIX)
    assert env.reset().state.tolist() == [[1, 1, 1, 1]]
    assert env.assumed[0] == "state: what all agents observe, as Changed shows no state of its own"
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(said) == 1
    assert said[0].startswith("team_adapter, assumed of Changed: state: what all agents observe")


def test_a_state_of_its_own_comes_first_and_is_assumed_in_silence(caplog):
    env = adapt(lambda _: changed(Zoo, state=own_state), 1, SIX)
    assert env.reset().state.tolist() == [[0, 7]]
    assert env.assumed == [
        "state: the environment's own, of 2 numbers",
        "team_reward: the sum of the agents' rewards",
    ]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_what_is_given_is_not_assumed():
    given = {**SIX, "state": "observations", "team_reward": "mean"}
    assert adapt(lambda _: changed(Zoo), 1, given).assumed == []


@EITHER
def test_both_is_the_own_state_followed_by_the_observations(base):
    env = adapt(lambda _: changed(base, state=own_state), 2, {**SIX, "state": "both"})
    assert env.state_dim == 2 + 2 * 2
    assert env.reset().state.tolist() == [[0, 7, 1, 1, 1, 1]] * 2
    assert env.step(np.zeros((2, 2), int)).state.tolist() == [[1, 7, 2, 2, 2, 2]] * 2


@pytest.mark.parametrize(
    ("of_state", "of_observations", "both"), [("uint8", "uint8", "uint8"), ("uint8", "float32", "float32")]
)
def test_both_keeps_a_small_type_that_both_have(of_state, of_observations, both):
    space = Box(0, 99, (2,), np.dtype(of_observations).type)
    game = changed(
        Zoo,
        space=space,
        see=lambda self: dict.fromkeys("ab", np.full(2, self.time + 1, of_observations)),
        state=lambda self: own_state(self).astype(of_state),
    )
    env = adapt(lambda _: game, 1, {**SIX, "state": "both"})
    step = env.reset()
    assert step.state.dtype == env.state_dtype == both
    assert step.state.tolist() == [[0, 7, 1, 1, 1, 1]]


def fails_at(time):
    def state(game):
        if game.time == time:
            raise ValueError("nobody is left")
        return own_state(game)

    return state


def test_a_state_may_fail_when_the_game_is_over_and_is_named_before():
    env = adapt(lambda _: changed(Zoo, state=fails_at(6)), 1, {"episode_limit": 9})
    env.reset()
    for _ in range(6):
        step = env.step(np.zeros((1, 2), int))
    assert step.terminated.all()
    assert step.state.tolist() == [[0, 0]]
    env = adapt(lambda _: changed(Zoo, state=fails_at(1)), 1, SIX)
    env.reset()
    with pytest.raises(
        TeamEnvError, match=r"step 1 .*state, it fails with ValueError: nobody is left\. Mend"
    ):
        env.step(np.zeros((1, 2), int))


class Registered:
    """What a registry remembers."""

    def __init__(self, **known):
        self.__dict__ |= known


class Wrapper(Zoo):
    """A wrapper that hands on nothing but what PettingZoo asks for."""

    def __init__(self, inside, place):
        super().__init__()
        setattr(self, place, inside)

    @property
    def broken(self):
        raise RuntimeError("asked too early")

    max_steps = broken


@pytest.mark.parametrize(
    ("known", "found"),
    [
        ({"episode_limit": 4}, "episode_limit"),
        ({"max_cycles": np.int64(4)}, "max_cycles"),
        ({"max_steps": 4}, "max_steps"),
        ({"_max_episode_steps": 4}, "_max_episode_steps"),
        ({"spec": Registered(max_episode_steps=4)}, "spec.max_episode_steps"),
        ({"spec": Registered(max_cycles=4, kwargs={})}, "spec.max_cycles"),
        ({"spec": Registered(max_episode_steps=None, kwargs={"max_cycles": 4})}, "spec.kwargs['max_cycles']"),
    ],
)
@pytest.mark.parametrize("places", [(), ("env",), ("par_env", "aec_env"), ("aec_env", "env", "env")])
def test_an_episode_limit_is_found_where_it_is_known_behind_wrappers_too(known, found, places):
    env = changed(Zoo, **known)
    for place in places:
        env = Wrapper(env, place)
    adapted = adapt(lambda _: env)
    assert adapted.episode_limit == 4
    assert f"episode_limit: 4 env steps, from {found}" in adapted.assumed


def test_the_outer_of_two_limits_counts():
    class Inside(gym.Env):
        max_steps = 9

    env = changed(Zoo, env=gym.wrappers.TimeLimit(Inside(), 5))
    assert adapt(lambda _: env).episode_limit == 5


@pytest.mark.parametrize("limit", [True, 0, -1, 2.5, "9", None])
def test_what_is_no_number_of_steps_is_no_limit(limit):
    with pytest.raises(
        SettingError, match=r"episode_limit: missing, and Changed announces none as episode_limit, "
    ):
        adapt(lambda _: changed(Zoo, max_cycles=limit))


@pytest.mark.parametrize(("limit", "says"), [(5, True), (6, False)])
def test_an_environment_that_ends_later_than_it_announces_is_cut_and_it_is_said(limit, says, caplog):
    env = adapt(lambda _: changed(Zoo, max_cycles=limit))  # it ends by itself after 6
    env.reset()
    for _ in range(limit):
        step = env.step(np.zeros((1, 2), int))
    assert bool(step.truncated[0]) == says
    told = [record.getMessage() for record in caplog.records if "has not ended" in record.getMessage()]
    assert len(told) == says
    if says:
        assert told[0].endswith('give that: {"team_adapter": {"episode_limit": 6}} in env_config.')


def test_callbacks_find_the_latest_infos_of_every_agent():
    env = adapt(lambda _: changed(Zoo, tell=lambda self: {"a": {"at": [self.time]}}), 2, SIX)
    env.reset()
    env.step(np.zeros((2, 2), int))
    assert env.infos == [{"a": {"at": [1]}}] * 2


def test_a_report_of_an_environment_shows_what_is_assumed_and_logs_it_not_again(caplog):
    described = describe_environment(lambda config: changed(Zoo), {"team_adapter": SIX})
    assert described["assumed"][0].startswith("state: what all agents observe")
    assert "assumed of" not in caplog.text
    options._say_assumed.cache_clear()
    adapt(lambda copy: changed(Zoo), 1, SIX)
    assert "assumed of" in caplog.text
