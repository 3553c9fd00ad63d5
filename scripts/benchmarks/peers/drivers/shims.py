"""What a peer imports and this machine lacks, or has under another name. Imported in the peers' own environments."""

from __future__ import annotations

import importlib
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ClassVar


class _StandIn(ModuleType):
    """A module of which everything may be imported; what is imported does nothing."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def stand_in(*names: str) -> None:
    """Lets these modules be imported although they are not there; for what a peer imports and QMIX never calls."""
    for name in names:
        sys.modules[name] = _StandIn(name)
        sys.modules[name].__spec__ = ModuleSpec(name, None)  # PyTorch looks for some of them


def hand_mpe2() -> None:
    """Lets `pettingzoo.mpe` be imported, which PettingZoo has given away: it is mpe2 now."""
    mpe2 = importlib.import_module("mpe2")
    sys.modules["pettingzoo.mpe"] = mpe2
    sys.modules["pettingzoo.mpe.simple_spread_v3"] = importlib.import_module("mpe2.simple_spread_v3")
    games = ModuleType("pettingzoo.mpe.all_modules")
    games.mpe_environments = {"mpe/simple_spread_v3": importlib.import_module("mpe2.simple_spread_v3")}  # type: ignore
    sys.modules[games.__name__] = games
