"""The unit in which rewards are learned."""

import numpy as np
import pytest
import torch

from rllib_remix.team.rewards import Rewards


def batch(*episodes):
    longest = max(map(len, episodes))
    rewards = torch.tensor(
        [[*map(float, episode)] + [0.0] * (longest - len(episode)) for episode in episodes]
    )
    return {"rewards": rewards, "lengths": torch.tensor([len(episode) for episode in episodes])}


def test_rewards_are_as_they_came_by_default_and_their_range_is_kept():
    rewards = Rewards()
    first = rewards.prepare(batch([1, 2], [3]))
    assert first["rewards"].tolist() == [[1.0, 2.0], [3.0, 0.0]]
    assert first["reward_range"].tolist() == [[1.0, 3.0]] * 2  # not 0, which is padding
    assert rewards.prepare(batch([2, -1]))["reward_range"].tolist() == [[-1.0, 3.0]]


def test_every_episode_has_a_row_of_its_own():
    # PyTorch cannot page-lock a tensor in which one number stands for several, and so no GPU could learn from the batch.
    assert all(values.is_contiguous() for values in Rewards().prepare(batch([1, 2], [3])).values())


def test_they_are_multiplied_by_the_scale():
    prepared = Rewards(scale=0.5).prepare(batch([1, 2], [3]))
    assert prepared["rewards"].tolist() == [[0.5, 1.0], [1.5, 0.0]]
    assert prepared["reward_range"].tolist() == [[0.5, 1.5]] * 2


def test_standardized_by_the_mean_and_deviation_of_all_so_far():
    rewards = Rewards(standardize=True)
    # 1, 2, 3: mean 2, variance 2/3. Padding stays 0.
    first = rewards.prepare(batch([1, 2], [3]))["rewards"]
    assert first.flatten().tolist() == pytest.approx([-(1.5**0.5), 0.0, 1.5**0.5, 0.0])
    # With 6: mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5.
    assert rewards.prepare(batch([6]))["rewards"].tolist() == [[pytest.approx(3 / 3.5**0.5)]]


def test_normalized_by_the_root_mean_square_of_all_so_far():
    rewards = Rewards(normalize=True)
    first = rewards.prepare(batch([1, 2], [3]))  # (1 + 4 + 9) / 3 = 14/3, without the padding
    assert first["rewards"].flatten().tolist() == pytest.approx(
        [each / (14 / 3) ** 0.5 for each in (1, 2, 3, 0)]
    )
    assert first["reward_range"][0].tolist() == pytest.approx([1 / (14 / 3) ** 0.5, 3 / (14 / 3) ** 0.5])
    second = rewards.prepare(batch([-1, -5]))["rewards"]  # with 1 + 25: 40/5
    assert second.flatten().tolist() == pytest.approx([-1 / 8**0.5, -5 / 8**0.5])


@pytest.mark.parametrize("how", ["normalize", "standardize"])
def test_the_scale_counts_in_the_end(how):
    scaled, plain = Rewards(0.5, **{how: True}), Rewards(**{how: True})
    assert torch.equal(
        scaled.prepare(batch([1, 2, 7]))["rewards"], 0.5 * plain.prepare(batch([1, 2, 7]))["rewards"]
    )
    assert scaled.high == 0.5 * plain.high
    assert scaled.unit == 2 * plain.unit


def test_normalized_rewards_keep_their_sign_and_a_rare_one_is_large():
    rewards = Rewards(normalize=True)
    assert rewards.prepare(batch([0, 0, 0]))["rewards"].tolist() == [[0.0, 0.0, 0.0]]
    assert rewards.prepare(batch([0] * 96 + [0.5]))["rewards"].max().item() == pytest.approx(10.0)
    assert (Rewards(normalize=True).prepare(batch([-5, -4, -6]))["rewards"] < 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e25])
@pytest.mark.parametrize("usual", [1.0, 1e9])
def test_what_cannot_be_learned_from_spoils_no_unit(bad, usual):
    rewards, clean = Rewards(normalize=True), Rewards(normalize=True)
    assert not np.isfinite(rewards.prepare(batch([usual, bad, 3 * usual]))["rewards"].square().sum())
    clean.prepare(batch([usual, 3 * usual]))
    for name in ("rewards", "reward_range"):
        assert rewards.prepare(batch([2]))[name].equal(clean.prepare(batch([2]))[name])


def test_standardized_rewards_are_not_normalized_too():
    both, one = Rewards(normalize=True, standardize=True), Rewards(standardize=True)
    assert both.prepare(batch([1, 2, 7]))["rewards"].equal(one.prepare(batch([1, 2, 7]))["rewards"])


def test_moments_merged_batch_by_batch_are_those_of_all_rewards():
    rng = np.random.default_rng(0)
    rewards, given = Rewards(standardize=True, scale=0.1), []
    for _ in range(20):
        episodes = [rng.normal(50, 2, rng.integers(1, 9)) for _ in range(3)]
        given += [reward for episode in episodes for reward in episode]
        prepared = rewards.prepare(batch(*episodes))
    last = np.concatenate(episodes)
    expected = 0.1 * (last - np.mean(given)) / np.std(given)
    got = torch.cat([row[: len(e)] for row, e in zip(prepared["rewards"], episodes, strict=True)])
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-3)


def test_the_range_of_standardized_rewards_is_that_of_all_so_far_in_the_unit_of_now():
    rewards = Rewards(standardize=True)
    rewards.prepare(batch([0] * 99 + [1]))  # one in a hundred, so ten deviations above the mean
    for _ in range(100):
        prepared = rewards.prepare(batch([0] * 50 + [1] * 50))
    assert prepared["reward_range"][0].tolist() == pytest.approx(
        [prepared["rewards"].min().item(), prepared["rewards"].max().item()]
    )
    assert prepared["reward_range"][0].tolist() == pytest.approx([-1, 1], abs=0.02)


def test_a_state_of_another_unit_begins_anew_and_that_is_said(caplog):
    saved = Rewards(scale=100.0)
    saved.prepare(batch([1, 2]))
    for others in (
        {"scale": 1.0},
        {"scale": 100.0, "standardize": True},
        {"scale": 100.0, "normalize": True},
    ):
        rewards = Rewards(**others)
        rewards.set_state(saved.get_state())
        assert rewards.low > rewards.high or others.get("standardize")
        assert rewards._count == 0
    assert "reward_scale 100, standardize_rewards False, normalize_rewards False there" in caplog.text
    assert len(caplog.records) == 3


def test_a_state_that_did_not_know_of_units_is_of_the_games(caplog):
    Rewards().set_state({})
    Rewards().set_state(
        {"unit": [1.0, 0.0], "count": 0.0, "mean": 0.0, "squares": 0.0, "low": -1.0, "high": 2.0}
    )
    assert not caplog.records
    Rewards(normalize=True).set_state({})
    assert "normalize_rewards True here" in caplog.text


def test_rewards_that_are_all_the_same_become_0():
    assert Rewards(standardize=True).prepare(batch([5, 5, 5]))["rewards"].tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.parametrize("unit", ["standardize", "normalize"])
def test_the_state_goes_on_where_it_was(unit):
    one, other = Rewards(**{unit: True}), Rewards(**{unit: True})
    one.prepare(batch([1, 2, 7]))
    other.set_state(one.get_state())
    for name in ("rewards", "reward_range"):
        assert (one.prepare(batch([4, -1]))[name] == other.prepare(batch([4, -1]))[name]).all()
