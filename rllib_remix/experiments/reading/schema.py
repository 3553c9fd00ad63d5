"""What the keys of an experiment in a file may hold: the one place that says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.experiment import MAX_COUNT
from rllib_remix.experiments.search.points import MAX_TRIALS
from rllib_remix.files.text_files import check_path_text
from rllib_remix.settings import check_choice, check_flag, check_keys, check_number


@dataclass(frozen=True)
class Kind:
    """A kind of value: the types, and what a message says that the key must do."""

    types: tuple[type, ...]
    must: str
    may_be_empty: bool = False  # whether a key with nothing after it is as if it were left out

    def check(self, name: str, value: Any) -> None:
        """Raises UserError unless the value is of this kind."""
        if not isinstance(value, self.types) or (isinstance(value, str) and not value.strip()):
            raise UserError(f"{name} must {self.must}; got {shown(value)}.")
        if isinstance(value, Mapping):
            for key in value:
                if not isinstance(key, str) or not key.isprintable():
                    raise UserError(f"{name}: key {shown(key)} is not allowed; keys are names.")


@dataclass(frozen=True)
class Count:
    """An integer in an interval."""

    low: int
    high: int = MAX_COUNT
    may_be_empty: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raises SettingError unless the value is a whole number in the interval."""
        check_number(name, value, low=self.low, high=self.high, integer=True)


@dataclass(frozen=True)
class Flag:
    """true or false."""

    may_be_empty: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raises SettingError unless the value is true or false."""
        check_flag(name, value)


@dataclass(frozen=True)
class Choice:
    """One of some names."""

    names: tuple[str, ...]
    may_be_empty: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raises SettingError unless the value is one of the names."""
        check_choice(name, value, self.names)


@dataclass(frozen=True)
class PathText:
    """The path of a file or folder, or an address such as s3://…"""

    may_be_empty: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raises UserError unless the value can be a path."""
        check_path_text(name, value)


Schema = Mapping[str, Kind | Count | Flag | Choice | PathText]

EXPERIMENT: Schema = {
    "run": Kind((str,), "name an algorithm, such as ReMIX"),
    "env": Kind((str,), "name an environment, such as predator_prey"),
    "stop": Kind((Mapping,), "map result keys to numbers", may_be_empty=True),
    "num_samples": Count(1, MAX_TRIALS),
    "storage_path": PathText(),
    "checkpoint_config": Kind((Mapping,), "map names to values", may_be_empty=True),
    "resources_per_trial": Kind((Mapping,), "map resources to amounts, such as {cpu: 2}", may_be_empty=True),
    "max_failures": Count(-1),
    "restore": PathText(),
    "scheduler": Kind((str, Mapping), "be a name or {type: name, …settings}"),
    "search": Kind(
        (str, Mapping), "be a name or map algorithm, metric, mode, max_concurrent, seed to values"
    ),
    "config": Kind((Mapping,), "map settings to values", may_be_empty=True),
}
# Keys of ray.tune.CheckpointConfig.
CHECKPOINTS: Schema = {
    "checkpoint_frequency": Count(0, may_be_empty=True),
    "checkpoint_at_end": Flag(may_be_empty=True),
    "num_to_keep": Count(1, may_be_empty=True),
    "checkpoint_score_attribute": Kind((str,), "be the key of a result", may_be_empty=True),
    "checkpoint_score_order": Choice(("max", "min"), may_be_empty=True),
}


def checked(owner: str, schema: Schema, given: Mapping[Any, Any]) -> dict[str, Any]:
    """The values that are given, by key, without those that are empty and may be.

    Args:
        owner: what they are of, for messages.
        schema: what every key may hold.
        given: as the file has it.

    Raises:
        SettingError, UserError: for an unknown key, with the nearest, or a value that cannot be.
    """
    check_keys(owner, given, schema)
    values = {}
    for key, value in given.items():
        if value is None and schema[key].may_be_empty:
            continue
        schema[key].check(f"{owner}: {key}", value)
        values[key] = value
    return values
