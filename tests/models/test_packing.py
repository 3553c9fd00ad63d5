import torch

from rllib_remix.models.packing import AgentPacking, agent_lives, step_packing


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


def test_unpacking_restores_what_was_packed_and_is_0_elsewhere():
    lives = torch.tensor([[1, 3], [2, 3]])
    dense = torch.arange(1.0, 25.0).view(2, 3, 2, 2)
    packing = AgentPacking(lives, steps=3)
    lived = torch.arange(3)[:, None] < lives[:, None]
    restored = packing.unpack(packing.pack(dense))
    assert torch.equal(restored, dense * lived.unsqueeze(-1))


def test_gradients_pass_through_packing():
    dense = torch.ones(1, 3, 2, requires_grad=True)
    packing = AgentPacking(torch.tensor([[1, 2]]), steps=3)
    packing.unpack(packing.pack(dense) * 2).sum().backward()
    assert dense.grad is not None
    assert dense.grad.tolist() == [[[2, 2], [0, 2], [0, 0]]]


def test_an_episodes_steps_include_the_one_after_its_last_action():
    packing = step_packing(torch.tensor([1, 3]), steps=4)
    assert packing.index.tolist() == [0, 1, 4, 5, 6, 7]


def choices(*counts: list[int]) -> torch.Tensor:
    """[1, T+1, n, 3] bool with so many available actions, from a list per step."""
    return torch.arange(3) < torch.tensor(counts)[None, :, :, None]


def test_a_removed_agents_life_ends_with_its_last_choice():
    avail = choices([3, 2, 1], [1, 2, 1], [2, 1, 1], [1, 1, 1])
    lengths = torch.tensor([3])
    assert agent_lives(avail, lengths, skip_removed=True).tolist() == [[3, 2, 1]]
    assert agent_lives(avail, lengths, skip_removed=False).tolist() == [[4, 4, 4]]


def test_padding_is_no_life_whatever_it_holds():
    avail = choices([2, 2], [2, 1], [3, 3], [3, 3])
    lengths = torch.tensor([1])
    assert agent_lives(avail, lengths, skip_removed=True).tolist() == [[2, 1]]
    assert agent_lives(avail, lengths, skip_removed=False).tolist() == [[2, 2]]
