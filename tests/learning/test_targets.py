import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.learning.targets import chosen, greedy_actions, lambda_returns, step_mask

# One episode of three steps; the value of its first observation is in no target.
REWARDS = [1.0, 2.0, 3.0]
VALUES = [99.0, 10.0, 20.0, 30.0]


def returns(rewards, values, length, terminated, *, gamma=0.5, td_lambda=0.5) -> list[float]:
    result = lambda_returns(
        torch.tensor([rewards]),
        torch.tensor([values]),
        torch.tensor([length]),
        torch.tensor([terminated]),
        gamma=gamma,
        td_lambda=td_lambda,
    )
    assert result.shape == (1, len(rewards))
    assert result.dtype == torch.float32
    return result[0].tolist()


def recursion(rewards, values, length, terminated, gamma, td_lambda) -> np.ndarray:
    """G of one episode in float64, backwards from its last step as the definition says."""
    result = np.zeros(len(rewards))
    following = rewards[length - 1] + (0.0 if terminated else gamma * values[length])
    result[length - 1] = following
    for t in range(length - 2, -1, -1):
        following = rewards[t] + gamma * ((1 - td_lambda) * values[t + 1] + td_lambda * following)
        result[t] = following
    return result


def random_batch(seed, batch, steps, scale=10.0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, scale, (batch, steps)),
        rng.normal(0, scale, (batch, steps + 1)),
        rng.integers(1, steps + 1, batch),
        rng.random(batch) < 0.5,
    )


def as_tensors(rewards, values, lengths, terminated):
    return (
        torch.tensor(rewards, dtype=torch.float32),
        torch.tensor(values, dtype=torch.float32),
        torch.tensor(lengths),
        torch.tensor(terminated),
    )


def test_a_terminated_episode_ends_with_its_reward():
    # G2 = 3; G1 = 2 + ½·(½·20 + ½·3) = 7.75; G0 = 1 + ½·(½·10 + ½·7.75) = 5.4375.
    assert returns(REWARDS, VALUES, 3, True) == [5.4375, 7.75, 3.0]


def test_a_truncated_episode_bootstraps_from_its_last_observation():
    # G2 = 3 + ½·30 = 18; G1 = 2 + ½·(½·20 + ½·18) = 11.5; G0 = 1 + ½·(½·10 + ½·11.5) = 6.375.
    assert returns(REWARDS, VALUES, 3, False) == [6.375, 11.5, 18.0]


@pytest.mark.parametrize(
    ("terminated", "expected"), [(True, [5.4375, 7.75, 3.0]), (False, [6.375, 11.5, 18.0])]
)
def test_an_episode_shorter_than_the_batch_has_the_same_targets_and_zeros_behind(terminated, expected):
    garbage = [7.0, float("nan"), float("inf")]
    assert returns(REWARDS + garbage, VALUES + garbage, 3, terminated) == [*expected, 0.0, 0.0, 0.0]


def test_lambda_zero_is_the_one_step_target():
    # r + ½·V(t+1): 1 + 5, 2 + 10, and 3 + 15 or 3.
    assert returns(REWARDS, VALUES, 3, False, td_lambda=0.0) == [6.0, 12.0, 18.0]
    assert returns(REWARDS, VALUES, 3, True, td_lambda=0.0) == [6.0, 12.0, 3.0]


def test_lambda_one_is_the_discounted_return():
    # Terminated: 3; 2 + 3/2; 1 + 3.5/2. Truncated: 3 + 30/2; 2 + 18/2; 1 + 11/2.
    assert returns(REWARDS, VALUES, 3, True, td_lambda=1.0) == [2.75, 3.5, 3.0]
    assert returns(REWARDS, VALUES, 3, False, td_lambda=1.0) == [6.5, 11.0, 18.0]


def test_without_discount_lambda_one_sums_the_rewards():
    assert returns(REWARDS, VALUES, 3, True, gamma=1.0, td_lambda=1.0) == [6.0, 5.0, 3.0]
    assert returns(REWARDS, VALUES, 3, False, gamma=1.0, td_lambda=1.0) == [36.0, 35.0, 33.0]


def test_with_discount_zero_the_reward_is_the_target():
    assert returns(REWARDS, VALUES, 3, False, gamma=0.0) == REWARDS


def test_an_episode_of_one_step_is_its_reward_and_its_bootstrap():
    assert returns([4.0], [99.0, 6.0], 1, True) == [4.0]
    assert returns([4.0], [99.0, 6.0], 1, False) == [7.0]


@pytest.mark.parametrize("nothing", [float("nan"), float("inf")])
@pytest.mark.parametrize("td_lambda", [0.0, 0.5, 1.0])
def test_the_value_after_a_terminated_episode_is_never_read(nothing, td_lambda):
    expected = returns(REWARDS, VALUES, 3, True, td_lambda=td_lambda)
    assert returns(REWARDS, [*VALUES[:3], nothing], 3, True, td_lambda=td_lambda) == expected


def test_the_value_of_the_first_observation_is_in_no_target():
    assert returns(REWARDS, [float("nan"), *VALUES[1:]], 3, False) == [6.375, 11.5, 18.0]


@given(
    st.integers(0, 2**32),
    st.integers(1, 6),
    st.integers(1, 200),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_lambda_returns_agree_with_the_recursion(seed, batch, steps, gamma, td_lambda):
    episodes = random_batch(seed, batch, steps)
    got = lambda_returns(*as_tensors(*episodes), gamma=gamma, td_lambda=td_lambda).numpy()
    for episode, expected_of in zip(got, zip(*episodes, strict=True), strict=True):
        expected = recursion(*expected_of, gamma, td_lambda)
        np.testing.assert_allclose(episode, expected, rtol=1e-4, atol=1e-4 * max(1.0, abs(expected).max()))


@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 140), st.sampled_from([0.0, 0.6, 1.0]))
def test_more_padding_whatever_it_holds_changes_nothing(seed, steps, more, td_lambda):
    rewards, values, lengths, terminated = as_tensors(*random_batch(seed, 4, steps, scale=1.0))
    before = lambda_returns(rewards, values, lengths, terminated, gamma=0.99, td_lambda=td_lambda)
    garbage = torch.tensor([float("nan"), float("inf"), float("-inf"), 1e30])
    garbage = garbage[torch.randint(4, (4, more), generator=torch.Generator().manual_seed(seed % 1000))]
    padding = ~step_mask(lengths, steps)
    rewards = rewards.masked_fill(padding, float("nan"))
    values[:, 1:] = values[:, 1:].masked_fill(padding, float("inf"))
    after = lambda_returns(
        torch.cat([rewards, garbage], dim=1),
        torch.cat([values, garbage], dim=1),
        lengths,
        terminated,
        gamma=0.99,
        td_lambda=td_lambda,
    )
    torch.testing.assert_close(after[:, :steps], before, rtol=1e-6, atol=1e-6 * float(before.abs().max() + 1))
    assert (after[:, steps:] == 0).all()


@given(st.integers(0, 2**32))
def test_an_episode_has_the_same_targets_in_any_company(seed):
    rewards, values, lengths, terminated = as_tensors(*random_batch(seed, 5, 20))
    together = lambda_returns(rewards, values, lengths, terminated, gamma=0.99, td_lambda=0.6)
    for i, length in enumerate(lengths.tolist()):
        alone = lambda_returns(
            rewards[i : i + 1, :length],
            values[i : i + 1, : length + 1],
            lengths[i : i + 1],
            terminated[i : i + 1],
            gamma=0.99,
            td_lambda=0.6,
        )
        torch.testing.assert_close(together[i : i + 1, :length], alone, rtol=1e-5, atol=1e-5)


def test_true_values_are_their_own_targets():
    # Reward 1 for ever at γ 0.9 is worth 10 in every step, whatever λ.
    assert returns([1.0] * 50, [10.0] * 51, 50, False, gamma=0.9, td_lambda=0.6) == pytest.approx([10.0] * 50)


def test_the_mask_is_true_on_steps_that_were_taken():
    assert step_mask(torch.tensor([0, 1, 3]), 3).tolist() == [
        [False, False, False],
        [True, False, False],
        [True, True, True],
    ]


def test_the_greedy_action_is_the_best_available_one():
    utilities = torch.tensor([[1.0, 5.0, 3.0], [1.0, 5.0, 3.0], [-7.0, -5.0, -6.0]])
    available = torch.tensor([[True, True, True], [True, False, True], [True, False, False]])
    assert greedy_actions(utilities, available).tolist() == [1, 2, 0]


def test_padding_without_any_available_action_gives_action_zero():
    assert greedy_actions(torch.randn(2, 3, 4), torch.zeros(2, 3, 4, dtype=torch.bool)).eq(0).all()


@given(st.integers(0, 2**32), st.sampled_from([1e-6, 1.0, 1e4, 1e30]))
def test_the_greedy_action_is_always_available(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    utilities = torch.randn(3, 4, 5, generator=generator) * scale
    available = torch.rand(3, 4, 5, generator=generator) < 0.4
    available[..., 2] |= ~available.any(-1)
    actions = greedy_actions(utilities, available)
    assert actions.dtype == torch.int64
    assert chosen(available.float(), actions).eq(1).all()
    assert (chosen(utilities, actions).unsqueeze(-1) >= utilities.masked_fill(~available, -torch.inf)).all()


def test_chosen_utilities_are_those_of_the_given_actions():
    utilities = torch.arange(12.0).reshape(2, 2, 3)
    assert chosen(utilities, torch.tensor([[0, 2], [1, 0]])).tolist() == [[0.0, 5.0], [7.0, 9.0]]
