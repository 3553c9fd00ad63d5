"""What can be no weighting is refused when it is registered, by name and with what is allowed."""

import functools
import importlib
import sys
from collections.abc import Sequence
from typing import Annotated

import pytest

from rllib_remix import ReMIXConfig, register_weighting
from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import SCHEMES, Weights, remix
from rllib_remix.learning.weighting_settings import check_weighting_config
from rllib_remix.settings import Count, Interval, OneOf, SomeOf
from rllib_remix.value_based.described_weighting import described_weighting
from rllib_remix.value_based.registering import is_same

SHARE = Annotated[float, Interval(0, 1)]


@pytest.fixture(autouse=True)
def _what_is_registered_is_forgotten():
    before = dict(SCHEMES)
    yield
    SCHEMES.clear()
    SCHEMES.update(before)


def plain(inputs) -> Weights:
    return Weights(inputs.mask.float(), {})


def positional(inputs, decay: SHARE = 0.9):
    return plain(inputs)


def any_more(inputs, *more):
    return plain(inputs)


def without_default(inputs, *, decay: SHARE):
    return plain(inputs)


def not_annotated(inputs, *, decay=0.9):
    return plain(inputs)


def typed_only(inputs, *, decay: float = 0.9):
    return plain(inputs)


def wrong_default(inputs, *, decay: SHARE = 2.0):
    return plain(inputs)


def unknown_annotation(inputs, *, decay: "Gone" = 0.9):  # noqa: F821
    return plain(inputs)


def disabled_or_not(inputs, *, disable: Annotated[str, OneOf(("a", "b"))] = "a"):
    return plain(inputs)


def without_terms(inputs, *, disable: Sequence[str] = ()):
    return plain(inputs)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (5, "5 is not allowed; it must be a function"),
        (functools.partial(plain), r"functools\.partial.* is not allowed; it must be a function"),
        (lambda: None, r"the function takes no WeightingInputs; allowed: <lambda>\(inputs, \*, name: Annotated"),
        (lambda *, inputs: None, "the function takes no WeightingInputs"),
        (positional, r"'decay: .* = 0\.9' can be no setting: it must stand behind a `\*`; allowed: positional\(inputs, \*,"),
        (any_more, r"'\*more' can be no setting"),
        (without_default, "setting 'decay' has no default; allowed: without_default"),
        (not_annotated, r"the annotation of setting 'decay' does not say .* such as Annotated\[float, Interval\(0, 1\)\]"),
        (typed_only, "the annotation of setting 'decay' does not say what it may be"),
        (lambda inputs, *, k=1: None, "the annotation of setting 'k' does not say what it may be"),
        (unknown_annotation, "the annotations of its settings cannot be evaluated .*'Gone' is not defined"),
        (wrong_default, r"the default of 'decay': 2\.0 is not allowed; it must be a number in \[0, 1\]"),
        (disabled_or_not, "setting 'disable' must be a list of names: Annotated"),
        (without_terms, "the annotation of setting 'disable' does not say what it may be"),
    ],
)  # fmt: skip
def test_a_function_that_can_be_no_weighting_is_refused(function, message):
    with pytest.raises(SettingError, match=f"^register_weighting of 'mine': {message}"):
        register_weighting("mine", function)
    assert "mine" not in SCHEMES


@pytest.mark.parametrize("what", ["terms", "shares"])
def test_terms_are_lists_of_names(what):
    for names, shown in (("error", "'error'"), (["a/b"], r"\['a/b'\]"), ([1], r"\[1\]")):
        with pytest.raises(
            SettingError,
            match=rf"^register_weighting of 'mine': {what}: {shown} is not allowed; it must be a list",
        ):
            register_weighting("mine", plain, **{what: names})


@pytest.mark.parametrize("name", ["größe", "my.own", "2nd", "", None, ["mine"]])
def test_a_name_is_an_ascii_identifier(name):
    with pytest.raises(
        SettingError, match=r"^register_weighting: .* is not allowed as a name; it must be ASCII"
    ):
        register_weighting(name, plain)


def test_a_shipped_weighting_stays_as_it_is():
    before = SCHEMES["remix"]
    with pytest.raises(
        SettingError, match=r"the name 'remix' is taken, by rllib_remix\.learning\.weighting\.remix"
    ):
        register_weighting("remix", remix)
    assert SCHEMES["remix"] is before


def levels(
    inputs,
    *,
    alpha_low: SHARE = 0.9,
    alpha_high: SHARE = 0.1,
    normalize: Annotated[str, OneOf(("none", "mine"))] = "none",
    disable: Annotated[list[str], SomeOf(("half",))] = (),  # type: ignore[assignment]
    steps: Annotated[int | None, Count(1)] = None,
):
    """Mine.

    Args:
        alpha_low: as for `levels`.
        alpha_high: as for `others`.
        steps: env steps.
    """
    return plain(inputs)


def others(inputs, *, alpha_high: SHARE = 0.1):
    """Of others.

    Args:
        alpha_high: as for `levels`.
    """
    return plain(inputs)


def test_a_setting_that_is_called_as_one_of_ours_is_what_its_function_says():
    register_weighting("levels", levels, needs_q_star=False)
    config = ReMIXConfig().environment("matrix_game")
    config.training(weighting="levels", weighting_mode="sampling", replay_buffer="prioritized")
    for settings in ({"normalize": "mine"}, {"disable": ["half"]}, {"steps": 2}, {"steps": None}):
        config.training(weighting_config=settings).validate()
    for settings, message in (
        ({"disable": ["hal"]}, r"disable: unknown name 'hal'; did you mean 'half'\? Allowed: half\."),
        ({"steps": 0}, "steps: 0 is not allowed"),
        ({"alpha_low": None}, "alpha_low: None is of type NoneType"),
    ):
        with pytest.raises(SettingError, match=rf"^weighting_config\.{message}"):
            config.training(weighting_config=settings).validate()


def test_disable_without_an_annotation_is_a_list_of_the_terms():
    register_weighting("mine", without_terms, terms=["error"])
    check_weighting_config("mine", SCHEMES["mine"], {"disable": ["error"]})
    with pytest.raises(SettingError, match=r"disable: unknown name 'eror'; did you mean 'error'"):
        check_weighting_config("mine", SCHEMES["mine"], {"disable": ["eror"]})


def test_what_was_registered_can_be_described():
    register_weighting("levels", levels)
    register_weighting("others", others)
    by_name = {entry.name: entry for entry in described_weighting("levels", {}).settings}
    assert by_name["alpha_low"].text == "as for `levels`."
    assert by_name["alpha_high"].text == "as for `levels`."  # where `others` sends back to
    assert by_name["steps"].kind == "int | None: 1 or more"
    assert by_name["disable"].kind == 'list[str]: "half"'


def test_a_function_of_a_user_does_not_speak_for_ours_of_its_name():
    def per(inputs, *, normalize: Annotated[str, OneOf(("none",))] = "none"):
        """Mine.

        Args:
            normalize: mine.
        """

    before = described_weighting("pser", {})
    register_weighting("mine", per)
    assert described_weighting("pser", {}) == before


MODULE = """
from rllib_remix import QMIX, QMIXConfig, register_algorithm, register_weighting
from rllib_remix.learning.weighting import Weights

def weigh(inputs):
    return Weights(inputs.mask * NUMBER, {})

register_weighting("of_module", weigh)
register_weighting("of_lambda", lambda inputs: weigh(inputs))

class Late:
    def play(self):
        return NUMBER
"""


def loaded(file, number, monkeypatch):
    """The module in a file, which is loaded anew."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(MODULE.replace("NUMBER", number))
    monkeypatch.delitem(sys.modules, file.stem, raising=False)
    monkeypatch.setattr(sys, "path", [str(file.parent), *sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    importlib.invalidate_caches()
    return importlib.import_module(file.stem)


def test_the_same_module_again_is_the_same_and_one_of_another_folder_is_not(tmp_path, monkeypatch):
    first = loaded(tmp_path / "a" / "stem_of_two.py", "1", monkeypatch)
    changed = loaded(tmp_path / "a" / "stem_of_two.py", "2", monkeypatch)
    assert SCHEMES["of_module"].function is changed.weigh
    assert first.weigh is not changed.weigh
    assert is_same(first.Late, changed.Late)
    with pytest.raises(SettingError, match=r"the name 'of_module' is taken, by stem_of_two\.weigh"):
        loaded(tmp_path / "b" / "stem_of_two.py", "3", monkeypatch)
    monkeypatch.delitem(sys.modules, "stem_of_two", raising=False)
    SCHEMES.pop("of_module")
    SCHEMES.pop("of_lambda")
    assert not is_same(first.Late, loaded(tmp_path / "b" / "stem_of_two.py", "3", monkeypatch).Late)


def test_functions_in_functions_and_lambdas_are_known_by_their_code():
    def made(number):
        def weigh(inputs):
            return Weights(inputs.mask * number, {})

        return weigh

    one, other = (lambda inputs: Weights(inputs.mask, {})), (lambda inputs: Weights(~inputs.mask, {}))
    register_weighting("mine", one)
    with pytest.raises(SettingError, match=r"the name 'mine' is taken, by .*<lambda>"):
        register_weighting("mine", other)
    register_weighting("made", made(1))
    register_weighting("made", made(1))


def test_what_travelled_by_value_is_the_same(monkeypatch, tmp_path):
    import pickle

    import ray.cloudpickle

    module = loaded(tmp_path / "a" / "travels.py", "1", monkeypatch)
    ray.cloudpickle.register_pickle_by_value(module)
    content = ray.cloudpickle.dumps((module.weigh, module.Late, SCHEMES["of_lambda"].function))
    ray.cloudpickle.unregister_pickle_by_value(module)
    weigh, late, of_lambda = pickle.loads(content)
    assert weigh is not module.weigh
    assert is_same(weigh, module.weigh)
    assert is_same(late, module.Late)
    register_weighting("of_lambda", of_lambda)
