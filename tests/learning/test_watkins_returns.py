"""λ-returns that follow the greedy policy: by hand, and against Q(λ), Retrace and the tree backup as their papers have them."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.learning.targets import (
    lambda_returns,
    possible_values,
    watkins_returns,
    with_previous_at_the_end,
)

REWARDS = [1.0, 2.0, 3.0]
VALUES = [99.0, 10.0, 20.0, 30.0]


def returns(
    took_greedy, terminated=False, rewards=REWARDS, values=VALUES, length=3, gamma=0.5, td_lambda=0.5
):
    result = watkins_returns(
        torch.tensor([rewards]),
        torch.tensor([values]),
        torch.tensor([length]),
        torch.tensor([terminated]),
        torch.tensor([took_greedy]),
        gamma=gamma,
        td_lambda=td_lambda,
    )
    assert result.dtype == torch.float32
    return result[0].tolist()


def test_a_greedy_episode_has_the_lambda_returns():
    # G2 = 3 + ½·30 = 18; G1 = 2 + ½·(½·20 + ½·18) = 11.5; G0 = 1 + ½·(½·10 + ½·11.5) = 6.375.
    assert returns([True, True, True]) == [6.375, 11.5, 18.0]
    # Whether the first joint action was greedy is in no target: its own return is what it brought.
    assert returns([False, True, True]) == [6.375, 11.5, 18.0]


def test_the_return_ends_before_an_action_that_is_not_greedy():
    # The last is explored: G1 = 2 + ½·20 = 12; G0 = 1 + ½·(½·10 + ½·12) = 6.5.
    assert returns([True, True, False]) == [6.5, 12.0, 18.0]
    # The second is explored: G1 as of a greedy end; G0 = 1 + ½·10 = 6.
    assert returns([True, False, True]) == [6.0, 11.5, 18.0]


def test_after_a_terminated_episode_nothing_comes():
    # G2 = 3; G1 = 2 + ½·(½·20 + ½·3) = 7.75; G0 = 1 + ½·(½·10 + ½·7.75) = 5.4375.
    assert returns([True, True, True], terminated=True) == [5.4375, 7.75, 3.0]
    assert returns([True, True, False], terminated=True) == [6.5, 12.0, 3.0]


@pytest.mark.parametrize("behind", [True, False])
def test_what_is_behind_an_episode_changes_nothing(behind):
    garbage = [float("nan"), float("inf")]
    got = returns([True, True, True, behind, behind], rewards=REWARDS + garbage, values=VALUES + garbage)
    assert got == [6.375, 11.5, 18.0, 0.0, 0.0]


def corrected(rewards, values, taken, traces, length, terminated, gamma):
    """G_t = r_t + γ·[V(t+1) + c_{t+1}·(G_{t+1} - Q(t+1, a_{t+1}))], the form that all corrected returns have."""
    result, following = np.zeros(len(rewards)), 0.0
    for t in range(length - 1, -1, -1):
        if t == length - 1:
            following = rewards[t] + (0.0 if terminated else gamma * values[length])
        else:
            following = rewards[t] + gamma * (values[t + 1] + traces[t + 1] * (following - taken[t + 1]))
        result[t] = following
    return result


@pytest.mark.parametrize("method", ["retrace", "tree_backup"])
@given(seed=st.integers(0, 2**32), td_lambda=st.floats(0, 1), terminated=st.booleans())
def test_retrace_and_the_tree_backup_of_a_greedy_policy_are_the_same(method, seed, td_lambda, terminated):
    rng = np.random.default_rng(seed)
    steps, gamma = int(rng.integers(1, 30)), 0.97
    length = int(rng.integers(1, steps + 1))
    rewards, values = rng.normal(0, 5, steps), rng.normal(0, 5, steps + 1)
    greedy, mu = rng.random(steps) < 0.6, rng.uniform(0.05, 1, steps)  # μ: how likely the agents' action was
    pi = greedy.astype(float)
    # The value of the greedy action is V; that of another is anything, and has a trace of 0.
    taken = np.where(greedy, values[:-1], rng.normal(0, 5, steps))
    traces = td_lambda * (np.minimum(1, pi / mu) if method == "retrace" else pi)
    expected = corrected(rewards, values, taken, traces, length, terminated, gamma)
    got = watkins_returns(
        torch.tensor(rewards, dtype=torch.float32).unsqueeze(0),
        torch.tensor(values, dtype=torch.float32).unsqueeze(0),
        torch.tensor([length]),
        torch.tensor([terminated]),
        torch.tensor(greedy).unsqueeze(0),
        gamma=gamma,
        td_lambda=td_lambda,
    )
    np.testing.assert_allclose(got[0].numpy(), expected, rtol=1e-4, atol=1e-3)


@given(st.integers(0, 2**32), st.integers(1, 60), st.floats(0, 1))
def test_an_episode_without_exploration_has_the_returns_of_peng(seed, steps, td_lambda):
    rng = np.random.default_rng(seed)
    episodes = (
        torch.tensor(rng.normal(0, 5, (4, steps)), dtype=torch.float32),
        torch.tensor(rng.normal(0, 5, (4, steps + 1)), dtype=torch.float32),
        torch.tensor(rng.integers(1, steps + 1, 4)),
        torch.tensor(rng.random(4) < 0.5),
    )
    how = {"gamma": 0.99, "td_lambda": td_lambda}
    peng = lambda_returns(*episodes, **how)
    got = watkins_returns(*episodes, torch.ones(4, steps, dtype=torch.bool), **how)
    torch.testing.assert_close(got, peng, rtol=1e-4, atol=1e-3)
    one_step = watkins_returns(*episodes, torch.zeros(4, steps, dtype=torch.bool), **how)
    torch.testing.assert_close(
        one_step, lambda_returns(*episodes, gamma=0.99, td_lambda=0.0), rtol=1e-4, atol=1e-3
    )


def test_the_value_after_the_last_step_can_be_that_before_it():
    values = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, float("nan"), float("nan")]])
    changed = with_previous_at_the_end(values, torch.tensor([3, 1]))
    assert changed[:, :2].tolist() == [[1.0, 2.0], [5.0, 5.0]]
    assert changed[0, 2:].tolist() == [3.0, 3.0]
    assert values[0, 3] == 4.0  # a copy


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(-2.0, 1.0, (-4.0, 2.0)), (0.5, 3.0, (0.0, 6.0)), (-3.0, -1.0, (-6.0, 0.0)), (0.0, 0.0, (0.0, 0.0))],
)
def test_values_lie_between_what_the_worst_and_the_best_reward_would_sum_to(low, high, expected):
    # γ = ½: a reward for ever is worth twice itself; an episode that ends at once is worth 0.
    assert tuple(map(float, possible_values(torch.tensor([low, high]), 0.5))) == expected


def test_without_discount_there_is_no_limit():
    assert tuple(map(float, possible_values(torch.tensor([-1.0, 0.0]), 1.0))) == (-np.inf, np.inf)
