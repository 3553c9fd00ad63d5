import pytest
import torch
from torch.nn import functional

from rllib_remix.models.joint_importance import HeadNets, JointImportance

AGENTS, ACTIONS, STATE_DIM, HEADS = 3, 4, 5, 2


def importance(layers: int) -> JointImportance:
    torch.manual_seed(0)
    return JointImportance(AGENTS, ACTIONS, STATE_DIM, heads=HEADS, layers=layers, hidden_dim=6)


def one_net(nets: HeadNets, head: int, inputs: torch.Tensor) -> torch.Tensor:
    """One of the nets on its own, layer after layer."""
    weights, biases = nets.first.weight.chunk(nets.heads)[head], nets.first.bias.chunk(nets.heads)[head]
    out = inputs @ weights.t() + biases
    for weight, bias in zip(nets.weights, nets.biases, strict=True):
        out = out.relu() @ weight[head] + bias[head]
    return out


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_it_is_the_formula_with_one_net_after_the_other(layers):
    net = importance(layers)
    state, actions = torch.randn(7, STATE_DIM), torch.randint(ACTIONS, (7, AGENTS))
    joint = torch.cat([state, functional.one_hot(actions, ACTIONS).flatten(1)], 1)
    expected = sum(
        (one_net(net.keys, k, state).abs() + 1e-10)
        * one_net(net.agents, k, state).sigmoid()
        * one_net(net.actions, k, joint).sigmoid()
        for k in range(HEADS)
    )
    torch.testing.assert_close(net(state, actions), expected)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_it_is_above_0_and_never_negative_whatever_the_state(layers, scale):
    net = importance(layers)
    assert (net(scale * torch.randn(50, STATE_DIM), torch.randint(ACTIONS, (50, AGENTS))) >= 0).all()
    assert net(torch.randn(50, STATE_DIM), torch.randint(ACTIONS, (50, AGENTS))).min() > 0


def test_with_one_layer_what_an_agent_does_adds_to_what_another_does():
    """Inside the sigmoid, so that one action cannot matter only beside another."""
    net = importance(1)
    state, pairs = torch.zeros(4, STATE_DIM), torch.tensor([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]])
    logits = net.actions(torch.cat([state, functional.one_hot(pairs, ACTIONS).flatten(1).float()], 1))
    torch.testing.assert_close(logits[:, 3] - logits[:, 1], logits[:, 2] - logits[:, 0])


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_gradients_reach_every_parameter(layers):
    net = importance(layers)
    net(torch.randn(7, STATE_DIM), torch.randint(ACTIONS, (7, AGENTS))).sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in net.parameters())


def test_bfloat16_is_close():
    net, state, actions = importance(2), torch.randn(7, STATE_DIM), torch.randint(ACTIONS, (7, AGENTS))
    low = net(state.bfloat16(), actions)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, net(state, actions), rtol=0.05, atol=0.02)
