"""Settings in groups: dataclasses whose fields say once what a setting is called, may be, is by default and means."""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
from typing import Any, ClassVar, NamedTuple, TypeVar

from rllib_remix.settings import Allowed

Group = TypeVar("Group", bound="SettingGroup")


def setting(default: Any, allowed: Allowed | None, text: str, *, before: str | None = None) -> Any:
    """The field of a group that is a setting: `td_lambda: float = setting(0.6, Interval(0, 1), "λ of …")`.

    Args:
        default: every config gets a copy of its own.
        allowed: what it may be, besides None where the annotation has it; None if the group's `check` says so.
        text: what it means, with its unit and where its default comes from.
        before: in a group that has another for a base, the setting of that one before which this one is listed.
    """
    metadata = {"default": default, "allowed": allowed, "text": text, "before": before}
    return dataclasses.field(default_factory=functools.partial(copy.deepcopy, default), metadata=metadata)


class Setting(NamedTuple):
    """A setting of a group."""

    name: str
    type: str  # as it is annotated
    allowed: Allowed | None
    default: Any
    text: str

    @property
    def range(self) -> str:
        """What of its type it may be; "" for all."""
        return self.allowed.text if self.allowed else ""

    @property
    def kind(self) -> str:
        """Type and range together, as in "float: [0, 1]"."""
        return f"{self.type}: {self.range}" if self.range else self.type

    def check(self, value: object) -> None:
        """Raises SettingError unless the setting may have this value."""
        may_be_none = "None" in self.type.split(" | ")
        if self.allowed is not None and not (value is None and may_be_none):
            self.allowed.check(self.name, value)


class SettingList(NamedTuple):
    """Settings under a title, as readers are shown them."""

    title: str
    text: str
    settings: list[Setting]


@dataclasses.dataclass(kw_only=True)
class SettingGroup:
    """Settings that belong together; a config has them as attributes of its own.

    A subclass is a dataclass of `setting` fields, kw_only; its docstring's first line says what they are for.
    """

    title: ClassVar[str]  # as lists show it

    @classmethod
    def settings(cls) -> list[Setting]:
        """All of them, in the order in which configs, signatures and tables have them."""
        return [entry._replace(default=copy.deepcopy(entry.default)) for entry in _entries(cls)]

    @classmethod
    def about(cls) -> str:
        """What the settings are for: the first line of the docstring."""
        return (inspect.getdoc(cls) or "").split("\n")[0]

    @classmethod
    def of(cls: type[Group], config: Any) -> Group:
        """The group with a config's values."""
        return cls(**{field.name: getattr(config, field.name) for field in dataclasses.fields(cls)})

    @classmethod
    def described(cls, config: Any) -> SettingList:
        """The group for readers, with a config's values in the place of the defaults."""
        entries = [entry._replace(default=getattr(config, entry.name)) for entry in cls.settings()]
        return SettingList(cls.title, cls.about(), entries)

    def check(self) -> None:
        """Raises SettingError for the first setting that cannot be; subclasses add what two of them rule out."""
        for entry in self.settings():
            entry.check(getattr(self, entry.name))


@functools.cache
def _entries(group: type[SettingGroup]) -> list[Setting]:
    """The settings of a group with the one default of all configs, to be copied."""
    found: list[Setting] = []
    for field in dataclasses.fields(group):
        about = field.metadata
        kind = field.type if isinstance(field.type, str) else inspect.formatannotation(field.type)
        entry = Setting(field.name, kind, about["allowed"], about["default"], about["text"])
        names = [other.name for other in found]
        found.insert(names.index(about["before"]) if about["before"] else len(found), entry)
    return found
