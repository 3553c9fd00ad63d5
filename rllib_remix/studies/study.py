"""What a study compares: environments, algorithms, settings, seeds and env steps, read from one declared file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rllib_remix.errors import SettingError, UserError, shown, unknown
from rllib_remix.files.text_files import read_text
from rllib_remix.files.yaml_text import read_yaml_text
from rllib_remix.settings import check_count, check_flag, check_keys, check_number
from rllib_remix.studies.own import OWN

DECLARED = Path(__file__).parent / "declared"
METRICS = {"greedy": "greedy return", "wins": "share of battles won, greedy"}
MAX_SEEDS = 1000
_MAX_STEPS = 10**12


@dataclass(frozen=True)
class Panel:
    """One part of a study's figure: a task."""

    env: str
    env_config: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)  # settings of the algorithms on this task
    best: float | None = None  # return that nothing can exceed
    threshold: float | None = None  # return by which the time to learn is told
    random: float | None = None  # return of random available actions
    lowest: float | None = None  # of what the figure shows; all if it is not said


@dataclass(frozen=True)
class Contender:
    """One curve of every panel."""

    run: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Budget:
    """How much of everything; `paper` is what the papers ran, `small` what a few cores can run."""

    env_steps: int
    seeds: int
    config: Mapping[str, Any] = field(default_factory=dict)
    minutes: float | None = None  # of one core that a run took on the machine of docs/results.md


@dataclass(frozen=True)
class Study:
    """A comparison of algorithms on tasks."""

    name: str
    title: str
    source: str  # the figure of a paper, or that it is ours
    claim: str  # what the paper says, or what is asked
    metric: str
    panels: Mapping[str, Panel]
    algorithms: Mapping[str, Contender]
    budgets: Mapping[str, Budget]
    config: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None  # the algorithm that others are compared with
    weights: bool = False  # whether the report has heat maps of the loss weights too


def study_names() -> list[str]:
    """The studies that come with the package."""
    return sorted(file.stem for file in DECLARED.glob("*.yaml"))


def find_study(name: str) -> Study:
    """A study of the package by its name, or the user's own by its file.

    Raises:
        UserError, SettingError: there is no such study, or its file does not describe one.
    """
    if name.endswith((".yaml", ".yml")):
        return read_study(Path(name))
    if name not in study_names():
        raise unknown("study", name, [*OWN, *study_names(), "a .yaml file"])
    return read_study(DECLARED / f"{name}.yaml")


def read_study(file: Path) -> Study:
    """The study that a YAML file declares.

    Raises:
        UserError: it cannot be read.
        SettingError: a key or a value is none; names it.
    """
    where = str(file)
    content = _mapping(where, read_yaml_text(where, read_text(file, what="study")))
    texts = ("title", "source", "claim", "metric", "reference")
    check_keys(where, content, [*texts, "panels", "algorithms", "budgets", "config", "weights"])
    told = {name: _text(f"{where}: {name}", content[name]) for name in texts if name in content}
    for name in ("title", "source", "claim", "panels", "algorithms", "budgets"):
        if name not in content:
            raise UserError(f"{where}: {name} is missing.")
    metric = told.pop("metric", "greedy")
    if metric not in METRICS:
        raise unknown(f"{where}: metric", metric, METRICS)
    algorithms = _each(f"{where}: algorithms", content["algorithms"], _contender)
    check_flag(f"{where}: weights", content.get("weights", False))
    reference = told.pop("reference", None)
    if reference is not None and reference not in algorithms:
        raise unknown(f"{where}: reference", reference, algorithms)
    return Study(
        name=file.stem,
        metric=metric,
        panels=_each(f"{where}: panels", content["panels"], _panel),
        algorithms=algorithms,
        budgets=_each(f"{where}: budgets", content["budgets"], _budget),
        config=_mapping(f"{where}: config", content.get("config", {})),
        reference=reference,
        weights=content.get("weights", False),
        **told,
    )


def _panel(where: str, spec: Mapping[str, Any]) -> Panel:
    numbers = ("best", "threshold", "random", "lowest")
    _check_keys(where, spec, ("env", "env_config", "config", *numbers), needed=("env",))
    for name in numbers:
        if spec.get(name) is not None:
            check_number(f"{where}: {name}", spec[name])
    best, lowest = spec.get("best"), spec.get("lowest")
    if best is not None and lowest is not None and lowest >= best:
        raise SettingError(f"{where}: lowest: {lowest:g} is not allowed; it must be below best, {best:g}.")
    return Panel(
        env=_text(f"{where}: env", spec["env"]),
        env_config=_mapping(f"{where}: env_config", spec.get("env_config", {})),
        config=_mapping(f"{where}: config", spec.get("config", {})),
        **{name: spec.get(name) for name in numbers},
    )


def _contender(where: str, spec: Mapping[str, Any]) -> Contender:
    _check_keys(where, spec, ("run", "config"), needed=("run",))
    return Contender(
        _text(f"{where}: run", spec["run"]), _mapping(f"{where}: config", spec.get("config", {}))
    )


def _budget(where: str, spec: Mapping[str, Any]) -> Budget:
    _check_keys(where, spec, ("env_steps", "seeds", "config", "minutes"), needed=("env_steps", "seeds"))
    check_count(f"{where}: env_steps", spec["env_steps"], low=1, high=_MAX_STEPS)
    check_count(f"{where}: seeds", spec["seeds"], low=1, high=MAX_SEEDS)
    if spec.get("minutes") is not None:
        check_number(f"{where}: minutes", spec["minutes"], low=0)
    config = _mapping(f"{where}: config", spec.get("config", {}))
    return Budget(spec["env_steps"], spec["seeds"], config, spec.get("minutes"))


def _each(where: str, value: object, read: Callable[[str, Mapping[str, Any]], Any]) -> dict[str, Any]:
    entries = _mapping(where, value)
    if not entries:
        raise UserError(f"{where}: is empty; give at least one, as `name: {{…}}`.")
    return {
        str(name): read(f"{where}: {name}", _mapping(f"{where}: {name}", entries[name])) for name in entries
    }


def _check_keys(
    where: str, spec: Mapping[str, Any], allowed: Collection[str], *, needed: Collection[str]
) -> None:
    check_keys(where, spec, allowed)
    for name in needed:
        if name not in spec:
            raise UserError(f"{where}: {name} is missing.")


def _mapping(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingError(f"{where}: must map names to values, got {shown(value)}.")
    return dict(value)


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingError(f"{where}: must be a text, got {shown(value)}.")
    return " ".join(value.split())
