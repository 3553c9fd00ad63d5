import pytest
import torch

from rllib_remix.models.joint_q import UnrestrictedJointQ

AGENTS, STATE_DIM = 3, 4


def joint_q(**settings) -> UnrestrictedJointQ:
    torch.manual_seed(0)
    return UnrestrictedJointQ(AGENTS, STATE_DIM, **settings)


@pytest.mark.parametrize("shape", [(), (5,), (2, 5)])
def test_leading_dimensions_are_kept(shape):
    value = joint_q()(torch.randn(*shape, AGENTS), torch.randn(*shape, STATE_DIM))
    assert value.shape == shape
    assert value.dtype == torch.float32


def test_it_is_the_sum_of_a_net_on_state_and_chosen_values_and_of_a_state_value():
    network = joint_q()
    values, state = torch.randn(5, AGENTS), torch.randn(5, STATE_DIM)
    expected = network.net(torch.cat([state, values], dim=-1)) + network.value(state)
    torch.testing.assert_close(network(values, state), expected.squeeze(-1))


def test_it_has_three_hidden_layers_and_one_in_the_state_value():
    network = joint_q(hidden_dim=8)
    sizes = [(layer.in_features, layer.out_features) for layer in network.net[::2]]
    assert sizes == [(STATE_DIM + AGENTS, 8), (8, 8), (8, 8), (8, 1)]
    assert [(layer.in_features, layer.out_features) for layer in network.value[::2]] == [
        (STATE_DIM, 8),
        (8, 1),
    ]
    assert joint_q().net[0].out_features == 256


def test_it_is_not_bound_to_be_monotonic():
    values = torch.randn(200, AGENTS).requires_grad_()
    gradient = torch.autograd.grad(joint_q()(values, torch.randn(200, STATE_DIM)).sum(), values)[0]
    assert (gradient > 0).any()
    assert (gradient < 0).any()


def test_it_can_represent_a_payoff_that_no_monotonic_mixer_can():
    # Exclusive or: one of two agents alone is worth 1, both or none nothing.
    torch.manual_seed(0)
    network = UnrestrictedJointQ(2, 1, hidden_dim=32)
    values = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    payoff, state = torch.tensor([0.0, 1.0, 1.0, 0.0]), torch.ones(4, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        (network(values, state) - payoff).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(network(values, state), payoff, atol=0.05, rtol=0)


def test_states_may_have_any_real_dtype():
    network, values = joint_q(), torch.randn(5, AGENTS)
    state = torch.randint(2, (5, STATE_DIM))
    torch.testing.assert_close(network(values, state.to(torch.uint8)), network(values, state.float()))
