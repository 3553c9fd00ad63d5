"""How makers are called: with one config, as RLlib does, or with a keyword for each setting."""

from typing import Any

import pytest

from rllib_remix.envs.naming.maker import of_callable, takes_config
from rllib_remix.errors import SettingError


@pytest.mark.parametrize(
    "creator",
    [
        lambda config: None,
        lambda env_config=None: None,
        lambda _: None,
        lambda c=None: None,
        lambda anything: None,
        lambda *args: None,
        lambda settings, num_envs=1: None,
        lambda sizes={}: None,
        dict,
    ],
)
def test_what_needs_an_argument_or_names_it_a_config_gets_all_settings_in_one(creator):
    assert takes_config(creator)


def annotated(sizes: dict[str, Any] | None = 3): ...  # type: ignore[assignment]


def test_an_annotation_tells_a_config_too():
    assert takes_config(annotated)


@pytest.mark.parametrize(
    "creator",
    [
        lambda: None,
        lambda size=5: None,
        lambda render_mode=None: None,
        lambda **settings: None,
        lambda env="simple": None,
        lambda _="": None,
        lambda *, config: None,
    ],
)
def test_what_has_settings_of_its_own_gets_them_as_keywords(creator):
    assert not takes_config(creator)


def test_settings_that_are_the_names_of_all_needed_arguments_are_keywords():
    def make(size, length, color="red"):
        return size, length, color

    assert of_callable("make", make).make({"size": 1, "length": 2}) == (1, 2, "red")
    with pytest.raises(
        SettingError, match=r"make\(size, length, color='red'\) cannot be called with one argument"
    ):
        of_callable("make", make).make({"size": 1})


def test_a_config_that_is_needed_and_named_so_stays_one_argument():
    assert of_callable("make", lambda config: config).make({"config": 1}) == {"config": 1}


def test_an_unknown_setting_is_named_with_the_nearest_and_a_missing_one_is_named():
    def make(*, size, length=1):
        return size

    with pytest.raises(SettingError, match="env_config of make: unknown key 'sise'; did you mean 'size'"):
        of_callable("make", make).make({"sise": 1})
    with pytest.raises(
        SettingError, match=r"env_config of make: .*missing 1 required keyword-only argument: 'size'"
    ):
        of_callable("make", make).make({})


def test_a_type_error_of_the_environments_own_is_not_taken_for_one_of_its_settings():
    def make(size=1):
        return size + "x"

    with pytest.raises(TypeError, match="unsupported operand"):
        of_callable("make", make).make({"size": 1})


def test_settings_that_are_all_arguments_are_no_part_of_a_first_one_that_is_called_otherwise():
    def make(layout=None, size=5):
        return layout, size

    assert of_callable("make", make).make({"size": 7}) == (None, 7)
    assert of_callable("make", make).make({"depth": 7}) == ({"depth": 7}, 5)

    def configured(env_config=None, size=5):
        return env_config, size

    assert of_callable("make", configured).make({"size": 7}) == ({"size": 7}, 5)

    def open_ended(size, **others):
        return size, others

    assert of_callable("make", open_ended).make({"size": 7, "depth": 1}) == (7, {"depth": 1})


def test_an_error_from_deep_inside_is_not_taken_for_one_of_the_settings():
    def inner(*, width):
        return width

    class Made:
        def __init__(self, width=1, size=2):
            inner(size=size) if size == 3 else inner()

    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'width'"):
        of_callable("make", Made).make({"width": 1})
    with pytest.raises(TypeError, match="unexpected keyword argument 'size'"):
        of_callable("make", Made).make({"size": 3})
