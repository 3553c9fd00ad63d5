"""A weighting's settings are described by its function alone."""

import pytest

from rllib_remix.learning.weighting import SCHEMES, pser
from rllib_remix.value_based.described_weighting import described_weighting, documented_arguments


@pytest.mark.parametrize("weighting", SCHEMES)
def test_every_setting_of_a_weighting_has_a_type_a_range_a_text_and_its_default(weighting):
    group = described_weighting(weighting, {})
    assert group.text
    defaults = SCHEMES[weighting].settings()
    assert [entry.name for entry in group.settings] == list(defaults)
    for entry in group.settings:
        assert entry.type in ("float", "int", "str", "list[str]")
        assert entry.range
        assert entry.text
        assert not entry.text.startswith("as for")
        assert entry.default == (
            list(defaults["disable"]) if entry.name == "disable" else defaults[entry.name]
        )
        entry.check(entry.default)


def test_values_of_a_config_stand_in_the_place_of_the_defaults():
    (alpha,) = described_weighting("ow", {"alpha": 0.5}).settings
    assert (alpha.default, alpha.kind) == (0.5, "float: (0, 1]")


def test_what_another_weightings_docstring_says_is_taken_from_there():
    by_name = {entry.name: entry for entry in described_weighting("pser", {}).settings}
    assert documented_arguments(pser)["normalize"] == "as for `per`."
    assert by_name["normalize"].text.startswith('"none" (as the reference implementation) or "mean"')


def test_arguments_of_a_docstring_may_share_a_text_and_go_over_lines():
    def function():
        """One line.

        Args:
            first, second: both of
                these: here.
            third: alone.

        Raises:
            fourth: is no argument.
        """

    assert documented_arguments(function) == {
        "first": "both of these: here.",
        "second": "both of these: here.",
        "third": "alone.",
    }
    assert documented_arguments(lambda: None) == {}
