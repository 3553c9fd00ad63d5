import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.learning.action_probability import (
    approximate_joint_action_probability,
    boltzmann_probabilities,
    joint_action_probability,
)

LN3 = math.log(3.0)
probabilities = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=64)


def probability(utilities, available, action, temperature=1.0) -> float:
    """π of one agent."""
    return boltzmann_probabilities(
        torch.tensor([[[utilities]]]),
        torch.tensor([[[available]]]),
        torch.tensor([[[action]]]),
        temperature=temperature,
    ).item()


def joint(*action_probs: float) -> float:
    return joint_action_probability(torch.tensor(action_probs)).item()


def definition(action_probs) -> float:
    """1 + Σ_i Π_{j≠i} π^j - n·Π_j π^j in float64, every product on its own."""
    probs = np.asarray(action_probs, dtype=np.float64)
    without = sum(np.prod(np.delete(probs, i)) for i in range(len(probs)))
    return 1.0 + without - len(probs) * np.prod(probs)


# π


def test_probabilities_are_proportional_to_the_exponentials_of_the_utilities():
    # e^0 : e^ln3 = 1 : 3
    assert probability([0.0, LN3], [True, True], 0) == pytest.approx(0.25)
    assert probability([0.0, LN3], [True, True], 1) == pytest.approx(0.75)


def test_unavailable_actions_get_no_probability():
    # 1 : 3 among the first two, whatever the third one's utility is.
    assert probability([0.0, LN3, 50.0], [True, True, False], 1) == pytest.approx(0.75)
    assert probability([0.0, LN3, 50.0], [True, True, False], 2) == 0.0


@pytest.mark.parametrize("utility", [0.0, 1e4, -1e4])
def test_a_single_available_action_has_probability_one(utility):
    assert probability([1e4, utility, 1e4], [False, True, False], 1) == 1.0


def test_temperature_divides_the_utilities():
    # At temperature ½ the ratio is e^(2·ln3) = 9, at 2 it is √3.
    assert probability([0.0, LN3], [True, True], 1, temperature=0.5) == pytest.approx(0.9)
    assert probability([0.0, LN3], [True, True], 1, temperature=2.0) == pytest.approx(3**0.5 / (1 + 3**0.5))
    assert probability([0.0, LN3], [True, True], 1, temperature=1e-3) == pytest.approx(1.0)


@pytest.mark.parametrize("shift", [-1e4, 1e4])
def test_a_shift_of_all_utilities_changes_nothing(shift):
    assert probability([shift, shift], [True, True], 0) == 0.5


@given(st.integers(0, 2**32), st.sampled_from([1.0, 100.0, 1e4]), st.sampled_from([0.1, 1.0, 10.0]))
def test_probabilities_of_all_actions_sum_to_one_and_are_finite(seed, scale, temperature):
    generator = torch.Generator().manual_seed(seed)
    utilities = (torch.rand(2, 3, 4, 5, generator=generator) * 2 - 1) * scale
    available = torch.rand(2, 3, 4, 5, generator=generator) < 0.5
    available[..., 1] |= ~available.any(-1)
    total = 0.0
    for action in range(5):
        actions = torch.full((2, 3, 4), action)
        probs = boltzmann_probabilities(utilities, available, actions, temperature=temperature)
        assert probs.shape == (2, 3, 4)
        assert ((probs >= 0) & (probs <= 1)).all()
        assert (probs[~available[..., action]] == 0).all()
        total = total + probs
    torch.testing.assert_close(total, torch.ones(2, 3, 4))


def test_padding_without_any_available_action_stays_finite():
    assert math.isfinite(probability([1e4, -1e4], [False, False], 0))


# J


@pytest.mark.parametrize("n", [1, 2, 3, 8, 64])
def test_theorem_2_the_maximum_is_two_with_one_probability_zero_and_all_others_one(n):
    for position in {0, n // 2, n - 1}:
        probs = [1.0] * n
        probs[position] = 0.0
        assert joint(*probs) == 2.0


@pytest.mark.parametrize("n", [2, 3, 8, 64])
def test_theorem_2_nothing_else_reaches_the_maximum(n):
    assert joint(*[1.0] * n) == 1.0
    assert joint(0.01, *[1.0] * (n - 1)) == pytest.approx(1.99)  # 1 + 1 + (n - 1)/100 - n/100
    assert joint(0.0, 0.99, *[1.0] * (n - 2)) == pytest.approx(1.99)  # 1 + 0.99


@pytest.mark.parametrize("n", [1, 2, 3, 8, 64])
def test_it_is_one_when_all_probabilities_are_one(n):
    assert joint(*[1.0] * n) == 1.0


@pytest.mark.parametrize("zeros", [2, 3, 8])
def test_it_is_one_when_two_or_more_probabilities_are_zero(zeros):
    assert joint(*[0.0] * zeros) == 1.0
    assert joint(0.0, 1.0, *[0.0] * (zeros - 1), 0.5, 1.0) == 1.0


def test_worked_examples():
    # 1 + (½ + ½) - 2·¼ = 1.5
    assert joint(0.5, 0.5) == 1.5
    # 1 + (½·½ + ¼·½ + ¼·½) - 3·1/16 = 1.3125
    assert joint(0.25, 0.5, 0.5) == 1.3125
    # n = 1: 1 + 1 - π
    assert joint(0.25) == 1.75


@given(probabilities)
def test_it_lies_between_one_and_two(probs):
    # No product gets smaller when a factor is left out, so that it is never below 1.
    assert 1 <= joint(*probs) <= 2 + 1e-5


@given(probabilities)
def test_it_equals_the_definition_in_double_precision(probs):
    assert joint(*probs) == pytest.approx(definition(probs), abs=1e-5)


@pytest.mark.parametrize("n", [1, 2, 10, 100, 300, 1000])
def test_a_thousand_agents_are_no_trouble(n):
    generator = np.random.default_rng(n)
    # From probabilities whose product underflows even float64, to such that are all but certain.
    for sharpness in (1e-4, 1e-2, 1.0, 100.0):
        probs = 1.0 - sharpness * generator.random(n)
        probs[probs < 0] = 1e-12
        exact = definition(probs)
        assert joint_action_probability(torch.from_numpy(probs)).item() == pytest.approx(exact, abs=1e-12)
        # What rounding each probability to float32 may move: n times half a unit in the last place.
        single = joint_action_probability(torch.from_numpy(probs).float()).item()
        assert single == pytest.approx(exact, abs=n * 1.2e-7)
        assert 1.0 <= single <= 2.0 + 1e-6


@given(probabilities)
def test_the_added_part_is_the_probability_that_exactly_one_agent_deviates(probs):
    # Σ_i (1 - π^i)·Π_{j≠i} π^j; by counting, through the generating function Π_j (π^j + (1 - π^j)·x).
    counts = np.ones(1)
    for prob in probs:
        counts = np.convolve(counts, [prob, 1.0 - prob])
    assert joint(*probs) == pytest.approx(1.0 + counts[1], abs=1e-5)


@given(probabilities, st.randoms(use_true_random=False))
def test_the_order_of_the_agents_does_not_matter(probs, random):
    shuffled = random.sample(probs, len(probs))
    assert joint(*shuffled) == pytest.approx(joint(*probs), abs=1e-5)


def test_probabilities_so_small_that_their_product_underflows_are_no_trouble():
    assert joint(*[1e-30] * 10) == 1.0
    assert joint(1e-45, *[1.0] * 9) == 2.0


def test_every_env_step_has_its_own():
    probs = torch.tensor([[[1.0, 1.0], [0.0, 1.0]], [[0.0, 0.0], [0.5, 0.5]]])
    assert joint_action_probability(probs).tolist() == [[1.0, 2.0], [1.0, 1.5]]


# The case studies of MAC-PO, section 4.3: three agents with three actions each, joint values of 0 but for one or two
# large ones, and every agent's utility of an action is the mean joint value over the actions of the others.


def case_study(*large: tuple[int, int, int], term=joint_action_probability):
    """J (or another term) of every joint action, [3, 3, 3]; joint actions in `large` have the value 360."""
    joint_values = torch.zeros(3, 3, 3)
    for joint_action in large:
        joint_values[joint_action] = 360.0
    utilities = torch.stack([
        joint_values.mean((1, 2)), joint_values.mean((0, 2)), joint_values.mean((0, 1))
    ])  # fmt: skip
    all_actions = torch.cartesian_prod(*[torch.arange(3)] * 3).unsqueeze(0)  # [1, 27, 3]
    probs = boltzmann_probabilities(
        utilities.expand(1, 27, 3, 3), torch.ones(1, 27, 3, 3, dtype=torch.bool), all_actions, temperature=1.0
    )
    return term(probs).reshape(3, 3, 3)


def test_case_1_one_large_value_gives_high_weight_to_its_neighbours_alone():
    weights = case_study((0, 0, 0))
    for joint_action in np.ndindex(3, 3, 3):
        differences = np.count_nonzero(joint_action)
        expected = 2.0 if differences == 1 else 1.0  # the large value itself is among the low ones
        assert weights[joint_action].item() == pytest.approx(expected, abs=1e-3)


def test_case_2_two_large_values_that_differ_in_one_agent_give_high_medium_and_low_weights():
    # (0,0,0) and (1,0,0): the first agent has ½ on each of its two actions, the others are sure.
    weights = case_study((0, 0, 0), (1, 0, 0))
    high = [(2, 0, 0)]  # only the first agent differs: 1 + 1
    large = [
        (0, 0, 0),
        (1, 0, 0),
    ]  # 1 + (1 + ½ + ½) - 3·½; the paper calls them low, its equation 7 says medium
    medium = [(0, 1, 0), (0, 0, 1), (1, 2, 0), (1, 0, 2)]  # only another agent differs: 1 + ½
    low = [(2, 1, 0), (2, 0, 1), (0, 1, 1), (1, 2, 2), (2, 2, 2)]  # two or more improbable actions: 1
    for joint_actions, expected in ((high, 2.0), (large, 1.5), (medium, 1.5), (low, 1.0)):
        for joint_action in joint_actions:
            assert weights[joint_action].item() == pytest.approx(expected, abs=1e-3)


def test_case_3_two_large_values_that_differ_in_two_agents_share_the_medium_weight():
    # (0,0,0) and (1,1,0): the first two agents have ½ on each of two actions, the third is sure.
    weights = case_study((0, 0, 0), (1, 1, 0))
    for joint_action in np.ndindex(3, 3, 3):
        first, second, third = joint_action
        if third == 0 and (first, second) != (2, 2):
            # Both large values, what lies between them, and one other action of agent 1 or 2:
            # 1 + (½ + ½ + ¼) - 3·¼ or 1 + ½.
            assert weights[joint_action].item() == pytest.approx(1.5, abs=1e-3)
        else:
            assert weights[joint_action].item() <= 1.25 + 1e-3  # at most 1 + ½·½


# The three levels in its place


def level(*action_probs: float, threshold: float = 0.1) -> float:
    levels = approximate_joint_action_probability(
        torch.tensor(action_probs), threshold=threshold, high=3.0, medium=2.0, low=1.0
    )
    return levels.item()


def test_high_is_one_unlikely_action_among_certain_ones():
    assert level(0.05, 0.95, 1.0) == level(1.0, 0.1, 0.9) == level(0.0) == 3.0
    assert level(0.05, 0.85, 1.0) == 2.0  # 0.85 is not certain
    assert level(0.05, 0.85, 1.0, threshold=0.2) == 3.0


def test_low_is_two_unlikely_actions_or_none_that_is_not_certain():
    assert level(0.05, 0.05, 1.0) == level(0.0, 0.0) == level(0.1, 0.1, 0.5) == 1.0
    assert level(0.95, 0.9, 1.0) == level(1.0) == 1.0


def test_medium_is_everything_else():
    assert level(0.5, 0.5) == level(0.5, 1.0) == level(0.05, 0.5) == level(0.5) == 2.0


def test_the_levels_follow_j_in_the_case_studies():
    def levels(probs):
        return approximate_joint_action_probability(probs, threshold=0.1, high=2.0, medium=1.5, low=1.0)

    for large in ([(0, 0, 0)], [(0, 0, 0), (1, 0, 0)], [(0, 0, 0), (1, 1, 0)]):
        exact, approximate = case_study(*large), case_study(*large, term=levels)
        for joint_action in np.ndindex(3, 3, 3):
            # 1.25 = 1 + ½·½ lies between the levels: one action is unlikely, the others are not certain, so medium.
            expected = 1.5 if abs(exact[joint_action] - 1.25) < 1e-3 else exact[joint_action].item()
            assert approximate[joint_action].item() == pytest.approx(expected, abs=1e-3)


@given(probabilities)
def test_the_extreme_levels_are_where_j_is_extreme(probs):
    if level(*probs, threshold=1e-3) == 3.0:
        assert joint(*probs) >= 2 - 2e-3 * len(probs)
    if level(*probs, threshold=1e-3) == 1.0:
        assert joint(*probs) <= 1 + 2e-3 * len(probs)
