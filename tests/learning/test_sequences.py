import numpy as np
import pytest
import torch

from rllib_remix.learning.sequences import Sequences, cut_out
from rllib_remix.learning.targets import at_the_ends

LENGTHS = torch.tensor([7, 3, 4])


def a_batch():
    """Three episodes of two agents; observations and rewards say episode and step, 100·e + t, and actions the step."""
    steps = torch.arange(8)
    at = 100.0 * torch.arange(3).unsqueeze(-1) + steps
    there = steps <= LENGTHS.unsqueeze(-1)
    taken = (steps < LENGTHS.unsqueeze(-1))[:, :-1]
    return {
        "obs": (at * there)[..., None, None].expand(3, 8, 2, 1).clone(),
        "state": (at * there).unsqueeze(-1),
        "avail_actions": there[..., None, None].expand(3, 8, 2, 9).clone(),
        "actions": (steps[:-1] * taken).unsqueeze(-1).expand(3, 7, 2).to(torch.int16),
        "rewards": at[:, :-1] * taken,
        "lengths": LENGTHS,
        "lives": torch.tensor([[8, 3], [4, 4], [5, 1]]),
        "terminated": torch.tensor([True, False, True]),
        "numbers": torch.tensor([5, 6, 7]),
    }


def test_pieces_worked_by_hand():
    batch = a_batch()
    cut = cut_out(batch, torch.tensor([3, 0, 3]), 3, burn_in=2)
    assert cut["lengths"].tolist() == [3, 3, 1]
    assert cut["obs"][:, :, 0, 0].tolist() == [[3, 4, 5, 6], [100, 101, 102, 103], [203, 204, 0, 0]]
    assert cut["state"][0, :, 0].tolist() == [3, 4, 5, 6]
    assert cut["rewards"].tolist() == [[3, 4, 5], [100, 101, 102], [203, 0, 0]]
    assert cut["actions"][:, :, 0].tolist() == [[3, 4, 5], [0, 1, 2], [3, 0, 0]]
    assert cut["avail_actions"][2, :, 0, 0].tolist() == [True, True, False, False]
    # The second agent of the first episode had left after its step 2: it is computed once.
    assert cut["lives"].tolist() == [[4, 1], [4, 4], [2, 1]]
    assert cut["ended"].tolist() == [False, True, True]
    assert cut["terminated"].tolist() == [False, False, True]
    assert cut["numbers"].tolist() == [5, 6, 7]
    assert cut["begun_steps"].tolist() == [3, 0, 3]
    assert cut["begun_agents"].tolist() == [[3, 2], [0, 0], [3, 0]]
    assert cut["begun_actions"].tolist() == [[2, 1], [-1, -1], [2, -1]]
    assert cut["before_lengths"].tolist() == [2, 0, 2]
    assert cut["before_lives"].tolist() == [[2, 1], [0, 0], [2, 0]]
    assert cut["before_obs"][:, :, 0, 0].tolist() == [[1, 2], [0, 0], [201, 202]]
    assert cut["before_actions"][:, :, 0].tolist() == [[1], [0], [1]]
    assert cut["before_begun_actions"].tolist() == [[0, 0], [-1, -1], [0, 0]]
    assert {name: cut[name].dtype for name in batch} == {name: batch[name].dtype for name in batch}


def test_all_that_was_before_or_nothing():
    first = torch.tensor([6, 0, 3])
    assert cut_out(a_batch(), first, 3, burn_in=None)["before_lengths"].tolist() == [6, 0, 3]
    assert "before_obs" not in cut_out(a_batch(), first, 3, burn_in=0)
    assert "before_obs" not in cut_out(a_batch(), torch.zeros(3, dtype=torch.int64), 3, burn_in=None)


def test_every_step_of_an_episode_is_as_likely():
    sequences, counts = Sequences(3, 0, seed=0), torch.zeros(3, 7)
    for _ in range(3000):
        cut = sequences.cut(a_batch())
        for row, (first, length) in enumerate(zip(cut["begun_steps"], cut["lengths"], strict=True)):
            counts[row, first : first + length] += 1
    share = counts / 3000
    expected = torch.tensor([[1 / 3] * 7, [1.0] * 3 + [0.0] * 4, [1 / 2] * 4 + [0.0] * 3])
    torch.testing.assert_close(share, expected, atol=0.04, rtol=0)


def test_without_a_length_episodes_stay_whole():
    batch = a_batch()
    assert Sequences(None, None, seed=0).cut(batch) is batch


@pytest.mark.parametrize("seed", [3, None])
def test_what_is_drawn_goes_on_after_a_resume(seed):
    one, other = Sequences(3, 0, seed=seed), Sequences(3, 0, seed=8)
    one.cut(a_batch())
    other.set_state(one.get_state())
    for _ in range(5):
        assert np.array_equal(one.cut(a_batch())["begun_steps"], other.cut(a_batch())["begun_steps"])


def test_nothing_ends_where_a_piece_ends_within_its_episode():
    values = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    lengths, terminated = torch.tensor([2, 2]), torch.tensor([False, False])
    ends = {"truncated_value": "previous", "time_limit": "termination"}
    seen, ended = at_the_ends(values, lengths, terminated, **ends, ended=torch.tensor([True, False]))
    assert seen.tolist() == [[1, 2, 2], [1, 2, 3]]
    assert ended.tolist() == [True, False]
