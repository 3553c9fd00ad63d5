"""The unit of rewards as an algorithm learns from them."""

import numpy as np
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from tests.algorithms.games import tiny


def learned(algorithm):
    """The reward unit of the newest result, and the rewards of a batch that is drawn next."""
    result = algorithm.train()
    rewards = algorithm._draw_batch()[DEFAULT_MODULE_ID]["rewards"]
    return result["learners"][DEFAULT_MODULE_ID]["reward_unit"], rewards


def test_by_default_it_is_their_root_mean_square_and_results_keep_the_games(build):
    algorithm = build(tiny("QMIX"))
    unit, rewards = learned(algorithm)
    stored = algorithm.replay_buffer.sample(8)["rewards"]
    payoffs = stored.unique()
    assert len(payoffs) > 2
    # The unit of the next batch is another, by what that holds.
    in_game = rewards * algorithm._rewards.unit
    assert torch.isclose(in_game.unsqueeze(-1), payoffs, atol=1e-4).any(-1).all()
    assert 0 < unit < payoffs.abs().max()
    assert unit != 1


def test_it_goes_on_after_a_restore(build, tmp_path):
    algorithm, resumed = build(tiny("QMIX")), build(tiny("QMIX"))
    algorithm.train()
    algorithm.save_to_path(str(tmp_path / "c"))
    resumed.restore_from_path(str(tmp_path / "c"))
    assert resumed._rewards.unit == algorithm._rewards.unit
    assert resumed._rewards.unit != 1


def test_it_is_the_games_where_nothing_is_normalized(build):
    unit, rewards = learned(build(tiny("QMIX", normalize_rewards=False)))
    assert unit == 1
    assert np.equal(rewards.numpy(), rewards.round().numpy()).all()
