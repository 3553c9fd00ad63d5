"""The trained teams of the package: their names, how they were made, and how well they play."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from pathlib import Path

from rllib_remix.errors import unknown

PREFIX = "zoo:"  # of a team's name where a checkpoint is asked for
TEAMS = Path(__file__).parent / "teams"
ENTRY = "zoo.json"


@dataclass(frozen=True)
class ZooTeam:
    """A trained team; its folder is an export of what acting needs."""

    name: str
    text: str  # what it plays
    command: str  # that trained it, in a checkout
    env_steps: int  # of the training
    episodes: int  # greedy ones, that the two numbers below are over
    mean: float  # return, in the game's unit
    deviation: float  # standard deviation of the returns of single episodes

    @property
    def half_width(self) -> float:
        """Half of the 95 % confidence interval of the mean."""
        return 1.96 * self.deviation / self.episodes**0.5


def zoo_teams() -> list[ZooTeam]:
    """All teams, by name."""
    names = {field.name for field in fields(ZooTeam)} - {"name"}
    found = []
    for file in sorted(TEAMS.glob(f"*/{ENTRY}")):
        said = json.loads(file.read_text(encoding="utf-8"))
        found.append(ZooTeam(name=file.parent.name, **{name: said[name] for name in names}))
    return found


def located(path: Path | str) -> Path:
    """The folder of a team whose name stands behind `zoo:`; every other path as it is.

    Raises:
        SettingError: there is no such team; names the nearest.
    """
    text = str(path)
    if not text.startswith(PREFIX):
        return Path(path)
    name = text.removeprefix(PREFIX)
    names = [team.name for team in zoo_teams()]
    if name not in names:
        raise unknown("zoo", name, names)
    return TEAMS / name
