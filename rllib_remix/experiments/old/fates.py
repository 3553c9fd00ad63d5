"""What can have become of a setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kept:
    """Means the same now."""


@dataclass(frozen=True)
class Renamed:
    """Means the same now under another name."""

    name: str


@dataclass(frozen=True)
class Translated:
    """Other settings do the same now; `settings.py` says which."""


@dataclass(frozen=True)
class Dropped:
    """Did nothing that is still there, whatever its value; it is left out with a note."""

    reason: str


@dataclass(frozen=True)
class Refused:
    """Would be accepted without effect, or cannot be; `harmless` are the values that asked for nothing."""

    instead: str
    harmless: tuple[Any, ...] = (None, False)


Fate = Kept | Renamed | Translated | Dropped | Refused


def all_of(names: str, fate: Fate) -> dict[str, Fate]:
    """The same fate for every one of the names, which spaces separate."""
    return dict.fromkeys(names.split(), fate)


IN_PYTHON = "give it in a Python module, `rllib train file MODULE.py`"
TENSORFLOW = "it was TensorFlow's"
OTHER_OPTIMIZER = (
    "use `learner_class` in a Python module, with a Learner that overrides configure_optimizers_for_module"
)
