"""DOP's critic: plain nets on inputs side by side, weights that add up to 1, and a joint value that keeps expectations."""

import itertools

import pytest
import torch
from torch.nn import functional

from rllib_remix.learning.policies import counterfactual_advantages, expected_values, log_policy
from rllib_remix.learning.targets import chosen
from rllib_remix.models.critics.dop import DOPCritic, joint_values
from rllib_remix.models.critics.table import CRITICS, new_critic

ROWS, AGENTS, ACTIONS, OBS_DIM, STATE_DIM, HIDDEN, EMBED = 40, 3, 4, 5, 6, 16, 7


def critic():
    torch.manual_seed(0)
    return DOPCritic(OBS_DIM, ACTIONS, AGENTS, STATE_DIM, hidden_dim=HIDDEN, embed_dim=EMBED)


def inputs():
    torch.manual_seed(1)
    return torch.randn(ROWS, STATE_DIM), torch.randn(ROWS, AGENTS, OBS_DIM)


def test_it_is_plain_nets_on_all_inputs_side_by_side():
    made, (state, obs) = critic(), inputs()
    values, weights = made(state, obs)
    index = torch.eye(AGENTS).expand(ROWS, AGENTS, AGENTS)
    out = made.values.net(torch.cat([state.unsqueeze(1).expand(-1, AGENTS, -1), obs, index], -1))
    torch.testing.assert_close(values, out[..., :ACTIONS] + out[..., ACTIONS:], rtol=1e-4, atol=1e-5)
    for row in range(ROWS):
        raw = made.of_agents(state[row]).view(AGENTS, EMBED).abs() @ made.of_team(state[row]).abs()
        torch.testing.assert_close(weights[row], raw / raw.sum(), rtol=1e-4, atol=1e-5)
    assert values.dtype == weights.dtype == torch.float32


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1.0, 1e6])
def test_weights_are_positive_and_add_up_to_1_even_if_all_are_0(scale):
    made = critic()
    with torch.no_grad():
        for layer in (made.of_agents, made.of_team):
            for weight in layer.parameters():
                weight.mul_(scale)
    _, weights = made(*inputs())
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(ROWS))
    if not scale:
        torch.testing.assert_close(weights, torch.full((ROWS, AGENTS), 1 / AGENTS))
    (weights * torch.randn_like(weights)).sum().backward()
    assert all(weight.grad.isfinite().all() for weight in made.of_agents.parameters())


def policies_and_values():
    torch.manual_seed(2)
    avail = torch.rand(ROWS, AGENTS, ACTIONS) < 0.7
    avail[..., 1] |= ~avail.any(-1)
    values, weights = critic()(*inputs())
    return log_policy(2 * torch.randn(ROWS, AGENTS, ACTIONS), avail), values.detach(), weights.detach()


def q_tot_of(values, weights, joint):
    return joint_values(weights, chosen(values, joint.expand(ROWS, AGENTS)))


def test_the_expectation_of_the_joint_value_is_exact():
    policy, values, weights = policies_and_values()
    expected = torch.zeros(ROWS)
    for actions in itertools.product(range(ACTIONS), repeat=AGENTS):
        joint = torch.tensor(actions)
        probability = policy.gather(-1, joint.view(1, -1, 1).expand(ROWS, -1, 1)).squeeze(-1).sum(-1).exp()
        expected += probability * q_tot_of(values, weights, joint)
    found = joint_values(weights, expected_values(policy, values))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_comas_advantage_of_the_joint_value_is_the_agents_own_times_its_weight():
    policy, values, weights = policies_and_values()
    for actions in itertools.product(range(ACTIONS), repeat=AGENTS):
        joint = torch.tensor(actions)
        own = counterfactual_advantages(policy, values, joint.expand(ROWS, AGENTS))
        for agent in range(AGENTS):
            instead = joint.repeat(ACTIONS, 1)
            instead[:, agent] = torch.arange(ACTIONS)
            alternatives = torch.stack([q_tot_of(values, weights, each) for each in instead], -1)
            baseline = (policy[:, agent].exp() * alternatives).sum(-1)
            should_be = q_tot_of(values, weights, joint) - baseline
            torch.testing.assert_close((weights * own)[:, agent], should_be, rtol=1e-3, atol=1e-5)


def test_in_bfloat16_it_is_about_the_same():
    made, (state, obs) = critic(), inputs()
    for rounded, exact in zip(made(state.bfloat16(), obs), made(state, obs), strict=True):
        assert rounded.dtype == torch.float32
        torch.testing.assert_close(rounded, exact, rtol=0.1, atol=0.03)
    torch.testing.assert_close(made(state.bfloat16(), obs)[1].sum(-1), torch.ones(ROWS))


def test_values_can_begin_at_zero_and_weights_do_not():
    made = critic()
    made.begin_at_zero()
    values, weights = made(*inputs())
    assert not values.any()
    assert (weights > 0).all()


@pytest.mark.parametrize("name", CRITICS)
@pytest.mark.parametrize("image_shape", [(), (7, 7, 3)])
def test_every_critic_of_the_table_has_the_sizes_of_its_settings(name, image_shape):
    networks = {"central_critic": name, "critic_hidden_dim": HIDDEN, "mixer_embed_dim": EMBED}
    kept = {key: networks[key] for key in ("central_critic", *CRITICS[name])}
    obs_dim = 147 if image_shape else OBS_DIM
    made = new_critic(obs_dim, ACTIONS, AGENTS, STATE_DIM, kept, image_shape=image_shape)
    assert made.values.net[0].out_features == made.values.net[2].in_features == HIDDEN
    assert (made.values.image is not None) == bool(image_shape)
    obs = functional.pad(torch.rand(ROWS, AGENTS, OBS_DIM), (0, obs_dim - OBS_DIM))
    more = [torch.zeros(ROWS, AGENTS, dtype=torch.int64)] * 2 if name == "coma" else []
    found = made(torch.rand(ROWS, STATE_DIM), obs, *more)
    values = found[0] if name == "dop" else found
    assert values.shape == ((ROWS, AGENTS) if name == "mappo" else (ROWS, AGENTS, ACTIONS))
