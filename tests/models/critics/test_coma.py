"""COMA's critic is a plain feed-forward net on its inputs side by side, and an agent's own action is none of them."""

import pytest
import torch
from torch.nn import functional

from rllib_remix.models.critics.coma import COMACritic
from rllib_remix.models.image_encoder import ImageEncoder
from rllib_remix.models.normalizer import RunningNormalizer

ROWS, AGENTS, ACTIONS, OBS_DIM, STATE_DIM, HIDDEN = 40, 3, 4, 5, 6, 16


def critic():
    torch.manual_seed(0)
    return COMACritic(OBS_DIM, ACTIONS, AGENTS, STATE_DIM, hidden_dim=HIDDEN)


def inputs(dtype=torch.float32):
    torch.manual_seed(1)
    state, obs = torch.randn(ROWS, STATE_DIM).to(dtype), torch.randn(ROWS, AGENTS, OBS_DIM)
    actions, before = (torch.randint(0, ACTIONS, (ROWS, AGENTS)) for _ in range(2))
    before[::5] = -1  # first steps
    return state, obs, actions, before


def plain(net, state, obs, actions, before):
    """Row by row and agent by agent, with all inputs in one vector."""
    found = torch.zeros(ROWS, AGENTS, ACTIONS)
    for row in range(ROWS):
        for agent in range(AGENTS):
            joint, last = torch.zeros(AGENTS, ACTIONS), torch.zeros(AGENTS, ACTIONS)
            for other in range(AGENTS):
                if other != agent:
                    joint[other, actions[row, other]] = 1
                if before[row, other] >= 0:
                    last[other, before[row, other]] = 1
            index = functional.one_hot(torch.tensor(agent), AGENTS)
            parts = state[row], obs[row, agent], joint.flatten(), last.flatten(), index
            found[row, agent] = net(torch.cat(parts))
    return found


def test_it_is_a_feed_forward_net_on_all_inputs_side_by_side():
    made, given = critic(), inputs()
    found = made(*given)
    assert (found.shape, found.dtype) == ((ROWS, AGENTS, ACTIONS), torch.float32)
    torch.testing.assert_close(found, plain(made.values.net, *given), rtol=1e-4, atol=1e-5)


def test_gradients_of_all_weights_are_those_of_the_plain_net():
    made, given = critic(), inputs()
    made(*given).square().sum().backward()
    found = [weight.grad.clone() for weight in made.parameters()]
    made.zero_grad()
    plain(made.values.net, *given).square().sum().backward()
    for one, weight in zip(found, made.parameters(), strict=True):
        torch.testing.assert_close(one, weight.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_agents_own_action_does_not_reach_its_values_and_the_others_do(dtype):
    made, (state, obs, actions, before) = critic(), inputs(dtype)
    found = made(state, obs, actions, before)
    others = actions.clone()
    others[:, 1] = (actions[:, 1] + 1) % ACTIONS
    changed = made(state, obs, others, before)
    assert (changed[:, 1] == found[:, 1]).all()
    assert (changed[:, [0, 2]] != found[:, [0, 2]]).any(-1).all()
    before[:, 1] = (before[:, 1] + 1) % ACTIONS  # what it did before does reach it
    assert (made(state, obs, actions, before)[:, 1] != found[:, 1]).any(-1).all()


def test_in_bfloat16_it_is_about_the_same():
    made, given = critic(), inputs()
    state, *others = given
    rounded = made(state.bfloat16(), *others)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, made(*given), rtol=0.1, atol=0.03)
    rounded.sum().backward()
    assert all(weight.grad.dtype == torch.float32 for weight in made.parameters())


def test_it_can_begin_at_zero():
    made = critic()
    made.begin_at_zero()
    assert not made(*inputs()).any()


def test_observations_are_normalised_as_the_agents_are():
    made, (state, obs, *others) = critic(), inputs()
    normalizer = RunningNormalizer(OBS_DIM)
    normalizer.update(3 * torch.randn(100, OBS_DIM) + 2)
    found = made(state, obs, *others, normalizer)
    torch.testing.assert_close(found, made(state, normalizer(obs), *others))
    assert not torch.allclose(found, made(state, obs, *others))


def test_images_pass_an_encoder_of_its_own():
    made = COMACritic(7 * 7 * 3, ACTIONS, AGENTS, STATE_DIM, hidden_dim=HIDDEN, image_shape=(7, 7, 3))
    state, _, *others = inputs()
    pixels = torch.randint(0, 256, (ROWS, AGENTS, 7 * 7 * 3), dtype=torch.uint8)
    assert isinstance(made.values.image, ImageEncoder)
    features = made.values.image(pixels.flatten(0, 1)).unflatten(0, (ROWS, AGENTS))
    torch.testing.assert_close(
        made(state, pixels, *others), plain(made.values.net, state, features, *others), rtol=1e-3, atol=1e-4
    )
