"""What makes an environment: what is called for it, and how it takes the settings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from rllib_remix.errors import SettingError, nearest, shown

# How authors call a first argument that takes all settings, as RLlib gives them.
_CONFIG = re.compile(
    r"_*(env_?)?(config(uration)?|context|conf|cfg|ctx|settings|params|options|args|kwargs)_*"
)
# A first argument of these names is a setting of its own, although its default is None.
_SETTINGS = ("render_mode", "seed")
_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")


@dataclass(frozen=True)
class Maker:
    """What stands behind a name.

    Attributes:
        name: as the user gave it; of something else than a name, how messages call it.
        create: what is called.
        takes_config: whether it is called with one argument, the settings, as RLlib does; else they are its keywords.
        settings: keywords that it is known to take, for suggestions.
        is_of_gymnasium: whether it is an id of Gymnasium's registry.
    """

    name: str
    create: Callable[..., Any]
    takes_config: bool = False
    settings: Collection[str] = ()
    is_of_gymnasium: bool = False

    def make(self, settings: Mapping[str, Any]) -> Any:
        """A new environment.

        Raises:
            SettingError: a setting that it does not take, or one that is missing. What its own code raises, it raises.
        """
        self.check_can_be_called(settings)
        if self._as_one_argument(settings):
            return self.create(settings)
        try:
            return self.create(**settings)
        except TypeError as error:
            if not self._is_of_the_call(error, settings):
                raise
            raise self._of_arguments(error, settings) from error

    def _is_of_the_call(self, error: TypeError, settings: Mapping[str, Any]) -> bool:
        """Whether the settings did not fit what is called, or what it hands them on to, not what that calls in turn."""
        assert error.__traceback__ is not None
        if error.__traceback__.tb_next is None:
            return True
        if (found := _UNEXPECTED.search(str(error))) is not None:
            return found[1] not in self.settings
        signature = _signature(self.create)
        if signature is None:
            return False
        try:
            signature.bind(**settings)
        except TypeError:
            return True
        return False

    def check_can_be_called(self, settings: Mapping[str, Any]) -> None:
        """Raises SettingError for what needs more than the one argument that it would be called with."""
        signature = _signature(self.create)
        if signature is None or not self._as_one_argument(settings):
            return
        try:
            signature.bind({})
        except TypeError as error:
            called = getattr(self.create, "__name__", self.name)
            raise SettingError(
                f"env: {called}{_short(signature)} cannot be called with one argument, the settings, as RLlib does; let "
                "it take `config`, give all of its arguments in env_config, or register a function with "
                f'ray.tune.register_env("…", lambda config: {called}(…)).'
            ) from error

    def _as_one_argument(self, settings: Mapping[str, Any]) -> bool:
        """Settings that name all that it needs, or nothing but its arguments, are its keywords, as in `def make(size)`."""
        if not self.takes_config or not settings:
            return self.takes_config
        signature = _signature(self.create)
        parameters = list(signature.parameters.values()) if signature else []
        if not parameters or _CONFIG.fullmatch(parameters[0].name):
            return True
        needed = {each.name for each in parameters if _is_needed(each)}
        return not needed <= set(settings) if needed else not set(settings) <= set(keywords_of(self.create))

    def _of_arguments(self, error: TypeError, settings: Mapping[str, Any]) -> Exception:
        """What an error says of the settings, if it is of them."""
        found = _UNEXPECTED.search(str(error))
        if found and found[1] in settings:
            guess = nearest(found[1], self.settings)
            hint = f"; did you mean {guess!r}?" if guess else "."
            allowed = ", ".join(self.settings) or "none"
            return SettingError(
                f"env_config of {self.name}: unknown key {shown(found[1])}{hint} Allowed: {allowed}."
            )
        if "required" in str(error) and "argument" in str(error):
            return SettingError(f"env_config of {self.name}: {error}; give it in env_config.")
        return error


def of_callable(name: str, creator: Callable[..., Any]) -> Maker:
    """The maker of a user's class or function, which takes one config or has keywords of its own."""
    return Maker(name, creator, takes_config(creator), keywords_of(creator))


def takes_config(creator: Callable[..., Any]) -> bool:
    """Whether a class or function is to be called with one argument, the settings, as RLlib does.

    It is if it needs an argument, or if its first has the name, the annotation or the default of one that takes them
    all. Everything else, such as `def __init__(self, size=5)`, has a keyword for each setting.
    """
    signature = _signature(creator)
    if signature is None:
        return True
    first = next(iter(signature.parameters.values()), None)
    if first is None or first.kind in (first.VAR_KEYWORD, first.KEYWORD_ONLY):
        return False
    if first.default is first.empty or first.kind is first.VAR_POSITIONAL:
        return True
    if _CONFIG.fullmatch(first.name) or isinstance(first.default, Mapping):
        return True
    if first.annotation is not first.empty and re.search(
        r"[Dd]ict|Mapping|EnvContext", str(first.annotation)
    ):
        return True
    return first.default is None and first.name not in _SETTINGS


def keywords_of(creator: Callable[..., Any]) -> list[str]:
    """The names of the arguments that it takes by keyword."""
    signature = _signature(creator)
    parameters = signature.parameters.values() if signature else ()
    return [each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]


def _is_needed(parameter: inspect.Parameter) -> bool:
    kinds = (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return parameter.kind in kinds and parameter.default is parameter.empty


def _signature(creator: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(creator)
    except (TypeError, ValueError):
        return None  # It does not tell.


def _short(signature: inspect.Signature) -> str:
    text = str(signature)
    return text if len(text) <= 100 else "(…)"
