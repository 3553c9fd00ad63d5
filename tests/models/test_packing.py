import torch

from rllib_remix.models.packing import AgentPacking, step_packing


def test_lives_are_packed_step_by_step_longest_first():
    # Episode 0: agents live 1 and 3 steps; episode 1: 2 and 3.
    packing = AgentPacking(torch.tensor([[1, 3], [2, 3]]), steps=3)
    rows = list(zip(packing.episode.tolist(), packing.step.tolist(), packing.agent.tolist(), strict=True))
    assert rows == [
        (0, 0, 1), (1, 0, 1), (1, 0, 0), (0, 0, 0),
        (0, 1, 1), (1, 1, 1), (1, 1, 0),
        (0, 2, 1), (1, 2, 1),
    ]  # fmt: skip
    assert packing.batch_sizes == [4, 3, 2]


def test_steps_that_nobody_lives_have_no_batch_size():
    assert AgentPacking(torch.tensor([[2, 1]]), steps=5).batch_sizes == [2, 1]


def test_unpacking_restores_what_was_packed_and_holds_what_came_last():
    packing = AgentPacking(torch.tensor([[1, 3]]), steps=3)
    dense = torch.tensor([[[10.0, 20.0], [11.0, 21.0], [12.0, 22.0]]])  # [1, 3, 2]
    assert packing.unpack(packing.pack(dense)).tolist() == [[[10, 20], [10, 21], [10, 22]]]


def test_unpacking_at_the_steps_that_there_are_is_unpacking_and_then_packing():
    packing, steps = (
        AgentPacking(torch.tensor([[1, 4], [2, 1]]), steps=4),
        step_packing(torch.tensor([3, 1]), 4),
    )
    packed = torch.randn(len(packing.index), 5)
    assert torch.equal(packing.unpack_at(packed, steps), steps.pack(packing.unpack(packed)))


def test_gradients_of_what_is_held_reach_the_step_that_it_came_from():
    dense = torch.ones(1, 3, 2, requires_grad=True)
    packing = AgentPacking(torch.tensor([[1, 2]]), steps=3)
    (packing.unpack(packing.pack(dense)) * torch.tensor([[[1.0], [10.0], [100.0]]])).sum().backward()
    assert dense.grad is not None
    assert dense.grad.tolist() == [[[111, 1], [0, 110], [0, 0]]]


def test_steps_are_unpacked_with_0_where_there_are_none():
    packing = step_packing(torch.tensor([1, 2]), steps=3)
    dense = torch.arange(1.0, 7.0).view(2, 3)
    assert packing.unpack(packing.pack(dense)).tolist() == [[1, 2, 0], [4, 5, 6]]


def test_an_episodes_steps_include_the_one_after_its_last_action():
    packing = step_packing(torch.tensor([1, 3]), steps=4)
    assert packing.index.tolist() == [0, 1, 4, 5, 6, 7]
