import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rllib_remix.models.packed_gru import gru_outputs, library_gru_outputs

INPUTS, HIDDEN, OUTPUTS = 5, 16, 3
RAGGED = [6, 6, 4, 4, 1]


def networks(seed: int = 0, hidden: int = HIDDEN) -> tuple[nn.GRU, nn.Linear]:
    torch.manual_seed(seed)
    return nn.GRU(INPUTS, hidden), nn.Linear(hidden, OUTPUTS)


def with_gradients(function, gru, head, inputs, batch_sizes, initial=None) -> list[torch.Tensor]:
    """Outputs, and the gradients of Σ i·output_i for the inputs and all parameters."""
    inputs = inputs.clone().requires_grad_()
    outputs = function(gru, head, inputs, batch_sizes, initial)
    upstream = torch.arange(outputs.numel(), dtype=torch.float32).view_as(outputs) / outputs.numel()
    parameters = [*gru.parameters(), *head.parameters()]
    return [outputs.detach(), *torch.autograd.grad(outputs, [inputs, *parameters], upstream)]


@pytest.mark.parametrize("hidden", [1, 16, 40, 64])
@pytest.mark.parametrize("batch_sizes", [[1], [3], [2, 2, 2], RAGGED], ids=str)
def test_outputs_and_all_gradients_are_those_of_pytorch(batch_sizes, hidden):
    gru, head = networks(hidden=hidden)
    inputs = torch.randn(sum(batch_sizes), INPUTS)
    ours = with_gradients(gru_outputs, gru, head, inputs, batch_sizes)
    theirs = with_gradients(library_gru_outputs, gru, head, inputs, batch_sizes)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_sizes", [[3], RAGGED], ids=str)
def test_sequences_go_on_from_given_states(batch_sizes):
    gru, head = networks()
    inputs, initial = torch.randn(sum(batch_sizes), INPUTS), torch.randn(batch_sizes[0], HIDDEN)
    ours = with_gradients(gru_outputs, gru, head, inputs, batch_sizes, initial)
    theirs = with_gradients(library_gru_outputs, gru, head, inputs, batch_sizes, initial)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-5, atol=1e-6)
    with torch.no_grad():  # where only two slots are kept
        torch.testing.assert_close(gru_outputs(gru, head, inputs, batch_sizes, initial), ours[0])


@settings(max_examples=30, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    scale=st.sampled_from([1e-4, 1.0, 30.0, 1e4]),
    seed=st.integers(0, 1000),
)
def test_any_lengths_and_scales(sizes, scale, seed):
    batch_sizes = sorted(sizes, reverse=True)
    gru, head = networks(seed)
    inputs = torch.randn(sum(batch_sizes), INPUTS) * scale
    ours = with_gradients(gru_outputs, gru, head, inputs, batch_sizes)
    theirs = with_gradients(library_gru_outputs, gru, head, inputs, batch_sizes)
    for our, their in zip(ours, theirs, strict=True):
        torch.testing.assert_close(our, their, rtol=1e-4, atol=1e-5 * max(1.0, float(their.abs().max())))


def test_one_step_worked_by_hand():
    # All weights 1, biases 0, x = 1, h = 0: r = z = σ(1), n = tanh(1), h' = (1 - z)·n; output = h'.
    gru, head = nn.GRU(1, 1), nn.Linear(1, 1)
    with torch.no_grad():
        for parameter in (*gru.parameters(), *head.parameters()):
            parameter.fill_(1.0 if parameter.ndim == 2 else 0.0)
    output = gru_outputs(gru, head, torch.ones(1, 1), [1])
    assert output.item() == pytest.approx((1 - 0.7310585786) * 0.7615941560, abs=1e-6)


def test_without_gradients_outputs_are_the_same_to_the_bit():
    gru, head = networks()
    inputs = torch.randn(sum(RAGGED), INPUTS)
    kept = gru_outputs(gru, head, inputs, RAGGED)
    with torch.no_grad():
        assert torch.equal(gru_outputs(gru, head, inputs, RAGGED), kept)
    for network in (gru, head):
        network.requires_grad_(False)
    assert torch.equal(gru_outputs(gru, head, inputs, RAGGED), kept)


def test_bfloat16_is_close_to_float32_and_keeps_states_and_outputs_in_float32():
    gru, head = networks()
    inputs = (
        torch.randn(sum(RAGGED), INPUTS).bfloat16().float()
    )  # So that the inputs themselves lose nothing.
    exact = with_gradients(gru_outputs, gru, head, inputs, RAGGED)
    low = with_gradients(gru_outputs, gru, head, inputs.bfloat16(), RAGGED)
    assert low[0].dtype == torch.float32
    for our, their in zip(low, exact, strict=True):
        assert float((our.float() - their).abs().max()) < 0.01 * float(their.abs().max())


def test_pytorchs_gru_takes_bfloat16_too():
    gru, head = networks()
    inputs = torch.randn(sum(RAGGED), INPUTS)
    low = library_gru_outputs(gru, head, inputs.bfloat16(), RAGGED)
    assert low.dtype == torch.float32
    torch.testing.assert_close(low, library_gru_outputs(gru, head, inputs, RAGGED), rtol=0.05, atol=0.02)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_not_a_number_stays_so(dtype):
    gru, head = networks()
    inputs = torch.randn(4, INPUTS, dtype=dtype)
    inputs[0] = float("nan")
    assert gru_outputs(gru, head, inputs, [2, 2]).isnan().any(-1).tolist() == [True, False, True, False]


def test_a_second_backward_pass_fails_instead_of_giving_wrong_gradients():
    gru, head = networks()
    outputs = gru_outputs(gru, head, torch.randn(2, INPUTS), [2]).sum()
    outputs.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="Only one backward pass"):
        outputs.backward()
