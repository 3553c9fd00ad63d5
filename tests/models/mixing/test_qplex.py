import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.models.mixing.mixer import MixerInputs
from rllib_remix.models.mixing.qplex import QPLEXMixer, duplex_dueling

AGENTS, ACTIONS, STATE_DIM = 3, 4, 5
MATRIX_GAME = torch.tensor([[8.0, -12.0, -12.0], [-12.0, 0.0, 0.0], [-12.0, 0.0, 0.0]])


def mixer(seed: int = 0, **settings) -> QPLEXMixer:
    torch.manual_seed(seed)
    return QPLEXMixer(AGENTS, ACTIONS, STATE_DIM, hypernet_dim=8, **settings)


def of_joint_actions(utilities: torch.Tensor, avail: torch.Tensor, state: torch.Tensor) -> MixerInputs:
    """Every joint action of available actions in one state, a row each."""
    allowed = [row.nonzero().flatten().tolist() for row in avail]
    actions = torch.tensor(list(itertools.product(*allowed)))
    return MixerInputs(
        chosen=utilities[torch.arange(len(utilities)), actions],
        state=state.expand(len(actions), -1),
        best=utilities.masked_fill(~avail, -torch.inf).amax(-1).expand(len(actions), -1),
        actions=actions,
    )


def test_the_joint_value_worked_by_hand():
    # Σ Q = 1 + 2 - 3 = 0; (λ - 1)(Q - M) = 1·(1 - 3), 0, -½·(-3 + 1): -2 + 0 + 1. That is Σ M = 3 + 2 - 1 = 4 and
    # Σ λ (Q - M) = -4 + 0 - 1 = -5.
    q_tot = duplex_dueling(
        torch.tensor([1.0, 2.0, -3.0]), torch.tensor([3.0, 2.0, -1.0]), torch.tensor([2.0, 9.0, 0.5])
    )
    assert q_tot.item() == pytest.approx(4 - 5)


@given(st.integers(0, 2**32), st.sampled_from([0.1, 1.0, 100.0]), st.sampled_from([1, 2, 3]))
def test_the_best_joint_action_is_that_of_all_agents_best_actions(seed, scale, layers):
    network, generator = mixer(seed, layers=layers), torch.Generator().manual_seed(seed)
    avail = torch.rand(AGENTS, ACTIONS, generator=generator) < 0.6
    avail[:, 1] |= ~avail.any(-1)
    utilities = torch.randn(AGENTS, ACTIONS, generator=generator) * scale
    state = torch.randn(STATE_DIM, generator=generator)
    inputs = of_joint_actions(utilities, avail, state)
    q_tot, greedy = network(inputs), utilities.masked_fill(~avail, -torch.inf).argmax(-1)
    (at_greedy,) = (inputs.actions == greedy).all(-1).nonzero().flatten().tolist()
    assert q_tot[at_greedy] == q_tot.max()
    # There it is Σ_a (w_a M^a + b_a), whatever the importances are.
    weight, offset = network.weight(state).abs(), network.offset(state)
    expected = (weight * utilities[torch.arange(AGENTS), greedy] + offset).sum()
    torch.testing.assert_close(q_tot[at_greedy], expected, rtol=1e-4, atol=1e-5)


def test_the_formula_can_be_any_table_with_one_best_joint_action():
    """Utilities 0 at the best and -1 elsewhere, and λ = (Q(u*) - Q(u)) / (agents off u*)."""
    best = MATRIX_GAME[0, 0]
    for row, column in itertools.product(range(3), range(3)):
        utilities = torch.tensor([0.0 if action == 0 else -1.0 for action in (row, column)])
        off = int((utilities < 0).sum())
        importance = (best - MATRIX_GAME[row, column]) / max(off, 1)
        q_tot = duplex_dueling(utilities + best / 2, torch.zeros(2) + best / 2, importance.expand(2))
        assert q_tot.item() == pytest.approx(MATRIX_GAME[row, column].item())


def test_the_gradient_of_a_utility_is_its_weight_and_that_of_the_importance_the_advantage():
    network, generator = mixer(), torch.Generator().manual_seed(0)
    chosen = torch.randn(6, AGENTS, generator=generator).requires_grad_()
    best = (chosen.detach() + torch.rand(6, AGENTS, generator=generator)).requires_grad_()
    state = torch.randn(6, STATE_DIM, generator=generator)
    actions = torch.randint(ACTIONS, (6, AGENTS), generator=generator)
    network(MixerInputs(chosen, state, best, actions)).sum().backward()
    torch.testing.assert_close(chosen.grad, network.weight(state).abs())
    assert best.grad is None or not best.grad.any()
    importance = torch.rand(AGENTS).requires_grad_()
    advantage = torch.tensor([-1.0, 0.0, -2.0])
    duplex_dueling(advantage, torch.zeros(AGENTS), importance).backward()
    assert torch.equal(importance.grad, advantage)


def test_an_agent_with_one_available_action_has_no_advantage():
    """As one that was removed: what it does, and how important it is, adds nothing to its value."""
    network = mixer()
    chosen, best = torch.tensor([[0.3, -2.0, 1.0]]), torch.tensor([[0.9, -2.0, 1.5]])
    state = torch.randn(1, STATE_DIM)
    importance = network.importance(state, torch.tensor([[1, 0, 2]]))
    values = [duplex_dueling(chosen, best, importance * torch.tensor([1.0, k, 1.0])) for k in (1.0, 5.0)]
    assert torch.equal(*values)
