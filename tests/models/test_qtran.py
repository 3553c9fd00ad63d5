import pytest
import torch
from torch.nn import functional

from rllib_remix.models.qtran import QTRANJointQ, StateValue

AGENTS, ACTIONS, STATE_DIM, FEATURES = 3, 4, 5, 6


def joint_q(**settings) -> QTRANJointQ:
    torch.manual_seed(0)
    return QTRANJointQ(AGENTS, ACTIONS, STATE_DIM, features=FEATURES, **settings)


def inputs(rows: int = 7) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(rows, AGENTS, FEATURES, generator=generator),
        torch.randint(ACTIONS, (rows, AGENTS), generator=generator),
        torch.randn(rows, STATE_DIM, generator=generator),
    )


def value(network: QTRANJointQ, features, actions, state, dtype=torch.float32) -> torch.Tensor:
    return network(network.encode(features, dtype), actions, state.to(dtype))


def test_it_is_a_net_of_the_state_and_of_the_sum_of_what_all_agents_are_encoded_as():
    network, (features, actions, state) = joint_q(), inputs()
    both = torch.cat([features, functional.one_hot(actions, ACTIONS).float()], dim=-1)
    z = sum(network.encoder(both[:, agent]) for agent in range(AGENTS))
    expected = network.net(torch.cat([state, z], dim=-1)).squeeze(-1)
    torch.testing.assert_close(value(network, features, actions, state), expected)


def test_the_encoder_is_as_wide_as_its_input_and_two_hidden_layers_follow():
    network = joint_q(hidden_dim=8)
    width = FEATURES + ACTIONS
    assert [tuple(layer.weight.shape) for layer in network.encoder[::2]] == [(width, width)] * 2
    assert [tuple(layer.weight.shape) for layer in network.net[::2]] == [
        (8, STATE_DIM + width),
        (8, 8),
        (1, 8),
    ]
    assert joint_q().net[0].out_features == 64


def test_which_agent_has_which_features_matters_but_not_the_agents_order():
    network, (features, actions, state) = joint_q(), inputs()
    before = value(network, features, actions, state)
    together = value(network, features.flip(1), actions.flip(1), state)
    torch.testing.assert_close(together, before)
    apart = value(network, features.flip(1), actions, state)
    moved = (actions != actions.flip(1)).any(-1)
    assert (apart[moved] != before[moved]).all()


def test_a_gradient_reaches_the_features_and_every_weight():
    network, (features, actions, state) = joint_q(), inputs()
    features.requires_grad_()
    value(network, features, actions, state).sum().backward()
    assert features.grad.abs().sum() > 0
    assert all(weight.grad.abs().sum() > 0 for weight in network.parameters())


@pytest.mark.parametrize("network", [joint_q(), StateValue(STATE_DIM)], ids=["q_jt", "state_value"])
def test_values_can_begin_at_0_and_are_float32_in_bfloat16_too(network):
    features, actions, state = inputs()

    def values(dtype=torch.float32):
        if isinstance(network, StateValue):
            return network(state.to(dtype))
        return value(network, features, actions, state, dtype)

    exact, low = values(), values(torch.bfloat16)
    assert low.dtype == torch.float32
    assert (low - exact).abs().max() < 0.03 * exact.abs().max()
    network.begin_at_zero()
    assert values().abs().max() == 0


def test_the_state_value_has_two_hidden_layers():
    shapes = [tuple(layer.weight.shape) for layer in StateValue(STATE_DIM, hidden_dim=8).net[::2]]
    assert shapes == [(8, STATE_DIM), (8, 8), (1, 8)]
