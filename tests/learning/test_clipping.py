"""The clipped objective and the clipped value loss, by hand-worked numbers and their gradients."""

import math

import pytest
import torch

from rllib_remix.learning.clipping import (
    are_clipped,
    clipped_objective,
    clipped_value_errors,
    huber,
    kl_terms,
)


def slopes_of(function, at):
    """Values of a function of [N] numbers, and its slope at each."""
    at = torch.tensor(at, requires_grad=True)
    values = function(at)
    values.sum().backward()
    return values.tolist(), at.grad.tolist()


@pytest.mark.parametrize(
    ("ratio", "advantage", "value", "slope"),
    [
        (1.0, 3.0, 3.0, 3.0),
        (1.0, -3.0, -3.0, -3.0),
        (1.1, 2.0, 2.2, 2.2),
        # Likelier by more than 1.2 times, and good: nothing is to be won any more.
        (1.5, 2.0, 2.4, 0.0),
        # Likelier, but bad: it is to go back.
        (1.5, -2.0, -3.0, -3.0),
        # Less likely than 0.8 times, and bad: nothing is to be won any more.
        (0.5, -2.0, -1.6, 0.0),
        # Less likely, but good: it is to go back.
        (0.5, 2.0, 1.0, 1.0),
        (0.5, 0.0, 0.0, 0.0),
    ],
)
def test_clipping_stops_the_gradient_on_the_side_that_the_advantage_asks_for(ratio, advantage, value, slope):
    # dρ/d log ρ = ρ, so that the slope by log ρ is ρ·A or 0.
    found = slopes_of(lambda log: clipped_objective(log, torch.tensor([advantage]), 0.2), [math.log(ratio)])
    assert found == (pytest.approx([value]), pytest.approx([slope], abs=1e-6))


def test_ratios_outside_of_the_range_are_counted_on_both_sides():
    ratios = torch.tensor([1.0, 1.19, 1.21, 0.81, 0.79, 50.0])
    assert are_clipped(ratios.log(), 0.2).tolist() == [False, False, True, False, True, True]


def test_the_divergences_terms_have_its_expectation_and_are_never_negative():
    old, new = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([0.4, 0.25, 0.35])
    terms = kl_terms((new / old).log())
    assert (terms > 0).all()
    assert kl_terms(torch.zeros(1)).item() == 0
    # KL = Σ old·ln(old / new) = 0.2·ln 0.5 + 0.3·ln 1.2 + 0.5·ln (10/7) = 0.0944
    assert (old * terms).sum().item() == pytest.approx(0.0944, abs=1e-4)


def test_hubers_loss_is_half_the_square_and_goes_on_straight():
    # ½·2² = 2; at 3 it is δ·(5 - 1.5) = 10.5, as steep as at δ = 3.
    values, slopes = slopes_of(lambda errors: huber(errors, 3.0), [2.0, -2.0, 5.0, -5.0, 0.0])
    assert values == [2.0, 2.0, 10.5, 10.5, 0.0]
    assert slopes == [2.0, -2.0, 3.0, -3.0, 0.0]
    values, slopes = slopes_of(lambda errors: huber(errors, None), [2.0, -5.0])
    assert (values, slopes) == ([2.0, 12.5], [2.0, -5.0])


@pytest.mark.parametrize(
    ("value", "target", "loss", "slope"),
    [
        # Of V_old = 1, within ±0.5: as without a limit, ½·(3 - 1.2)² and -(3 - 1.2).
        (1.2, 3.0, 1.62, -1.8),
        # Nearer to the target by more than 0.5: of 1.5, ½·1.5², and no gradient.
        (2.0, 3.0, 1.125, 0.0),
        # Gone from it by more: the loss of V itself, ½·4², which brings it back.
        (-1.0, 3.0, 8.0, -4.0),
        # Beyond the target, which lies within: that of V itself, ½·(1.2 - 2)².
        (2.0, 1.2, 0.32, 0.8),
    ],
)
def test_a_value_that_came_nearer_by_more_than_the_limit_has_no_gradient(value, target, loss, slope):
    def loss_of(values, clip_range=0.5):
        others = torch.tensor([1.0]), torch.tensor([target])
        return clipped_value_errors(values, *others, clip_range=clip_range, huber_delta=None)

    assert slopes_of(loss_of, [value]) == (pytest.approx([loss]), pytest.approx([slope], abs=1e-6))
    free = slopes_of(lambda values: loss_of(values, None), [value])
    assert free == (pytest.approx([(target - value) ** 2 / 2]), pytest.approx([value - target]))
