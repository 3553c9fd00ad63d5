"""FOP's mixer: the formula, its limit without temperature, and its gradients."""

import pytest
import torch

from rllib_remix.learning.soft_values import soft_values
from rllib_remix.models.mixing.fop import FOPMixer
from rllib_remix.models.mixing.mixer import MixerInputs, MixerSizes
from rllib_remix.models.mixing.qplex import QPLEXMixer

ROWS, AGENTS, ACTIONS, STATE_DIM = 6, 3, 4, 5
NETWORKS = {"mixer_embed_dim": 7, "hypernet_hidden_dim": 8, "mixer_heads": 2, "importance_layers": 2}


def mixer():
    torch.manual_seed(0)
    return FOPMixer.of(MixerSizes(AGENTS, ACTIONS, STATE_DIM, None), NETWORKS)


def inputs(temperature=0.5):
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(ROWS, AGENTS, ACTIONS, generator=generator)
    actions = torch.randint(ACTIONS, (ROWS, AGENTS), generator=generator)
    return MixerInputs(
        chosen=values.gather(-1, actions.unsqueeze(-1)).squeeze(-1),
        state=torch.randn(ROWS, STATE_DIM, generator=generator),
        best=soft_values(values, torch.ones_like(values).bool(), temperature),
        actions=actions,
    )


def test_it_is_the_formula_agent_by_agent():
    made, given = mixer(), inputs()
    importance = made.importance(given.state, given.actions)
    expected = made.value(given.state).squeeze(-1)
    for agent in range(AGENTS):
        advantage = given.chosen[:, agent] - given.best[:, agent]
        expected = expected + given.chosen[:, agent] + (importance[:, agent] - 1) * advantage
    torch.testing.assert_close(made(given), expected, rtol=1e-4, atol=1e-5)
    assert made(given).dtype == torch.float32


def test_without_temperature_it_is_qplex_with_weights_1_and_offsets_that_add_up_to_the_states_value():
    made, given = mixer(), inputs(temperature=1e-4)
    as_qplex = QPLEXMixer(AGENTS, ACTIONS, STATE_DIM, heads=2, layers=2, hypernet_dim=7)
    as_qplex.importance = made.importance
    with torch.no_grad():
        as_qplex.weight[-1].weight.zero_()
        as_qplex.weight[-1].bias.fill_(1.0)
        as_qplex.offset[0].load_state_dict(made.value[0].state_dict())
        for of_agents, of_team in zip(
            as_qplex.offset[2].parameters(), made.value[2].parameters(), strict=True
        ):
            of_agents.copy_(of_team.expand_as(of_agents) / AGENTS)
    torch.testing.assert_close(made(given), as_qplex(given), rtol=1e-3, atol=1e-3)


def test_the_gradient_of_a_value_is_1_whatever_its_importance_and_soft_values_get_none():
    made, given = mixer(), inputs()
    chosen, best = given.chosen.requires_grad_(), given.best.requires_grad_()
    made(given._replace(chosen=chosen, best=best)).sum().backward()
    assert torch.equal(chosen.grad, torch.ones(ROWS, AGENTS))
    assert best.grad is None or not best.grad.any()
    assert all(weight.grad.any() for weight in made.parameters())


def test_an_agent_with_one_available_action_adds_its_value_alone():
    made, given = mixer(), inputs()
    left = torch.arange(AGENTS) == 1
    given = given._replace(best=torch.where(left, given.chosen, given.best))
    without = given._replace(
        chosen=given.chosen.masked_fill(left, 0.0), best=given.best.masked_fill(left, 0.0)
    )
    torch.testing.assert_close(made(given), made(without) + given.chosen[:, 1], rtol=1e-4, atol=1e-5)


def test_in_bfloat16_it_is_about_the_same_and_the_state_can_be_of_any_dtype():
    made, given = mixer(), inputs()
    rounded = made(given._replace(state=given.state.bfloat16()))
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, made(given), rtol=0.1, atol=0.1)
    assert torch.equal(made(given._replace(state=given.state.double())), made(given))


@pytest.mark.parametrize("temperature", [0.05, 5.0])
def test_the_states_value_can_begin_at_zero(temperature):
    made, given = mixer(), inputs(temperature)
    made.begin_at_zero()
    assert not made.value(given.state).any()
