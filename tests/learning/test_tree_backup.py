"""Tree backups: by hand, and against the sum that their definition is, one step at a time."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.learning.targets import watkins_returns
from rllib_remix.learning.tree_backup import tree_backup_returns

REWARDS = [1.0, 2.0, 3.0]
TAKEN = [4.0, 6.0, 8.0]
EXPECTED = [99.0, 10.0, 20.0, 30.0]


def returns(
    probabilities,
    *,
    terminated=False,
    rewards=REWARDS,
    taken=TAKEN,
    expected=EXPECTED,
    length=3,
    gamma=0.5,
    td_lambda=1.0,
    steps=3,
):
    result = tree_backup_returns(
        *(torch.tensor([each]) for each in (rewards, taken, expected, probabilities)),
        torch.tensor([length]),
        torch.tensor([terminated]),
        gamma=gamma,
        td_lambda=td_lambda,
        steps=steps,
    )
    assert result.dtype == torch.float32
    return result[0].tolist()


def test_by_hand():
    # δ0 = 1 + ½·10 - 4 = 2; δ1 = 2 + ½·20 - 6 = 6; δ2 = 3 + ½·30 - 8 = 10.
    # y2 = 8 + 10 = 18; y1 = 6 + 6 + ½·½·10 = 14.5; y0 = 4 + 2 + ½·¼·6 + ½·¼·½·½·10 = 7.0625.
    assert returns([0.9, 0.25, 0.5]) == [7.0625, 14.5, 18.0]
    # λ = ½ halves what each further step adds: y1 = 12 + 1.25; y0 = 6 + 0.375 + 0.078125.
    assert returns([0.9, 0.25, 0.5], td_lambda=0.5) == [6.453125, 13.25, 18.0]
    # Whether the first action was likely is in no target.
    assert returns([0.0, 0.25, 0.5]) == [7.0625, 14.5, 18.0]


def test_actions_that_the_policy_never_takes_leave_one_step():
    # r + ½·E_π Q: 1 + 5, 2 + 10, 3 + 15.
    assert returns([0.0, 0.0, 0.0]) == [6.0, 12.0, 18.0]
    assert returns([1.0, 0.0, 1.0]) == [6.0, 17.0, 18.0]  # y1 goes on for a step: 12 + ½·10
    assert returns([1.0, 1.0, 1.0], td_lambda=0.0) == [6.0, 12.0, 18.0]


def test_a_policy_that_is_sure_of_them_has_n_step_returns():
    expected = [*TAKEN, 30.0]  # of a sure policy, but for the last
    # One: r + ½·Q. Two: 1 + ½·2 + ¼·8 = 4; 2 + ½·3 + ¼·30 = 11. Three: 1 + ½·2 + ¼·3 + ⅛·30 = 6.5.
    assert returns([1.0] * 3, expected=expected, steps=1) == [4.0, 6.0, 18.0]
    assert returns([1.0] * 3, expected=expected, steps=2) == [4.0, 11.0, 18.0]
    assert returns([1.0] * 3, expected=expected, steps=3) == [6.5, 11.0, 18.0]
    assert returns([1.0] * 3, expected=expected, steps=1000) == [6.5, 11.0, 18.0]


def test_after_a_terminated_episode_nothing_comes():
    # δ2 = 3 - 8 = -5: y2 = 3; y1 = 12 - ¼·5 = 10.75; y0 = 6.75 - ½·¼·½·½·5 = 6.59375.
    assert returns([0.9, 0.25, 0.5], terminated=True) == [6.59375, 10.75, 3.0]
    assert returns([0.9], rewards=[2.0], taken=[7.0], expected=[1.0, 5.0], length=1, terminated=True) == [2.0]
    assert returns([0.9], rewards=[2.0], taken=[7.0], expected=[1.0, 5.0], length=1) == [4.5]  # cut off


@pytest.mark.parametrize("terminated", [False, True])
def test_what_is_behind_an_episode_changes_nothing(terminated):
    junk = [float("nan"), float("inf"), -float("inf")]
    got = returns(
        [0.9, 0.25, 0.5, *junk],
        terminated=terminated,
        rewards=REWARDS + junk,
        taken=TAKEN + junk,
        expected=EXPECTED + junk,
        steps=6,
    )
    assert got == [*returns([0.9, 0.25, 0.5], terminated=terminated), 0.0, 0.0, 0.0]


def plain(rewards, taken, expected, pi, length, terminated, gamma, td_lambda, steps):
    """y_t = Q(u_t) + Σ_l (γλ)^l·Π_j π(u_{t+j})·δ_{t+l}, as it stands."""
    found = np.zeros(len(rewards))
    for t in range(length):
        found[t], factor = taken[t], 1.0
        for k in range(t, min(t + steps, length)):
            if k > t:
                factor *= gamma * td_lambda * pi[k]
            following = 0.0 if terminated and k == length - 1 else expected[k + 1]
            found[t] += factor * (rewards[k] + gamma * following - taken[k])
    return found


@given(st.integers(0, 2**32), st.integers(1, 25), st.integers(1, 30), st.floats(0, 1))
def test_it_is_the_sum_of_its_definition(seed, count, steps, td_lambda):
    rng = np.random.default_rng(seed)
    rewards, taken = rng.normal(0, 5, (2, 3, count))
    expected, pi = rng.normal(0, 5, (3, count + 1)), rng.uniform(0, 1, (3, count)) ** 0.3
    lengths, terminated = rng.integers(1, count + 1, 3), rng.random(3) < 0.5
    got = tree_backup_returns(
        *(torch.tensor(each, dtype=torch.float32) for each in (rewards, taken, expected, pi)),
        torch.tensor(lengths),
        torch.tensor(terminated),
        gamma=0.97,
        td_lambda=td_lambda,
        steps=steps,
    )
    for e in range(3):
        how = lengths[e], terminated[e], 0.97, td_lambda, steps
        should_be = plain(rewards[e], taken[e], expected[e], pi[e], *how)
        np.testing.assert_allclose(got[e].numpy(), should_be, rtol=1e-4, atol=1e-3)


@given(st.integers(0, 2**32), st.integers(1, 30), st.floats(0, 1), st.booleans())
def test_of_a_greedy_policy_it_is_watkins_return(seed, count, td_lambda, terminated):
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    rewards, values = torch.randn(1, count) * 5, torch.randn(1, count + 1) * 5
    greedy = torch.tensor(rng.random((1, count)) < 0.6)
    taken = torch.where(greedy, values[:, :-1], torch.randn(1, count))
    ends = torch.tensor([int(rng.integers(1, count + 1))]), torch.tensor([terminated])
    how = {"gamma": 0.9, "td_lambda": td_lambda}
    got = tree_backup_returns(rewards, taken, values, greedy.float(), *ends, **how, steps=count)
    should_be = watkins_returns(rewards, values, *ends, greedy, **how)
    torch.testing.assert_close(got, should_be, rtol=1e-4, atol=1e-3)
