"""A batch in parts, each in a thread: what comes out is what one call gives, and so are the gradients."""

import threading
import time

import pytest
import torch
from torch import nn

from rllib_remix.models.kernels.gru import group_step_kernels, step_kernels
from rllib_remix.models.threads import _shares, forward_in_threads

EPISODES = 5


class Network(nn.Module):
    """[B, 3] → outputs with and without gradients; one weight is not used."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.idle = nn.Linear(3, 2), nn.Linear(1, 1)

    def forward(self, batch):
        values = self.layer(batch["x"]).tanh()
        return {"best": values.argmax(-1), "values": values, "twice": 2 * values, "seen": values.detach()}


def in_threads(network, batch, threads, work=None, forward=None):
    weights = [each for each in network.parameters() if each.requires_grad]
    work = torch.ones(len(batch["x"])) if work is None else work
    return forward_in_threads(forward or network, batch, weights, work=work, threads=threads)


def a_batch():
    return {"x": torch.randn(EPISODES, 3, generator=torch.Generator().manual_seed(1))}


def gradients(network, outputs):
    """Of a loss that compares episodes with each other, so that no part has it to itself."""
    network.zero_grad()
    (outputs["values"].softmax(0).square().sum() + outputs["twice"].amax()).backward()
    return [weight.grad for weight in network.parameters()]


@pytest.mark.parametrize("threads", [1, 2, 3, EPISODES, EPISODES + 4])
def test_outputs_and_gradients_are_those_of_the_whole_batch(threads):
    network, batch = Network(), a_batch()
    whole, parts = network(batch), in_threads(network, batch, threads)
    assert list(parts) == list(whole)
    for name, values in whole.items():
        torch.testing.assert_close(parts[name], values)
        assert parts[name].requires_grad == values.requires_grad
    for own, expected in zip(gradients(network, parts), gradients(network, whole), strict=True):
        if expected is None:
            assert own is None
        else:
            torch.testing.assert_close(own, expected)


def test_what_the_loss_does_not_ask_for_has_no_gradient():
    network = Network()
    outputs = in_threads(network, a_batch(), 2)
    outputs["twice"].sum().backward()
    assert network.layer.weight.grad is not None
    assert network.idle.weight.grad is None


def test_weights_that_do_not_learn_get_nothing():
    network = Network()
    network.layer.weight.requires_grad_(False)
    in_threads(network, a_batch(), 2)["values"].sum().backward()
    assert network.layer.weight.grad is None
    assert network.layer.bias.grad is not None


def test_without_gradients_no_thread_keeps_any():
    network = Network()
    enabled = []

    def forward(batch):
        enabled.append(torch.is_grad_enabled())
        return network(batch)

    with torch.no_grad():
        outputs = in_threads(network, a_batch(), 2, forward=forward)
    assert enabled == [False, False]
    assert not any(values.requires_grad for values in outputs.values())


class Meeting(torch.autograd.Function):
    """Lets nobody through, forward or backward, until all threads are there."""

    @staticmethod
    def forward(ctx, values, barrier):
        ctx.barrier = barrier
        barrier.wait()
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        ctx.barrier.wait()
        return gradient, None


def test_the_parts_are_computed_at_the_same_time_in_both_directions():
    network, barrier = Network(), threading.Barrier(3, timeout=30)
    met = in_threads(
        network,
        a_batch(),
        3,
        forward=lambda batch: {"values": Meeting.apply(network(batch)["values"], barrier)},
    )
    met["values"].sum().backward()
    assert network.layer.weight.grad is not None


def test_every_thread_computes_its_products_by_itself():
    counts = {}

    def forward(batch):
        counts[threading.get_ident()] = torch.get_num_threads()
        time.sleep(0.05)  # so that the other thread takes the other part
        return {"x": batch["x"]}

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        in_threads(Network(), a_batch(), 2, forward=forward)
    finally:
        torch.set_num_threads(before)
    assert list(counts.values()) == [1, 1]


def test_the_compiled_steps_let_other_threads_compute():
    for kernels in (step_kernels(4), group_step_kernels(4)):
        assert all(kernel.targetoptions["nogil"] for kernel in kernels)


@pytest.mark.parametrize(
    ("work", "parts", "sizes"),
    [
        ([1, 1, 1, 1], 2, [2, 2]),
        ([1, 1, 1, 1, 1], 2, [2, 3]),  # 2.5 is as near to 2 as to 3
        ([9, 1, 1, 1], 2, [1, 3]),  # 6 is nearer to 9 than to 0
        ([1, 1, 1, 9], 2, [3, 1]),
        (
            [1, 1, 1, 9],
            3,
            [2, 1, 1],
        ),  # wanted: up to 4 and 8, which are nearest to 3 and 3, where there is 1 for the last
        ([0, 0, 0], 3, [1, 1, 1]),
        ([5], 1, [1]),
    ],
)
def test_the_parts_follow_each_other_and_cost_alike(work, parts, sizes):
    shares = _shares(work, parts)
    assert [share.stop - share.start for share in shares] == sizes
    assert [row for share in shares for row in range(share.start, share.stop)] == list(range(len(work)))


def test_the_work_says_where_the_batch_is_cut():
    seen = {}

    def forward(batch):
        seen[len(batch["x"])] = batch["x"]
        return {"x": batch["x"]}

    batch = a_batch()
    in_threads(Network(), batch, 2, work=torch.tensor([8, 1, 1, 1, 5]), forward=forward)
    assert torch.equal(seen[1], batch["x"][:1])
    assert torch.equal(seen[4], batch["x"][1:])


@pytest.mark.parametrize("wrong", ["first", "second"])
def test_an_error_in_any_thread_is_raised_when_all_are_done(wrong):
    ended = []

    def forward(batch):
        if (batch["x"][0] == whole["x"][0]).all() == (wrong == "first"):
            raise ArithmeticError("no")
        time.sleep(0.1)
        ended.append(1)
        return {"x": batch["x"]}

    whole = a_batch()
    with pytest.raises(ArithmeticError, match="no"):
        in_threads(Network(), whole, 2, forward=forward)
    assert ended == [1]


def test_an_output_without_the_episodes_first_is_named():
    message = r"^num_threads_per_learner: what `_forward_train` returns as 'mean' has the shape \(2,\) for 3 episodes"
    with pytest.raises(ValueError, match=message):
        in_threads(Network(), a_batch(), 2, forward=lambda batch: {"mean": torch.zeros(2)})


def test_a_second_backward_pass_is_refused():
    values = in_threads(Network(), a_batch(), 2)["values"].sum()
    values.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="Only one backward pass"):
        values.backward()
