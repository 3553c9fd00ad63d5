"""The unit in which critics compute: what it makes of values, and that it can be undone."""

import pytest
import torch

from rllib_remix.models.normalizer import LIMIT, moments
from rllib_remix.models.value_normalizer import ValueNormalizer


def of(*returns):
    made = ValueNormalizer()
    for batch in returns:
        made.update(torch.tensor(batch).unsqueeze(-1))
    return made


def test_values_are_deviations_from_the_mean_of_all_returns():
    # Mean (1 + 3 + 8) / 3 = 4, variance (9 + 1 + 16) / 3.
    made = of([1.0, 3.0], [8.0])
    deviation = (26 / 3) ** 0.5
    torch.testing.assert_close(made.normalized(torch.tensor([4.0, 10.0])), torch.tensor([0.0, 6 / deviation]))
    torch.testing.assert_close(
        made.values(torch.tensor([[0.0], [-1.0]])), torch.tensor([[4.0], [4 - deviation]])
    )


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e4])
def test_there_and_back_values_are_what_they_were_however_far_from_the_mean(scale):
    made = of([5 * scale, 6 * scale, 9 * scale])
    values = torch.tensor([0.0, 6.0, -700.0, 3e3]) * scale
    assert made.normalized(values).abs().max() > LIMIT
    torch.testing.assert_close(made.values(made.normalized(values)), values, rtol=1e-4, atol=1e-4 * scale)


def test_before_the_first_return_values_stay_as_they_are():
    values = torch.tensor([3.0, -400.0])
    assert torch.equal(ValueNormalizer().normalized(values), values)
    assert torch.equal(ValueNormalizer().values(values), values)


def test_returns_that_never_vary_are_a_mean_and_divide_nothing():
    made = of([7.0, 7.0, 7.0])
    assert made.normalized(torch.tensor([7.0, 8.0])).tolist() == [0.0, 1.0]
    assert made.values(torch.tensor([0.0, 2.0])).tolist() == [7.0, 9.0]


def test_moments_are_of_the_population_and_0_of_nothing():
    count, mean, variance = moments(torch.tensor([[1.0, 0.0], [3.0, 0.0]]))
    assert (count.tolist(), mean.tolist(), variance.tolist()) == ([2], [2, 0], [1, 0])
    count, mean, variance = moments(torch.zeros(0, 2))
    assert (count.tolist(), mean.tolist(), variance.tolist()) == ([0], [0, 0], [0, 0])
    assert variance.dtype == torch.float64
