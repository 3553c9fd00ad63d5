"""Running means and variances, and what becomes of the rows that they normalise."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.models import normalizer
from rllib_remix.models.normalizer import RunningNormalizer


def of(*batches, size=2):
    statistics = RunningNormalizer(size)
    for rows in batches:
        statistics.update(torch.tensor(rows).view(-1, size))
    return statistics


def test_two_batches_are_merged_by_their_counts():
    # Entry 0: 1, 3 with mean 2 and squares 1 + 1 = 2; then 8 alone.
    # Mean 2 + (8 - 2)·1/3 = 4; squares 2 + 0 + 6²·2·1/3 = 26, so the variance is 26/3.
    # Entry 1: 0, 0, 3. Mean 1, squares 1 + 1 + 4 = 6, variance 2.
    statistics = of([[1.0, 0.0], [3.0, 0.0]], [[8.0, 3.0]])
    assert statistics.count.tolist() == [3]
    assert statistics.mean.tolist() == [4, 1]
    torch.testing.assert_close(statistics.variance, torch.tensor([26 / 3, 2.0]))
    # (1 - 4) / √(26/3) = -1.019; (5 - 1) / √2 = 2.828
    seen = statistics(torch.tensor([[1.0, 5.0]]))
    torch.testing.assert_close(seen, torch.tensor([[-1.0190493, 2.8284271]]))


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any),
    st.floats(-1e3, 1e3),
    st.floats(1e-2, 1e3),
)
def test_batches_of_any_sizes_give_what_all_rows_together_have(sizes, about, spread):
    rows = (about + spread * np.random.default_rng(0).normal(size=(sum(sizes), 3))).astype(np.float32)
    statistics = of(*np.split(rows, np.cumsum(sizes)[:-1]), size=3)
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(statistics.mean, exact.mean(0), rtol=1e-5, atol=1e-5 * spread)
    np.testing.assert_allclose(statistics.variance, exact.var(0), rtol=1e-4, atol=1e-7 * about**2)


def test_a_large_batch_is_taken_in_parts(monkeypatch):
    rows = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    whole = of(rows.tolist())
    monkeypatch.setattr(normalizer, "_CHUNK_BYTES", 8 * 2 * 7)
    in_parts = of(rows.tolist())
    for name, values in whole.state_dict().items():
        torch.testing.assert_close(in_parts.state_dict()[name], values)


def test_before_the_first_update_numbers_stay_as_they_are_within_the_limits():
    seen = RunningNormalizer(4)(torch.tensor([0.0, -3.0, 9.0, 300.0]))
    torch.testing.assert_close(seen, torch.tensor([0.0, -3.0, 9.0, 10.0]))


def test_what_is_far_from_all_that_was_seen_is_cut_at_ten_deviations():
    statistics = of([[-1.0, 0.0], [1.0, 2.0]])
    assert statistics(torch.tensor([[1e6, -1e6]])).tolist() == [[10, -10]]


@pytest.mark.parametrize("constant", [0.0, 0.1, -1e6, 255])
def test_an_entry_that_never_varied_becomes_0_whatever_it_is_later(constant):
    rows = [[constant, float(row)] for row in range(1000)]
    seen = of(rows[:300], rows[300:])(torch.tensor([[constant, 0.0], [constant + 1, 0.0]]))
    assert seen[:, 0].tolist() == [0, 0]
    assert (seen[:, 1] != 0).all()


def test_numbers_too_large_to_be_squared_leave_finite_statistics():
    statistics = of([[3e38, 1.0], [-3e38, 2.0]])
    assert all(values.isfinite().all() for values in statistics.state_dict().values())
    assert statistics(torch.tensor([[3e38, 1.0]])).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.bool, torch.float64])
def test_rows_may_have_any_real_dtype(dtype):
    rows = torch.tensor([[0, 1], [1, 1], [1, 0]])
    one, other = of(rows.tolist()), RunningNormalizer(2)
    other.update(rows.to(dtype))
    assert torch.equal(one(rows.float()), other(rows.to(dtype)))


def test_no_rows_change_nothing():
    statistics = of([[1.0, 2.0], [3.0, 5.0]])
    before = {name: values.clone() for name, values in statistics.state_dict().items()}
    statistics.update(torch.zeros(0, 2))
    for name, values in statistics.state_dict().items():
        torch.testing.assert_close(values, before[name])


def test_several_learners_come_to_the_statistics_of_all_rows(monkeypatch):
    rows = torch.randn(9, 2, generator=torch.Generator().manual_seed(1))
    parts = [rows[:2], rows[2:]]
    shared = [normalizer._summed(part.double()) for part in parts]

    def all_gather(gathered, own):
        assert any(torch.equal(own, torch.cat(sums)) for sums in shared)
        for into, sums in zip(gathered, shared, strict=True):
            into.copy_(torch.cat(sums))

    monkeypatch.setattr(normalizer.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(normalizer.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(normalizer.distributed, "all_gather", all_gather)
    learners = [RunningNormalizer(2), RunningNormalizer(2)]
    for learner, part in zip(learners, parts, strict=True):
        learner.update(part)
    monkeypatch.undo()
    expected = of(rows.tolist()).state_dict()
    for name, values in learners[0].state_dict().items():
        assert torch.equal(values, learners[1].state_dict()[name])
        torch.testing.assert_close(values, expected[name])
