import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rllib_remix.errors import SettingError, nearest, shown, unknown
from rllib_remix.settings import (
    Count,
    Flag,
    Interval,
    Limits,
    OneOf,
    Schedule,
    SomeOf,
    check_choice,
    check_flag,
    check_keys,
    check_number,
)


def test_a_setting_error_is_a_value_error():
    assert issubclass(SettingError, ValueError)


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("exponent_clam", "exponent_clamp"),
        ("MIN_WEIGHT", "min_weight"),
        ("minweight", "min_weight"),
        ("something else entirely", None),
    ],
)
def test_the_nearest_name_is_a_likely_misspelling_or_none(given_name, expected):
    assert nearest(given_name, ["exponent_clamp", "min_weight", "range_map"]) == expected


def test_the_nearest_name_keeps_the_case_of_the_allowed_one():
    assert nearest("qmx", ["VDN", "QMIX"]) == "QMIX"


def test_an_unknown_name_is_shown_with_its_suggestion_and_all_allowed_names_in_order():
    error = unknown("weighting", "remx", ["uniform", "remix"])
    assert str(error) == "weighting: unknown name 'remx'; did you mean 'remix'? Allowed: remix, uniform."
    assert str(unknown("weighting", 7, ["ow"])) == "weighting: unknown name 7. Allowed: ow."


def test_keys_are_checked_and_the_first_unknown_one_is_named():
    check_keys("config", ["alpha"], ["alpha", "beta"])
    check_keys("config", [], ["alpha"])
    with pytest.raises(
        SettingError, match=r"^config: unknown key 'alpa'; did you mean 'alpha'\? Allowed: alpha, beta"
    ):
        check_keys("config", {"beta": 1, "alpa": 2, "gamma": 3}, ["beta", "alpha"])
    with pytest.raises(SettingError, match=r"^config: unknown key 3\. Allowed: alpha\.$"):
        check_keys("config", {3: 1}, ["alpha"])


def test_a_choice_must_be_among_the_allowed_names():
    check_choice("range_map", "clip", {"clip": 1, "minmax": 2})
    with pytest.raises(SettingError, match=r"^range_map: unknown name 'clp'; did you mean 'clip'\?"):
        check_choice("range_map", "clp", {"clip": 1, "minmax": 2})


@pytest.mark.parametrize(
    "value", [None, 3, True, ["clip"], {"clip": 1}, {"clip"}, np.array(["clip", "clip"])]
)
def test_a_choice_of_another_type_is_a_setting_error_even_if_it_cannot_be_hashed(value):
    with pytest.raises(SettingError, match=r"^range_map: unknown name"):
        check_choice("range_map", value, {"clip": 1})


@pytest.mark.parametrize("value", [0, 1, 0.5, np.float32(0.25), np.int16(1), 1.0])
def test_numbers_inside_a_closed_interval_pass(value):
    check_number("alpha", value, low=0, high=1)


@pytest.mark.parametrize(
    ("value", "bounds", "interval"),
    [
        (0, {"low": 0, "low_open": True}, r"a number in \(0, inf\)"),
        (1, {"low": 0, "high": 1, "high_open": True}, r"a number in \[0, 1\)"),
        (-0.1, {"low": 0, "high": 1}, r"a number in \[0, 1\]"),
        (1.1, {"high": 1}, r"a number in \(-inf, 1\]"),
        (2.5, {"low": 1, "integer": True}, r"an integer in \[1, inf\)"),
        (math.nan, {}, r"a number in \(-inf, inf\)"),
        (math.inf, {"low": 0}, r"a number in \[0, inf\)"),
        (math.inf, {"integer": True}, "an integer in"),
        (-math.inf, {}, "a number in"),
        pytest.param(10**400, {"low": 0}, r"a number in \[0, inf\)", id="beyond all floats"),
    ],
)
def test_a_number_out_of_range_is_shown_with_what_is_allowed(value, bounds, interval):
    with pytest.raises(SettingError, match=rf"^alpha: {value!r} is not allowed; it must be {interval}"):
        check_number("alpha", value, **bounds)


@pytest.mark.parametrize("value", ["1", None, True, False, [1], {}, 1j, np.ones(2), np.True_])
def test_what_is_no_number_is_shown_with_its_type(value):
    with pytest.raises(
        SettingError, match=rf"is of type {type(value).__name__}; allowed: an integer in \[1, 9\]"
    ):
        check_number("alpha", value, low=1, high=9, integer=True)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_a_number_passes_if_and_only_if_it_is_in_the_interval(value, low, high):
    if low <= value <= high:
        check_number("x", value, low=low, high=high)
    else:
        with pytest.raises(SettingError):
            check_number("x", value, low=low, high=high)


def test_a_flag_must_be_true_or_false():
    check_flag("mask", True)
    check_flag("mask", False)
    for value in (1, 0, "true", None):
        with pytest.raises(SettingError, match=r"^mask: .* is not allowed; it must be true or false\.$"):
            check_flag("mask", value)


def test_what_is_shown_of_a_value_is_its_repr_in_one_printable_line():
    assert shown({"b": [1, 2.5], "a": ("x", None)}) == "{'b': [1, 2.5], 'a': ('x', None)}"
    assert shown("a\n\x1b[31m\u202e") == "'a\\n\\x1b[31m\\u202e'"
    assert shown(10**30) == "1" + "0" * 30


class _Endless:
    """Whose repr is long, on several lines, and not for a terminal."""

    def __repr__(self):
        return "one\ntwo\x07 " * 10_000


class _Broken:
    def __repr__(self):
        raise ValueError


def _cycle():
    value = []
    value.append(value)
    return value


def _nested(depth):
    return [_nested(depth - 1)] * 12 if depth else "x"


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        b"x" * 10**6,
        list(range(10**5)),
        {n: n for n in range(10**5)},
        set(range(10**5)),
        {"a": {"b": ["x" * 10**5] * 10**4}},
        _nested(5),
        _cycle(),
        10**100_000,
        _Endless(),
        _Broken(),
        np.zeros(10**6),
    ],
    ids=lambda value: type(value).__name__,
)
def test_at_most_200_characters_of_a_value_are_shown(value):
    text = shown(value)
    assert 0 < len(text) <= 200
    assert text.isprintable()


@pytest.mark.parametrize(
    ("allowed", "text", "good", "bad"),
    [
        (Interval(0, 1, low_open=True), "(0, 1]", (1, 0.5), (0, 1.5, "half", None)),
        (Interval(low=2), "[2, inf)", (2, 1e9), (1, math.inf, math.nan)),
        (Count(1), "1 or more", (1, 10**9), (0, 2.0, 1.5, True, None)),
        (Count(1, 16_384), "1 … 16,384", (1, 16_384), (16_385,)),
        (Flag(), "", (True, False), (1, "no", None)),
        (OneOf(("clip", "minmax")), '"clip", "minmax"', ("clip",), ("clp", None, ["clip"])),
        (SomeOf(("a", "b")), '"a", "b"', ([], ["b"], ("a", "b")), ("a", ["c"], None)),
        (
            Schedule(0, 1),
            "[0, 1], or [[0, start], [env steps, end], …]",
            (0.5, [[0, 1], [9, 0]]),
            (2, [[0, 1]], [[0, 1], [9, 2]], None),
        ),
        (
            Limits(1e-30, 1e30),
            "(low, high), two numbers in [1e-30, 1e+30], low < high",
            ((1e-3, 10), [1, 2]),
            ((0, 1), (1, 1e31), (2, 1), (1, math.nan), 3, None),
        ),
        (
            Limits(or_none=True),
            "None or (low, high), two finite numbers, low < high",
            (None, (-5, 2)),
            ((2, -5),),
        ),
    ],
    ids=str,
)
def test_what_a_setting_may_be_is_checked_and_said(allowed, text, good, bad):
    assert allowed.text == text
    for value in good:
        allowed.check("name", value)
    for value in bad:
        with pytest.raises(SettingError, match=r"^name"):
            allowed.check("name", value)
