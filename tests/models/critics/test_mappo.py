"""MAPPO's critic: a plain net on state, observation and index of every agent."""

import pytest
import torch

from rllib_remix.models.critics.mappo import MAPPOCritic
from rllib_remix.models.normalizer import RunningNormalizer

ROWS, AGENTS, OBS_DIM, STATE_DIM, HIDDEN = 40, 3, 5, 6, 16


def critic():
    torch.manual_seed(0)
    return MAPPOCritic(OBS_DIM, AGENTS, STATE_DIM, hidden_dim=HIDDEN)


def inputs():
    torch.manual_seed(1)
    return torch.randn(ROWS, STATE_DIM), torch.randn(ROWS, AGENTS, OBS_DIM)


@pytest.mark.parametrize("normalizes", [False, True])
def test_it_is_a_plain_net_on_all_inputs_side_by_side(normalizes):
    made, (state, obs) = critic(), inputs()
    normalizer = RunningNormalizer(OBS_DIM) if normalizes else None
    if normalizer is not None:
        normalizer.update(3 + 2 * obs.flatten(0, 1))
    seen = obs if normalizer is None else normalizer(obs)
    index = torch.eye(AGENTS).expand(ROWS, AGENTS, AGENTS)
    plain = made.values.net(torch.cat([state.unsqueeze(1).expand(-1, AGENTS, -1), seen, index], -1))
    values = made(state, obs, normalizer)
    torch.testing.assert_close(values, plain.squeeze(-1), rtol=1e-4, atol=1e-5)
    assert values.shape == (ROWS, AGENTS)


def test_in_bfloat16_it_is_about_the_same():
    made, (state, obs) = critic(), inputs()
    rounded = made(state.bfloat16(), obs)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, made(state, obs), rtol=0.1, atol=0.03)


def test_values_can_begin_at_zero():
    made = critic()
    made.begin_at_zero()
    assert not made(*inputs()).any()
