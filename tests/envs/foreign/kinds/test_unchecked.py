import numpy as np
import pytest
from pettingzoo.utils.conversions import aec_to_parallel, turn_based_aec_to_parallel
from pettingzoo.utils.wrappers import (
    AssertOutOfBoundsWrapper,
    BaseWrapper,
    OrderEnforcingWrapper,
    TerminateIllegalWrapper,
)
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv, PettingZooEnv

from rllib_remix.envs.foreign import adapters
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.foreign.kinds.unchecked import without_checks
from rllib_remix.envs.team_env import random_actions
from tests.envs.foreign.kinds.test_turns import OPTIONS, Rows


class MoreThanAnOrder(OrderEnforcingWrapper):
    """May change what the game does."""


def checked(env):
    return OrderEnforcingWrapper(AssertOutOfBoundsWrapper(env))


def parallelizable():
    env = Rows()
    env.metadata = env.metadata | {"is_parallelizable": True}
    return env


def test_checks_are_left_out_and_nothing_else():
    game = Rows()
    assert without_checks(checked(game)) is game
    for kept in (MoreThanAnOrder, BaseWrapper, lambda env: TerminateIllegalWrapper(env, illegal_reward=-1)):
        inner = kept(checked(game))
        assert without_checks(checked(inner)) is inner
        assert inner.env.env.env is game  # What is inside stays as its user made it.
    assert without_checks(game) is game


@pytest.mark.parametrize("convert", [aec_to_parallel, turn_based_aec_to_parallel])
def test_a_parallel_form_steps_the_game_itself(convert):
    game = parallelizable()
    parallel = convert(checked(game))
    assert without_checks(parallel) is parallel
    assert parallel.aec_env is game


@pytest.mark.parametrize(
    "make",
    [
        lambda env: checked(env),
        lambda env: aec_to_parallel(checked(env)),
        lambda env: PettingZooEnv(checked(env)),
        lambda env: ParallelPettingZooEnv(aec_to_parallel(checked(env))),
    ],
    ids=["turns", "parallel", "turns in RLlib's", "parallel in RLlib's"],
)
def test_every_way_to_bring_one_leaves_them_out(make):
    game = parallelizable()
    inside = adapt(lambda copy: make(game), 1, OPTIONS).envs[0]
    assert inside.aec_env is game


def test_turns_are_taken_in_the_game_itself():
    game = Rows()
    assert adapt(lambda copy: checked(game), 1, OPTIONS).envs[0].env is game


def spread():
    return pytest.importorskip("mpe2.simple_spread_v3").parallel_env(max_cycles=9)


def tictactoe():
    pytest.importorskip("pygame")
    return pytest.importorskip("pettingzoo.classic.tictactoe_v3").env()


def trace(make):
    """Three episodes of random actions in two copies."""
    env = adapt(lambda copy: make(), 2, {"state": "observations", "episode_limit": 9})
    rng, step, seen = np.random.default_rng(0), env.reset(seed=3), []
    for _ in range(30):
        seen.append([np.copy(part) for part in step[:6]])
        step = env.step(random_actions(step.avail_actions, rng))
    return env, seen


@pytest.mark.parametrize("make", [spread, tictactoe])
def test_strangers_games_play_the_same_with_and_without(make, monkeypatch):
    env, seen = trace(make)
    monkeypatch.setattr(adapters, "without_checks", lambda env: env)
    checked_env, expected = trace(make)
    assert type(env.envs[0].unwrapped) is type(checked_env.envs[0].unwrapped)
    for parts, others in zip(seen, expected, strict=True):
        for part, other in zip(parts, others, strict=True):
            np.testing.assert_array_equal(part, other)
