import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.learning.weight_ranges import NORMALIZATIONS, RANGE_MAPS
from rllib_remix.learning.weight_terms import (
    mixer_gradient_term,
    spread_backwards,
    value_enhancement,
    value_underestimation,
)
from rllib_remix.learning.weighting import SCHEMES, WeightingInputs, Weights
from rllib_remix.learning.weighting_settings import check_weighting
from rllib_remix.settings import SettingError

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
    for value in (0.0, 3.0):
        raw = torch.tensor([[value, value, 9.0]])
        assert RANGE_MAPS["minmax"](raw, torch.tensor([[True, True, False]]), 0.1)[0, :2].tolist() == [1, 1]


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
}  # fmt: skip
every_variant = pytest.mark.parametrize(("scheme", "config"), VARIANTS.values(), ids=VARIANTS)
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
    check_weighting(scheme, config)
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
    assert set(SCHEMES) >= {"uniform", "ow", "cw", "remix", "macpo"}
    assert not SCHEMES["uniform"].needs_q_star
    assert all(SCHEMES[name].needs_q_star for name in ("ow", "cw", "remix", "macpo"))
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


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_accepts_its_own_defaults(name):
    check_weighting(name, {})
    check_weighting(name, SCHEMES[name].settings())
    for term in SCHEMES[name].terms:
        check_weighting(name, {"disable": [term]})


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("remx", {}, "weighting: unknown name 'remx'; did you mean 'remix'? Allowed: cw, macpo, "),
        (None, {}, "weighting: unknown name None"),
        (["remix"], {}, "weighting: unknown name ['remix']"),
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
    ],
)  # fmt: skip
def test_a_bad_setting_is_named_with_its_value_and_what_is_allowed(name, config, message):
    with pytest.raises(SettingError) as error:
        check_weighting(name, config)
    assert message in str(error.value)
