"""What can be registered: names, functions that are weightings, and which two of one name are the same."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from rllib_remix.errors import SettingError, shown
from rllib_remix.learning.weighting import Scheme
from rllib_remix.learning.weighting_settings import DISABLE, annotations_of
from rllib_remix.settings import SomeOf

NAME = "ASCII letters, digits and underscores, no digit first"  # Ray's keys are ASCII


def is_name(name: object) -> bool:
    """Whether something can be registered under this name."""
    return isinstance(name, str) and name.isascii() and name.isidentifier()


def is_same(one: Any, other: Any) -> bool:
    """Whether two functions, or two classes, are one: also if it was defined again, because its module was reloaded, its
    script run again or its code sent to another process."""
    if one is other:
        return True
    if (one.__module__, one.__qualname__) != (other.__module__, other.__qualname__):
        return False
    if inspect.isfunction(one) and inspect.isfunction(other):
        if one.__code__ == other.__code__:
            return True
        if "<" in one.__qualname__:  # Functions in functions, and lambdas, may share their names.
            return False
    # Scripts of different folders may share the names of their modules.
    files = _files(one), _files(other)
    return one.__module__ == "__main__" or not all(files) or bool(set.intersection(*files))


def _files(defined: Any) -> set[str]:
    """Where a function stands, or the methods of a class."""
    parts = vars(defined).values() if isinstance(defined, type) else [defined]
    codes = [getattr(getattr(part, "__func__", part), "__code__", None) for part in parts]
    return {code.co_filename for code in codes if code is not None}


def check_scheme(owner: str, scheme: Scheme) -> None:
    """Raises SettingError unless `register_weighting` can take what it was given, which `owner` names in messages."""
    for what, names in (("terms", scheme.terms), ("shares", scheme.shares)):
        if not isinstance(names, list | tuple) or not all(map(is_name, names)):
            raise SettingError(
                f"{owner}: {what}: {shown(names)} is not allowed; it must be a list of names, each of {NAME}."
            )
    if not inspect.isfunction(scheme.function):
        raise SettingError(
            f"{owner}: {shown(scheme.function)} is not allowed; it must be a function, made by `def` or `lambda`."
        )
    _check_parameters(owner, scheme.function)
    _check_annotations(owner, scheme)


def _check_parameters(owner: str, function: Callable[..., Any]) -> None:
    form = f"allowed: {function.__name__}(inputs, *, name: Annotated[type, what it may be] = default, …)"
    parameters = list(inspect.signature(function).parameters.values())
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise SettingError(f"{owner}: the function takes no WeightingInputs; {form}.")
    for each in parameters[1:]:
        if each.kind is not each.KEYWORD_ONLY:
            raise SettingError(
                f"{owner}: {str(each)!r} can be no setting: it must stand behind a `*`; {form}."
            )
        if each.default is each.empty:
            raise SettingError(f"{owner}: setting {each.name!r} has no default; {form}.")


def _check_annotations(owner: str, scheme: Scheme) -> None:
    try:
        found = annotations_of(scheme)
    except Exception as error:  # Evaluating them runs code.
        raise SettingError(
            f"{owner}: the annotations of its settings cannot be evaluated ({type(error).__name__}: {error})."
        ) from error
    for name, default in scheme.settings().items():
        allowed = found[name].allowed
        if allowed is None:
            raise SettingError(
                f"{owner}: the annotation of setting {name!r} does not say what it may be; it must be such as "
                "Annotated[float, Interval(0, 1)], with one of the kinds of rllib_remix.settings."
            )
        if name == DISABLE and not isinstance(allowed, SomeOf):
            raise SettingError(
                f"{owner}: setting {DISABLE!r} must be a list of names: Annotated[list[str], SomeOf(…)], or without an "
                "annotation one of the names in `terms`."
            )
        found[name].check(f"{owner}: the default of {name!r}", default)
