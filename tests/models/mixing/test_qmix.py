import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.models.mixing.mixer import MixerInputs
from rllib_remix.models.mixing.qmix import QMIXMixer

AGENTS, STATE_DIM = 5, 7


def mixer(seed: int = 0, **settings) -> QMIXMixer:
    torch.manual_seed(seed)
    return QMIXMixer(AGENTS, STATE_DIM, **settings)


def inputs(seed: int = 0, *, scale: float = 1.0, shape=(3, 4)) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    utilities = torch.randn(*shape, AGENTS, generator=generator) * scale
    return utilities, torch.randn(*shape, STATE_DIM, generator=generator)


def autograd(network, utilities: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    utilities = utilities.clone().requires_grad_()
    return torch.autograd.grad(network(MixerInputs(utilities, state)).sum(), utilities)[0]


def fixed_mixer(b1: list[float]) -> QMIXMixer:
    """Two agents, two mixing units: |W1| = [[1, 2], [3, 4]], |w2| = [1, 2], b2 = 5, whatever the state."""
    network = QMIXMixer(2, 1, embed_dim=2, hypernet_dim=3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.w1[-1].bias.copy_(torch.tensor([1.0, -2.0, -3.0, 4.0]))
        network.w2[-1].bias.copy_(torch.tensor([-1.0, 2.0]))
        network.b1.bias.copy_(torch.tensor(b1))
        network.b2[-1].bias.fill_(5.0)
    return network


def test_the_mixed_value_worked_by_hand():
    # z = (½·1 + 1·3 + 0, ½·2 + 1·4 - 6) = (3.5, -1); ELU: 3.5 and e^-1 - 1. Q_tot = 3.5 + 2·(e^-1 - 1) + 5.
    q_tot = fixed_mixer([0.0, -6.0])(MixerInputs(torch.tensor([[0.5, 1.0]]), torch.zeros(1, 1)))
    assert q_tot.tolist() == pytest.approx([3.5 + 2 * (2.718281828**-1 - 1) + 5])


def test_the_gradient_worked_by_hand_has_the_slope_of_the_elu_inside_the_sum():
    # ELU' = (1, e^-1): f'_1 = 1·1·1 + e^-1·2·2, f'_2 = 1·3·1 + e^-1·4·2.
    slope = 2.718281828**-1
    gradient = fixed_mixer([0.0, -6.0]).with_gradient(
        MixerInputs(torch.tensor([[0.5, 1.0]]), torch.zeros(1, 1))
    )[1]
    assert gradient[0].tolist() == pytest.approx([1 + 4 * slope, 3 + 8 * slope])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_lemma_1_in_closed_form_equals_autograd_on_either_side_of_the_elu(sign):
    network = mixer()
    utilities, state = inputs()
    with torch.no_grad():
        network.b1.bias.fill_(sign * 20.0)
        z, *_ = network._hidden_layer(utilities, state)
    assert (torch.sign(z) == sign).all()
    torch.testing.assert_close(
        network.with_gradient(MixerInputs(utilities, state))[1],
        autograd(network, utilities, state),
        rtol=1e-5,
        atol=1e-5,
    )


@given(st.integers(0, 2**32), st.sampled_from([0.1, 1.0, 10.0, 1e4]))
def test_lemma_1_in_closed_form_equals_autograd(seed, scale):
    network = mixer(seed)
    utilities, state = inputs(seed, scale=scale)
    torch.testing.assert_close(
        network.with_gradient(MixerInputs(utilities, state))[1],
        autograd(network, utilities, state),
        rtol=1e-5,
        atol=1e-5,
    )


@given(st.integers(0, 2**32), st.sampled_from([0.1, 1.0, 10.0, 1e4]))
def test_the_mixed_value_is_monotonic_in_every_utility(seed, scale):
    network = mixer(seed)
    utilities, state = inputs(seed, scale=scale)
    gradient = network.with_gradient(MixerInputs(utilities, state))[1]
    assert gradient.isfinite().all()
    assert (gradient >= 0).all()
    raised = utilities + torch.rand(utilities.shape, generator=torch.Generator().manual_seed(seed)) * scale
    assert (
        network(MixerInputs(raised, state)) >= network(MixerInputs(utilities, state)) - 1e-4 * scale
    ).all()


def test_the_best_action_of_every_agent_is_the_best_joint_action():
    network = mixer()
    utilities = torch.randn(AGENTS, 3, generator=torch.Generator().manual_seed(0))
    joint_actions = torch.cartesian_prod(*[torch.arange(3)] * AGENTS)
    chosen = utilities[torch.arange(AGENTS), joint_actions]
    q_tot = network(MixerInputs(chosen, torch.ones(len(joint_actions), STATE_DIM)))
    assert joint_actions[q_tot.argmax()].tolist() == utilities.argmax(-1).tolist()


def test_the_mixing_depends_on_the_state():
    network = mixer()
    utilities, state = inputs()
    assert (network(MixerInputs(utilities, state)) != network(MixerInputs(utilities, state + 1))).all()


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_leading_dimensions_are_kept(shape):
    network = mixer()
    utilities, state = inputs(shape=shape)
    assert network(MixerInputs(utilities, state)).shape == shape
    assert network.with_gradient(MixerInputs(utilities, state))[1].shape == (*shape, AGENTS)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float64])
def test_states_may_have_any_real_dtype(dtype):
    network = mixer()
    utilities, _ = inputs()
    state = torch.randint(2, (3, 4, STATE_DIM)).to(dtype)
    torch.testing.assert_close(
        network(MixerInputs(utilities, state)), network(MixerInputs(utilities, state.float()))
    )
    torch.testing.assert_close(
        network.with_gradient(MixerInputs(utilities, state))[1],
        network.with_gradient(MixerInputs(utilities, state.float()))[1],
    )


def test_the_sizes_are_those_that_were_asked_for():
    network = mixer(embed_dim=8, hypernet_dim=16)
    assert [layer.out_features for layer in (network.w1[0], network.w1[2])] == [16, AGENTS * 8]
    assert [layer.out_features for layer in (network.w2[0], network.w2[2])] == [16, 8]
    assert network.b1.out_features == 8
    assert [layer.out_features for layer in (network.b2[0], network.b2[2])] == [8, 1]
