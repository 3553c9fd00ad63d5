"""YAML as its version 1.2 has it, within limits: what the versions read in different ways is refused with its line."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

import yaml

from rllib_remix.errors import UserError, shown
from rllib_remix.files.text_files import MAX_DEPTH, MAX_INTEGER, MAX_VALUES

_PARSER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is 50 times as fast
_TAG = "tag:yaml.org,2002:"
_TYPES = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None), "seq": list, "map": dict}
_MAX_REPARSED = 50_000  # characters
MERGE = "<<"

_NULLS = ("", "~", "null", "Null", "NULL")
_FLAGS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+(_[0-9]+)*")  # 1_000 as in Python, and as YAML 1.1 has it
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(_[0-9]+)*(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITY = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_OCTAL = re.compile(r"[-+]?0[0-9_]+")  # in YAML 1.1, PyYAML's; decimal in 1.2
_NAN = re.compile(r"\.(nan|NaN|NAN)")


def read_yaml_text(owner: str, text: str) -> Any:
    """What a YAML document holds: text, numbers, flags, null, lists and dicts, each alias a copy of its own.

    Args:
        owner: the file or option, for messages.
        text: the document.

    Raises:
        UserError: with the line, for what is not YAML, a key given twice, an alias within itself, a tag of another
            type, text that could mean two things (`no`, `010`, `1:30`), and what is larger or deeper than settings are.
    """
    try:
        return _Reader(owner, yaml.parse(text, Loader=_PARSER)).read()
    except yaml.MarkedYAMLError as error:
        error = _as_python_tells(text) or error
        mark = error.problem_mark or error.context_mark
        raise UserError(f"{owner}{_place(mark)}: not YAML: {_problem(error, text)}.") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UserError(
            f"{owner}, line {line}: not YAML: the character {shown(chr(_code(error)))} is not allowed."
        ) from None
    except yaml.YAMLError as error:
        raise UserError(f"{owner}: not YAML: {shown(str(error))}.") from None


class _Reader:
    """Builds one document's value from PyYAML's events."""

    def __init__(self, owner: str, events: Iterator[Any]):
        self._owner, self._events = owner, events
        self._anchors: dict[str, tuple[Any, int]] = {}  # value, and how many values it holds
        self._open: list[str] = []  # anchors of what is being read
        self._count = 0

    def read(self) -> Any:
        content = None
        documents = 0
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error(event, "a second document begins; a file must hold one")
                content = self._value(next(self._events), 0)
        return content

    def _value(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if depth > MAX_DEPTH:
            raise self._error(event, f"it is nested more than {MAX_DEPTH} levels deep")
        before = self._count
        self._counted(event, 1)
        if event.anchor:
            self._open.append(event.anchor)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = [self._value(each, depth + 1) for each in self._until(yaml.SequenceEndEvent)]
        else:
            value = self._mapping(depth)
        if event.tag not in (None, "!"):
            value = self._typed(event, value)
        if event.anchor:
            self._open.pop()
            self._anchors[event.anchor] = value, self._count - before
        return value

    def _until(self, end: type) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _mapping(self, depth: int) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        merged: list[dict[Any, Any]] = []
        lines: dict[Any, int] = {}
        for event in self._until(yaml.MappingEndEvent):
            key = self._key(event)
            line = event.start_mark.line + 1
            if key in lines:
                raise self._error(event, f"key {shown(key)} is given twice, first in line {lines[key]}")
            lines[key] = line
            if key == MERGE and event.implicit[0]:
                merged = self._merged(event, self._value(next(self._events), depth + 1))
            else:
                mapping[key] = self._value(next(self._events), depth + 1)
        base: dict[Any, Any] = {}
        for source in reversed(merged):  # Of several, the first wins.
            base |= source
        return base | mapping

    def _key(self, event: Any) -> Any:
        """A key is text, unless it is a number that is written as Python writes it."""
        if not isinstance(event, yaml.ScalarEvent):
            raise self._error(event, "a key must be text or a number, not a list, a mapping or an alias")
        if event.anchor or event.tag not in (None, "!", f"{_TAG}str"):
            raise self._error(event, f"key {shown(event.value)} has an anchor or a tag; leave it out")
        self._counted(event, 1)
        if event.implicit[0] and re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", event.value):
            return int(event.value)
        if event.implicit[0] and event.value in _NULLS:
            raise self._error(event, "a key is null; give it a name")
        return event.value

    def _merged(self, event: Any, value: Any) -> list[dict[Any, Any]]:
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            raise self._error(event, f"{MERGE} must be a mapping or a list of mappings, got {shown(value)}")
        return sources

    def _alias(self, event: Any) -> Any:
        if event.anchor in self._open:
            raise self._error(event, f"alias *{_bare(event.anchor)} stands within itself")
        if event.anchor not in self._anchors:
            raise self._error(event, f"alias *{_bare(event.anchor)} has no anchor before it")
        value, size = self._anchors[event.anchor]
        self._counted(event, size)
        return copy.deepcopy(value)

    def _scalar(self, event: Any) -> Any:
        plain = event.implicit[0] or event.tag in (
            f"{_TAG}{name}" for name in ("int", "float", "bool", "null")
        )
        return self._plain(event) if plain else event.value

    def _plain(self, event: Any) -> Any:
        text = event.value
        if text in _NULLS:
            return None
        if text in _FLAGS:
            return _FLAGS[text]
        self._refuse_octal(event, text)
        if _INTEGER.fullmatch(text):
            return self._integer(event, text, 10)
        if _BASED.fullmatch(text):
            return self._integer(event, text, 0)
        if _FLOAT.fullmatch(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                raise self._error(event, f"{shown(text)} is beyond all numbers; write .inf for infinity")
            return number
        if match := _INFINITY.fullmatch(text):
            return float(f"{match[1]}inf")
        return self._text(event, text)

    def _integer(self, event: Any, text: str, base: int) -> int:
        if len(text) > 100 or abs(number := int(text, base)) > MAX_INTEGER:
            raise self._error(event, f"the integer {_bare(text)} has more than 64 bits")
        return number

    def _refuse_octal(self, event: Any, text: str) -> None:
        if _OCTAL.fullmatch(text):
            decimal = text.lstrip("+-0_") or "0"
            sign = "-" if text.startswith("-") else ""
            raise self._error(
                event,
                f"{_bare(text)} is octal in YAML 1.1 and decimal in 1.2; write {sign}{_bare(decimal)}, or 0o… for an "
                f"octal number, or '{_bare(text)}' in quotes for text",
            )

    def _text(self, event: Any, text: str) -> str:
        """What is text in YAML 1.2; refused where it was something else in 1.1, unless nobody ever means that."""
        if _NAN.fullmatch(text):
            raise self._error(event, f"{text} is not allowed; numbers must be numbers")
        was = _type_in_1_1(text)
        if was == "bool":
            flag = "true" if text.lower() in ("yes", "on") else "false"
            raise self._error(
                event,
                f"{text} is {flag} in YAML 1.1 and text in 1.2; write {flag}, or '{text}' in quotes for text",
            )
        if was in ("int", "float"):
            raise self._error(
                event,
                f"{_bare(text)} is a number in YAML 1.1 and text in 1.2; write the number as 0.5, 10 or 1e-3, or "
                f"'{_bare(text)}' in quotes for text",
            )
        return text

    def _typed(self, event: Any, value: Any) -> Any:
        name = event.tag.removeprefix(_TAG)
        if not event.tag.startswith(_TAG) or name not in _TYPES:
            allowed = ", ".join(f"!!{name}" for name in _TYPES)
            tag = event.tag.replace(_TAG, "!!")
            raise self._error(event, f"tag {shown(tag)} is not allowed; allowed: none, or {allowed}")
        if name == "float" and type(value) is int:
            return float(value)
        if type(value) is not _TYPES[name]:
            raise self._error(event, f"{shown(value)} is not what its tag !!{name} says")
        return value

    def _counted(self, event: Any, size: int) -> None:
        self._count += size
        if self._count > MAX_VALUES:
            raise self._error(event, f"it holds more than {MAX_VALUES:,} values, aliases written out")

    def _error(self, event: Any, what: str) -> UserError:
        return UserError(f"{self._owner}{_place(event.start_mark)}: {what}.")


def _as_python_tells(text: str) -> yaml.MarkedYAMLError | None:
    """The error of PyYAML's own parser, which is slower than libyaml's and says more exactly where it is."""
    try:
        for _ in yaml.parse(text if len(text) <= _MAX_REPARSED else "", Loader=yaml.SafeLoader):
            pass
    except yaml.MarkedYAMLError as error:
        return error
    except yaml.YAMLError:
        pass
    return None


def _type_in_1_1(text: str) -> str:
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], []):
        if pattern.match(text):
            return tag.removeprefix(_TAG)
    return "str"


def _bare(text: str) -> str:
    return shown(text)[1:-1]


def _place(mark: Any) -> str:
    return f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def _problem(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = str(error.problem or error.context)
    mark = error.problem_mark
    lines = text.splitlines()
    if mark and mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        return f"{problem}; there is a tab: indent with spaces"
    return problem


def _code(error: yaml.reader.ReaderError) -> int:
    return error.character if isinstance(error.character, int) else ord(error.character)
