import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.errors import SettingError
from rllib_remix.learning.weight_ranges import NORMALIZATIONS, RANGE_MAPS
from rllib_remix.learning.weight_terms import (
    mixer_gradient_term,
    spread_backwards,
    value_enhancement,
    value_underestimation,
)
from rllib_remix.learning.weighting import SCHEMES, WeightingInputs, Weights
from rllib_remix.learning.weighting_settings import check_weighting_config

LN2, LN3 = math.log(2.0), math.log(3.0)
NAN, INF = float("nan"), float("inf")

# One episode of five real steps and one of padding; two agents with two actions each. In every step agent 1 is
# indifferent between its actions (π = ½) and agent 2 took the likelier of two that are 1 : 3 (π = ¾), except in
# the last one, where each has a single available action (π = 1).
#
# step            0      1      2      3      4    padding
# Q_tot           1      2      3      1      2
# y               1.5    4      3      0      5
# y - Q_tot       ½      2      0     -1      3
# Q* - Q_tot      ln2    0      ln2   -ln2    0
# f' of agent 1   ½      ½      ½      ½      1
# f' of agent 2   ¼      1      ¼      ¼      1
#
# G = (1 - ½)/f'_1 + (1 - ¾)/f'_2 - 1:  1, ¼, 1, 1; and -1 where both π are 1.
# J = 1 + (¾ + ½) - 2·⅜ = 1.5;                     and 1 where both are 1.
MASK = [True] * 5 + [False]


def worked_batch(**changes) -> WeightingInputs:
    available = torch.tensor([[True, True]] * 2).expand(1, 6, 2, 2).clone()
    available[:, 4] = torch.tensor([[True, False], [False, True]])
    values = {
        "q_tot": torch.tensor([[1.0, 2.0, 3.0, 1.0, 2.0, NAN]]),
        "targets": torch.tensor([[1.5, 4.0, 3.0, 0.0, 5.0, NAN]]),
        "mask": torch.tensor([MASK]),
        "utilities": torch.tensor([[0.0, 0.0], [0.0, LN3]]).expand(1, 6, 2, 2),
        "avail_actions": available,
        "actions": torch.tensor([0, 1]).expand(1, 6, 2),
        "took_greedy": torch.tensor([[False, False, True, False, True, True]]),
        "greedy_value": torch.tensor([[1.0, 4.0, 5.0, 1.0, 9.0, NAN]]),
        "q_star": torch.tensor([[1.0 + LN2, 2.0, 3.0 + LN2, 1.0 - LN2, 2.0, NAN]]),
        "mixer_gradient": torch.tensor(
            [[[0.5, 0.25], [0.5, 1.0], [0.5, 0.25], [0.5, 0.25], [1.0, 1.0], [NAN, NAN]]]
        ),
    }
    return WeightingInputs(**(values | changes))


def weights_of(scheme: str, inputs: WeightingInputs | None = None, **config) -> list[float]:
    """The weights of the real steps, after a check that padding has 0."""
    inputs = worked_batch() if inputs is None else inputs
    weights = SCHEMES[scheme].function(inputs, **config).weights
    assert (weights[~inputs.mask] == 0).all()
    return weights[inputs.mask].tolist()


def close(*expected: float):
    return pytest.approx(expected, rel=1e-5, abs=1e-7)


# Uniform, optimistic, central


def test_uniform_weighs_every_real_step_with_one():
    assert weights_of("uniform") == [1, 1, 1, 1, 1]


def test_optimistic_weighs_underestimated_steps_with_one_and_all_others_with_alpha():
    # Q_tot < y in steps 0, 1 and 4; step 2 is exact.
    assert weights_of("ow") == close(1, 1, 0.1, 0.1, 1)
    assert weights_of("ow", alpha=0.5) == close(1, 1, 0.5, 0.5, 1)


def test_central_weighs_greedy_and_better_than_greedy_steps_with_one_and_all_others_with_alpha():
    # Step 0: y 1.5 > V 1. Step 1: y = V = 4 and not greedy. Steps 2 and 4: greedy. Step 3: y 0 < V 1.
    assert weights_of("cw") == close(1, 0.1, 1, 0.1, 1)
    assert weights_of("cw", alpha=0.5) == close(1, 0.5, 1, 0.5, 1)


def test_central_reports_why_a_step_counts():
    terms = SCHEMES["cw"].function(worked_batch()).terms
    assert terms["took_greedy"][0, :5].tolist() == [False, False, True, False, True]
    assert terms["better_than_greedy"][0, :5].tolist() == [True, False, False, False, False]


# ReMIX


def test_remix_is_the_product_of_bellman_error_underestimation_and_mixer_gradient():
    # ½·2·1 = 1; 2·1·¼ = ½; 0·2·1 = 0; overestimated: 0; 3·1·(-1) < 0: 0. Limited to [0.1, 1]:
    assert weights_of("remix") == close(1, 0.5, 0.1, 0.1, 0.1)
    assert weights_of("remix", min_weight=0.6) == close(1, 0.6, 0.6, 0.6, 0.6)


def test_remix_minmax_maps_the_batch_onto_the_range():
    # Raw 1, ½, 0, 0, 0 → 0.1 + 0.9·raw.
    assert weights_of("remix", range_map="minmax") == close(1, 0.55, 0.1, 0.1, 0.1)


def test_remix_without_the_bellman_error_drops_its_condition_too():
    # V·G: 2·1, 1·¼, 2·1, ½·1 (overestimated, yet it counts), 1·(-1).
    assert weights_of("remix", disable=["bellman_error"]) == close(1, 0.25, 1, 0.5, 0.1)


def test_remix_without_the_underestimation():
    # B·G: ½·1, 2·¼, 0, 0, 3·(-1).
    assert weights_of("remix", disable=["value_underestimation"]) == close(0.5, 0.5, 0.1, 0.1, 0.1)


def test_remix_without_the_mixer_gradient():
    # B·V: ½·2, 2·1, 0, 0, 3·1, of which two are above 1.
    assert weights_of("remix", disable=["mixer_gradient"]) == close(1, 1, 0.1, 0.1, 1)
    # minmax: 1, 2, 0, 0, 3 → 0.1 + 0.9·raw/3.
    minmax = weights_of("remix", disable=["mixer_gradient"], range_map="minmax")
    assert minmax == close(0.4, 0.7, 0.1, 0.1, 1)


def test_remix_terms_can_be_switched_off_together():
    # Only G: 1, ¼, 1, 1, -1.
    only_gradient = weights_of("remix", disable=("bellman_error", "value_underestimation"))
    assert only_gradient == close(1, 0.25, 1, 1, 0.1)
    everything = ("bellman_error", "value_underestimation", "mixer_gradient")
    assert weights_of("remix", disable=everything) == [1, 1, 1, 1, 1]


def test_remix_reports_its_terms_and_how_often_it_clamps():
    terms = SCHEMES["remix"].function(worked_batch(), gradient_floor=0.3, exponent_clamp=0.5).terms
    real = {name: term[0, :5].tolist() for name, term in terms.items()}
    assert real["bellman_error"] == [0.5, 2, 0, 0, 3]
    # exp of ln2 = 0.69 limited to ½, of 0, and of -0.69 limited to -½.
    root = math.exp(0.5)
    assert real["value_underestimation"] == close(root, 1, root, 1 / root, 1)
    # f' of 0.25 is raised to 0.3: ½/½ + ¼/0.3 - 1 = 5/6.
    assert real["mixer_gradient"] == close(5 / 6, 0.25, 5 / 6, 5 / 6, -1)
    assert real["exponent_clamped"] == [True, False, True, True, False]
    assert real["gradient_floored"] == [True, False, True, True, False]
    assert real["negative_clamped"] == [False, False, False, False, True]


def test_remix_temperature_flattens_the_probabilities():
    # At a very high temperature both agents have π = ½: G = ½/½ + ½/¼ - 1 = 2 in step 0, so ½·2·2 = 2; B·V·1 in
    # step 1 with G = ½/½ + ½/1 - 1 = ½: 2·1·½ = 1.
    minmax = weights_of("remix", range_map="minmax", temperature=1e6)
    assert minmax == pytest.approx([1, 0.1 + 0.9 / 2, 0.1, 0.1, 0.1], rel=1e-4)


def test_value_underestimation_is_above_one_where_the_mixed_value_is_below():
    q_star, q_tot = torch.tensor([[LN2, 0.0, 0.0, 9.0]]), torch.tensor([[0.0, 0.0, LN2, 0.0]])
    factor = value_underestimation(q_star, q_tot, exponent_clamp=2.0)
    assert factor[0].tolist() == close(2, 1, 0.5, math.exp(2.0))


def test_value_enhancement_is_one_where_values_agree_and_smaller_on_either_side():
    q_star, q_tot = torch.tensor([[LN2, 0.0, 0.0, 1e4]]), torch.tensor([[0.0, 0.0, LN2, -1e4]])
    assert value_enhancement(q_star, q_tot)[0].tolist() == close(0.5, 1, 0.5, 0)


def test_the_mixer_gradient_term_never_divides_by_less_than_the_floor():
    # (1 - ½)/0.1 + (1 - 0)/2 - 1 = 4.5
    term = mixer_gradient_term(torch.tensor([[[0.5, 0.0]]]), torch.tensor([[[0.0, 2.0]]]), floor=0.1)
    assert term.item() == pytest.approx(4.5)


# Range maps


def test_clip_limits_the_raw_weight():
    raw = torch.tensor([[0.0, 0.05, 0.1, 0.5, 1.0, 7.0]])
    assert RANGE_MAPS["clip"](raw, torch.ones(1, 6, dtype=torch.bool), 0.1)[0].tolist() == close(
        0.1, 0.1, 0.1, 0.5, 1, 1
    )


def test_minmax_maps_the_least_real_step_to_the_minimum_and_the_largest_to_one():
    raw = torch.tensor([[2.0, 4.0, 3.0, 1000.0, -5.0]])
    mask = torch.tensor([[True, True, True, False, False]])
    assert RANGE_MAPS["minmax"](raw, mask, 0.2)[0, :3].tolist() == close(0.2, 1, 0.6)


def test_minmax_has_nothing_to_tell_apart_if_all_are_equal():
    # Raw weights of 0, as when every step is overestimated, stay at the minimum.
    for value, expected in ((0.0, 0.1), (3.0, 1.0)):
        raw = torch.tensor([[value, value, 9.0]])
        weights = RANGE_MAPS["minmax"](raw, torch.tensor([[True, True, False]]), 0.1)
        assert weights[0, :2].tolist() == close(expected, expected)


# MAC-PO


def test_macpo_is_the_product_of_bellman_error_value_enhancement_and_joint_action_probability():
    # ½·½·1.5; 2·1·1.5; 0; 1·½·1.5; 3·1·1.
    assert weights_of("macpo") == close(0.375, 3, 0, 0.75, 3)


def test_macpo_without_the_bellman_error():
    assert weights_of("macpo", disable=["bellman_error"]) == close(0.75, 1.5, 0.75, 0.75, 1)


def test_macpo_without_the_value_enhancement():
    assert weights_of("macpo", disable=["value_enhancement"]) == close(0.75, 3, 0, 1.5, 3)


def test_macpo_without_the_joint_action_probability():
    assert weights_of("macpo", disable=["joint_action_probability"]) == close(0.25, 2, 0, 0.5, 3)


def test_macpo_without_any_term_is_uniform():
    every_term = SCHEMES["macpo"].terms
    assert weights_of("macpo", disable=every_term) == [1, 1, 1, 1, 1]


def test_macpo_normalised_weights_have_mean_one_over_real_steps():
    # The sum of the five is 7.125, their mean 1.425.
    normalised = weights_of("macpo", normalize="mean")
    assert normalised == close(*(weight / 1.425 for weight in (0.375, 3, 0, 0.75, 3)))
    assert sum(normalised) / 5 == pytest.approx(1)


def test_normalisation_leaves_weights_alone_that_are_all_zero():
    zeros = torch.zeros(1, 3)
    assert (NORMALIZATIONS["mean"](zeros, torch.ones(1, 3, dtype=torch.bool)) == 0).all()


def test_macpo_reports_its_terms():
    terms = SCHEMES["macpo"].function(worked_batch()).terms
    assert terms["bellman_error"][0, :5].tolist() == [0.5, 2, 0, 1, 3]
    assert terms["value_enhancement"][0, :5].tolist() == close(0.5, 1, 0.5, 0.5, 1)
    assert terms["joint_action_probability"][0, :5].tolist() == close(1.5, 1.5, 1.5, 1.5, 1)


def test_macpo_temperature_flattens_the_probabilities():
    # π = (½, ½): J = 1 + 1 - 2·¼ = 1.5, as with (½, ¾); cold, π = (½, 1): 1 + (1 + ½) - 2·½ = 1.5 again. So give
    # the first agent a preference: utilities (ln3, 0) with action 0; cold both are sure: J = 1.
    utilities = torch.tensor([[LN3, 0.0], [0.0, LN3]]).expand(1, 6, 2, 2)
    cold = weights_of("macpo", worked_batch(utilities=utilities), temperature=0.01)
    assert cold == close(0.25, 2, 0, 0.5, 3)
    hot = weights_of("macpo", worked_batch(utilities=utilities), temperature=1e6)
    assert hot == pytest.approx([0.375, 3, 0, 0.75, 3], rel=1e-4)


def test_macpo_corrected_is_the_product_of_error_enhancement_and_what_slackness_asks_for():
    # K = ½ + ¼ in steps 0 to 3, 0 in step 4; Q_tot - Q* is -, 0, -, +, 0: K - sgn = 1¾, ¾, 1¾, -¼, 0. So
    # ½·½·1¾; 2·1·¾; 0; -1·½·(-¼), two slips of one sign; 3·1·0. Limited to [0.1, 1]:
    assert weights_of("macpo_corrected") == close(0.4375, 1, 0.1, 0.125, 0.1)
    assert weights_of("macpo_corrected", min_weight=0.2) == close(0.4375, 1, 0.2, 0.2, 0.2)


def test_macpo_corrected_without_one_of_its_terms():
    assert weights_of("macpo_corrected", disable=["bellman_error"]) == close(0.875, 0.75, 0.875, 0.1, 0.1)
    assert weights_of("macpo_corrected", disable=["value_enhancement"]) == close(0.875, 1, 0.1, 0.25, 0.1)
    assert weights_of("macpo_corrected", disable=["joint_action_probability"]) == close(0.25, 1, 0.1, 0.1, 1)


def test_macpo_corrected_reports_its_terms_and_limits():
    terms = SCHEMES["macpo_corrected"].function(worked_batch(), disable=["bellman_error"]).terms
    assert terms["bellman_error"][0, :5].tolist() == [0.5, 2, 0, -1, 3]
    assert terms["joint_action_probability"][0, :5].tolist() == close(1.75, 0.75, 1.75, -0.25, 0)
    assert terms["negative_clamped"][0, :5].tolist() == [False, False, False, True, False]
    assert terms["at_floor"][0, :5].tolist() == [False, False, False, True, True]


# What MAC-PO is compared with


def test_macpo_approx_has_three_levels_in_the_place_of_the_joint_action_probability():
    # π = (½, ¾) is neither close to 0 nor to 1: medium; both 1: low. So (¼, 2, 0, ½)·½ and 3·¼.
    assert weights_of("macpo_approx") == close(0.125, 1, 0, 0.25, 0.75)
    # At t = 0.45 only ¾ counts as certain: still medium. In (0, ¾) the first counts as unlikely: high.
    assert weights_of("macpo_approx", threshold=0.45) == close(0.125, 1, 0, 0.25, 0.75)
    utilities = torch.tensor([[0.0, 9.0], [0.0, LN3]]).expand(1, 6, 2, 2)
    sharp = weights_of("macpo_approx", worked_batch(utilities=utilities), threshold=0.3)
    assert sharp == close(0.25 * 0.75, 2 * 0.75, 0, 0.5 * 0.75, 3 * 0.25)
    levels = {"alpha_high": 1.0, "alpha_medium": 0.8, "alpha_low": 0.1}
    assert weights_of("macpo_approx", **levels) == close(0.2, 1.6, 0, 0.4, 0.3)


def test_macpo_approx_without_its_levels_is_discor():
    assert weights_of("macpo_approx", disable=["joint_action_probability"]) == weights_of("discor")


def test_discor_is_the_product_of_bellman_error_and_value_enhancement():
    # ½·½; 2·1; 0·½; 1·½; 3·1.
    assert weights_of("discor") == close(0.25, 2, 0, 0.5, 3)
    assert weights_of("discor", disable=["bellman_error"]) == close(0.5, 1, 0.5, 0.5, 1)
    assert weights_of("discor", disable=["value_enhancement"]) == close(0.5, 2, 0, 1, 3)


def test_remern_takes_the_team_for_one_agent():
    # Π π = ½·¾ = ⅜, so 2 - ⅜ = 1.625; and 2 - 1 where both are 1. Times the weights of DisCor.
    assert weights_of("remern") == close(0.40625, 3.25, 0, 0.8125, 3)
    assert weights_of("remern", disable=["action_likelihood"]) == weights_of("discor")
    # A hundred agents that each took one of two equal actions: Π π = 2^-100, the factor is 2.
    many = worked_batch(
        utilities=torch.zeros(1, 6, 100, 2),
        avail_actions=torch.ones(1, 6, 100, 2, dtype=torch.bool),
        actions=torch.zeros(1, 6, 100, dtype=torch.long),
    )
    assert weights_of("remern", many) == close(0.5, 4, 0, 1, 6)


def test_per_is_a_power_of_the_error():
    # |δ| + 1 = 1.5, 3, 1, 2, 4; |δ| + ¼ = ¾, 2¼, ¼, 1¼, 3¼, and their roots.
    assert weights_of("per", alpha=1.0, epsilon=1.0) == close(1.5, 3, 1, 2, 4)
    roots = [math.sqrt(error + 0.25) for error in (0.5, 2, 0, 1, 3)]
    assert weights_of("per", alpha=0.5, epsilon=0.25) == close(*roots)
    assert weights_of("per", alpha=0.0) == [1, 1, 1, 1, 1]
    # By default 0.51^0.6 = 0.6676 and 0.01^0.6 = 0.0631.
    default = weights_of("per")
    assert default[0] == pytest.approx(0.6676, abs=1e-4)
    assert default[2] == pytest.approx(0.0631, abs=1e-4)


def test_pser_spreads_the_priorities_of_per_backwards():
    # From 1.5, 3, 1, 2, 4 with ρ = 0.6 over two steps: 3·0.6 = 1.8 > 1.5; 3 stays; 4·0.36 = 1.44 > 2·0.6 > 1;
    # 4·0.6 = 2.4 > 2; 4. Over one step the third is 2·0.6 = 1.2.
    settings = {"alpha": 1.0, "epsilon": 1.0, "decay": 0.6}
    assert weights_of("pser", **settings, window=2) == close(1.8, 3, 1.44, 2.4, 4)
    assert weights_of("pser", **settings, window=1) == close(1.8, 3, 1.2, 2.4, 4)
    assert weights_of("pser", **settings, window=0) == weights_of("per", alpha=1.0, epsilon=1.0)
    # By default, α = 0.6 and ε = 0.01: only the step without an error is below 0.4 of its successor, 1.01^0.6.
    plain, spread = weights_of("per"), weights_of("pser")
    assert spread[2] == pytest.approx(max(0.4 * plain[3], 0.16 * plain[4]))
    assert [spread[i] for i in (1, 3, 4)] == [plain[i] for i in (1, 3, 4)]
    raised = SCHEMES["pser"].function(worked_batch(), **settings, window=2).terms["raised"]
    assert raised[0, :5].tolist() == [True, False, True, True, False]


def test_a_window_longer_than_the_episode_reaches_its_first_step():
    priorities = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    assert spread_backwards(priorities, decay=0.5, window=99)[0].tolist() == [0.25, 0.5, 1.0]
    assert spread_backwards(priorities[:, :1], decay=0.5, window=5)[0].tolist() == [0.0]


@pytest.mark.parametrize("scheme", ["macpo", "macpo_approx", "discor", "remern", "per", "pser"])
def test_normalised_weights_have_mean_one_over_real_steps(scheme):
    plain, normalised = weights_of(scheme), weights_of(scheme, normalize="mean")
    assert sum(normalised) / 5 == pytest.approx(1)
    assert normalised == close(*(weight * 5 / sum(plain) for weight in plain))


@given(st.integers(0, 2**32))
def test_a_single_agent_makes_macpo_remern(seed):
    inputs = random_batch(seed)
    alone = {name: getattr(inputs, name)[:, :, :1] for name in ("utilities", "avail_actions", "actions")}
    macpo, remern = (weigh(name, {}, inputs._replace(**alone)).weights for name in ("macpo", "remern"))
    torch.testing.assert_close(macpo, remern, rtol=1e-5, atol=1e-6)


def test_the_log_says_how_many_steps_lie_at_the_limits():
    for scheme, config in (("ow", {}), ("remix", {}), ("cw", {"alpha": 0.5})):
        result = SCHEMES[scheme].function(worked_batch(), **config)
        real = result.weights[0, :5]
        low = config.get("alpha", 0.1)
        assert result.terms["at_floor"][0, :5].tolist() == (real == torch.tensor(low)).tolist()
        assert result.terms["at_ceiling"][0, :5].tolist() == (real == 1).tolist()


# Every scheme

VARIANTS = {
    "uniform": ("uniform", {}),
    "ow": ("ow", {}),
    "cw": ("cw", {}),
    "remix clip": ("remix", {}),
    "remix minmax": ("remix", {"range_map": "minmax"}),
    "remix at its limits": ("remix", {"range_map": "minmax", "exponent_clamp": 20.0, "gradient_floor": 1e-9, "temperature": 1e-3}),
    "remix without the Bellman error": ("remix", {"disable": ["bellman_error"]}),
    "macpo": ("macpo", {}),
    "macpo mean": ("macpo", {"normalize": "mean"}),
    "macpo corrected": ("macpo_corrected", {}),
    "macpo corrected without the Bellman error": ("macpo_corrected", {"disable": ["bellman_error"], "temperature": 1e-3}),
    "macpo approx": ("macpo_approx", {}),
    "macpo approx mean": ("macpo_approx", {"normalize": "mean", "threshold": 0.4}),
    "discor": ("discor", {}),
    "remern": ("remern", {}),
    "per": ("per", {}),
    "per at its limits": ("per", {"alpha": 1.0, "epsilon": 1e-9}),
    "pser": ("pser", {}),
    "pser mean": ("pser", {"decay": 1.0, "window": 100, "normalize": "mean"}),
}  # fmt: skip
every_variant = pytest.mark.parametrize(("scheme", "config"), VARIANTS.values(), ids=VARIANTS)
for scheme, config in VARIANTS.values():
    check_weighting_config(scheme, SCHEMES[scheme], config)
seeds = st.integers(0, 2**32)
scales = st.sampled_from([0.1, 1.0, 10.0, 1e4])


def random_batch(seed: int, scale: float = 1.0, *, dtype=torch.float32) -> WeightingInputs:
    """Up to 4 episodes of up to 12 steps, with values up to ± `scale`; the same numbers in every dtype."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape):
        return torch.rand(shape, generator=generator)

    episodes, steps, agents, actions = (
        int(torch.randint(1, top, (), generator=generator)) for top in (5, 13, 9, 7)
    )
    shape = (episodes, steps)
    lengths = torch.randint(1, steps + 1, (episodes,), generator=generator)
    available = uniform(*shape, agents, actions) < 0.5
    available[..., 0] |= ~available.any(-1)
    chosen = (uniform(*shape, agents, actions) * available).argmax(-1)
    q_tot = (uniform(*shape) * 2 - 1) * scale
    return WeightingInputs(
        q_tot=q_tot.to(dtype),
        targets=((uniform(*shape) * 2 - 1) * scale).to(dtype),
        mask=torch.arange(steps) < lengths.unsqueeze(-1),
        utilities=((uniform(*shape, agents, actions) * 2 - 1) * scale).to(dtype),
        avail_actions=available,
        actions=chosen,
        took_greedy=uniform(*shape) < 0.3,
        greedy_value=((uniform(*shape) * 2 - 1) * scale).to(dtype),
        q_star=((uniform(*shape) * 2 - 1) * scale).to(dtype),
        mixer_gradient=(uniform(*shape, agents) * 2)
        .masked_fill(uniform(*shape, agents) < 0.1, 0.0)
        .to(dtype),
    )


def weigh(scheme: str, config: dict, inputs: WeightingInputs) -> Weights:
    return SCHEMES[scheme].function(inputs, **config)


@every_variant
@given(seeds, scales)
def test_weights_are_finite_never_negative_and_zero_on_padding(scheme, config, seed, scale):
    inputs = random_batch(seed, scale)
    result = weigh(scheme, config, inputs)
    assert result.weights.shape == inputs.q_tot.shape
    assert result.weights.dtype == torch.float32
    assert result.weights.isfinite().all()
    assert (result.weights >= 0).all()
    assert (result.weights[~inputs.mask] == 0).all()
    assert not result.weights.requires_grad
    assert set(result.terms) == {*SCHEMES[scheme].terms, *SCHEMES[scheme].shares}
    assert all(term.shape == inputs.mask.shape for term in result.terms.values())
    assert all(term[inputs.mask].isfinite().all() for term in result.terms.values())


@every_variant
@given(seeds)
def test_weights_do_not_depend_on_what_padding_holds(scheme, config, seed):
    inputs = random_batch(seed)
    expected = weigh(scheme, config, inputs).weights
    for garbage in (NAN, INF, -INF, 1e30):
        spoilt = {}
        for name, values in inputs._asdict().items():
            if values.is_floating_point():
                padding = (~inputs.mask).reshape(inputs.mask.shape + (1,) * (values.dim() - 2))
                spoilt[name] = values.masked_fill(padding, garbage)
        spoilt["avail_actions"] = inputs.avail_actions & inputs.mask[..., None, None]
        spoilt["took_greedy"] = inputs.took_greedy ^ ~inputs.mask
        assert torch.equal(weigh(scheme, config, inputs._replace(**spoilt)).weights, expected)


@every_variant
@given(seeds, st.integers(1, 20))
def test_weights_do_not_depend_on_how_much_padding_there_is(scheme, config, seed, more):
    inputs = random_batch(seed)
    steps = inputs.mask.shape[1]
    longer = WeightingInputs(
        **{
            name: torch.cat(
                [values, torch.zeros_like(values[:, :1]).expand(-1, more, *values.shape[2:])], dim=1
            )
            for name, values in inputs._asdict().items()
        }
    )
    weights = weigh(scheme, config, longer).weights
    torch.testing.assert_close(
        weights[:, :steps], weigh(scheme, config, inputs).weights, rtol=1e-6, atol=1e-6
    )
    assert (weights[:, steps:] == 0).all()


@every_variant
@given(seeds)
def test_the_order_of_the_agents_does_not_matter(scheme, config, seed):
    inputs = random_batch(seed)
    order = torch.randperm(inputs.actions.shape[-1], generator=torch.Generator().manual_seed(seed))
    shuffled = {
        name: getattr(inputs, name)[:, :, order]
        for name in ("utilities", "avail_actions", "actions", "mixer_gradient")
    }
    torch.testing.assert_close(
        weigh(scheme, config, inputs._replace(**shuffled)).weights,
        weigh(scheme, config, inputs).weights,
        rtol=1e-4,
        atol=1e-5,
    )


@every_variant
@given(seeds)
def test_single_and_double_precision_agree(scheme, config, seed):
    single = weigh(scheme, config, random_batch(seed)).weights
    double = weigh(scheme, config, random_batch(seed, dtype=torch.float64)).weights
    torch.testing.assert_close(single.double(), double.double(), rtol=1e-3, atol=1e-4)


@every_variant
def test_a_batch_without_any_real_step_has_weights_of_zero(scheme, config):
    inputs = worked_batch(mask=torch.zeros(1, 6, dtype=torch.bool))
    assert (weigh(scheme, config, inputs).weights == 0).all()


@pytest.mark.parametrize("range_map", RANGE_MAPS)
@given(seeds, scales, st.floats(0.01, 1))
def test_remix_weights_lie_between_the_minimum_and_one(range_map, seed, scale, min_weight):
    inputs = random_batch(seed, scale)
    config = {"range_map": range_map, "min_weight": min_weight}
    real = weigh("remix", config, inputs).weights[inputs.mask]
    assert (real >= min_weight - 1e-6).all()
    assert (real <= 1 + 1e-6).all()


@given(seeds)
def test_remix_gives_overestimated_steps_the_minimum(seed):
    inputs = random_batch(seed)
    weights = weigh("remix", {}, inputs).weights
    assert (weights[inputs.mask & (inputs.q_tot > inputs.targets)] == torch.tensor(0.1)).all()


def test_underestimated_steps_weigh_more_than_overestimated_ones_of_the_same_error():
    # Without G, Q* at the target: B·V = ½·e^½ = 0.82 below; the minimum above.
    inputs = worked_batch(
        q_tot=torch.tensor([[0.5, 1.5] + [0.0] * 4]),
        targets=torch.ones(1, 6),
        q_star=torch.ones(1, 6),
    )
    weights = weights_of("remix", inputs, disable=["mixer_gradient"])
    assert weights[:2] == close(0.5 * math.exp(0.5), 0.1)


# The table and the check of its settings


def test_the_table_knows_what_each_scheme_needs():
    assert set(VARIANTS[name][0] for name in VARIANTS) == set(SCHEMES)
    assert [name for name, scheme in SCHEMES.items() if not scheme.needs_q_star] == ["uniform"]
    assert [name for name, scheme in SCHEMES.items() if scheme.recent_share] == ["remix"]
    assert [name for name, scheme in SCHEMES.items() if scheme.needs_mixer_gradient] == ["remix"]


def test_the_defaults_are_those_of_predator_prey():
    assert SCHEMES["uniform"].settings() == {}
    assert SCHEMES["ow"].settings() == SCHEMES["cw"].settings() == {"alpha": 0.1}
    assert SCHEMES["remix"].settings() == {
        "min_weight": 0.1,
        "range_map": "clip",
        "exponent_clamp": 2.0,
        "gradient_floor": 1e-6,
        "temperature": 1.0,
        "disable": (),
    }
    assert SCHEMES["macpo"].settings() == {"normalize": "none", "temperature": 1.0, "disable": ()}
    assert SCHEMES["pser"].settings() == SCHEMES["per"].settings() | {"decay": 0.4, "window": 5}
    approximate = SCHEMES["macpo_approx"].settings()
    assert [approximate[f"alpha_{level}"] for level in ("high", "medium", "low")] == [0.75, 0.5, 0.25]


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_accepts_its_own_defaults(name):
    scheme = SCHEMES[name]
    check_weighting_config(name, scheme, {})
    check_weighting_config(name, scheme, scheme.settings())
    for term in scheme.can_disable():
        check_weighting_config(name, scheme, {"disable": [term]})


def test_every_term_that_is_a_factor_can_be_disabled():
    can_disable = {name: set(scheme.can_disable()) for name, scheme in SCHEMES.items()}
    assert can_disable.pop("remix") == {*SCHEMES["remix"].terms, "on_policiness"}
    for name in ("macpo", "macpo_corrected", "macpo_approx", "discor", "remern"):
        assert can_disable.pop(name) == set(SCHEMES[name].terms)
    assert not any(can_disable.values())


def test_on_policiness_is_no_factor_of_the_weight():
    assert weights_of("remix", disable=["on_policiness"]) == weights_of("remix")


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("remix", None, "weighting_config: None is not allowed; it must be a dict of settings of 'remix'"),
        ("remix", ["alpha"], "weighting_config: ['alpha'] is not allowed"),
        ("remix", {"exponent_clam": 1}, "weighting_config of 'remix': unknown key 'exponent_clam'; did you mean 'exponent_clamp'?"),
        ("uniform", {"alpha": 1}, "weighting_config of 'uniform': unknown key 'alpha'"),
        ("ow", {"min_weight": 0.1}, "weighting_config of 'ow': unknown key 'min_weight'"),
        ("ow", {"alpha": 0}, "weighting_config.alpha: 0 is not allowed; it must be a number in (0, 1]"),
        ("cw", {"alpha": 1.5}, "weighting_config.alpha: 1.5 is not allowed"),
        ("cw", {"alpha": "0.5"}, "weighting_config.alpha: '0.5' is of type str"),
        ("remix", {"min_weight": 0}, "weighting_config.min_weight: 0 is not allowed"),
        ("remix", {"min_weight": 1.01}, "weighting_config.min_weight: 1.01 is not allowed"),
        ("remix", {"min_weight": True}, "weighting_config.min_weight: True is of type bool"),
        ("remix", {"exponent_clamp": 0}, "weighting_config.exponent_clamp: 0 is not allowed"),
        ("remix", {"exponent_clamp": 100}, "weighting_config.exponent_clamp: 100 is not allowed; it must be a number in (0, 20]"),
        ("remix", {"gradient_floor": 0}, "weighting_config.gradient_floor: 0 is not allowed"),
        ("remix", {"gradient_floor": 1e-40}, "weighting_config.gradient_floor: 1e-40 is not allowed"),
        ("remix", {"temperature": -1}, "weighting_config.temperature: -1 is not allowed"),
        ("macpo", {"temperature": NAN}, "weighting_config.temperature: nan is not allowed"),
        ("macpo", {"temperature": 1e-30}, "weighting_config.temperature: 1e-30 is not allowed"),
        ("remix", {"range_map": "minmx"}, "weighting_config.range_map: unknown name 'minmx'; did you mean 'minmax'?"),
        ("remix", {"range_map": ["clip"]}, "weighting_config.range_map: unknown name ['clip']"),
        ("macpo", {"normalize": True}, "weighting_config.normalize: unknown name True"),
        ("macpo", {"disable": "bellman_error"}, "weighting_config.disable: 'bellman_error' is not allowed; it must be a list of bellman_error,"),
        ("macpo", {"disable": None}, "weighting_config.disable: None is not allowed"),
        ("macpo", {"disable": ["belman_error"]}, "weighting_config.disable: unknown name 'belman_error'; did you mean 'bellman_error'?"),
        ("macpo", {"disable": ["mixer_gradient"]}, "weighting_config.disable: unknown name 'mixer_gradient'"),
        ("macpo", {"disable": [["bellman_error"]]}, "weighting_config.disable: unknown name ['bellman_error']"),
        ("macpo", {"disable": ["on_policiness"]}, "weighting_config.disable: unknown name 'on_policiness'"),
        ("remix", {"disable": ["on_policyness"]}, "did you mean 'on_policiness'? Allowed: bellman_error, mixer_gradient, on_policiness, value_underestimation"),
        ("discor", {"disable": ["joint_action_probability"]}, "Allowed: bellman_error, value_enhancement"),
        ("per", {"disable": ["bellman_error"]}, "weighting_config of 'per': unknown key 'disable'"),
        ("per", {"alpha": 1.5}, "weighting_config.alpha: 1.5 is not allowed; it must be a number in [0, 1]"),
        ("per", {"epsilon": 0}, "weighting_config.epsilon: 0 is not allowed; it must be a number in (0, 1]"),
        ("pser", {"decay": -0.1}, "weighting_config.decay: -0.1 is not allowed; it must be a number in [0, 1]"),
        ("pser", {"window": 2.5}, "weighting_config.window: 2.5 is not allowed; it must be an integer in [0, 10000]"),
        ("macpo_approx", {"threshold": 0.5}, "weighting_config.threshold: 0.5 is not allowed; it must be a number in (0, 0.5)"),
        ("macpo_approx", {"alpha_low": 0}, "weighting_config.alpha_low: 0 is not allowed; it must be a number in (0, 1]"),
        ("macpo_approx", {"alpha_low": 0.6}, "alpha_low = 0.6, alpha_medium = 0.5, alpha_high = 0.75 is not allowed; it must be alpha_low ≤"),
        ("discor", {"normalise": "mean"}, "weighting_config of 'discor': unknown key 'normalise'; did you mean 'normalize'?"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named_with_its_value_and_what_is_allowed(name, config, message):
    with pytest.raises(SettingError) as error:
        check_weighting_config(name, SCHEMES[name], config)
    assert message in str(error.value)
