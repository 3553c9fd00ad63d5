"""The study `random_games`: run and report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.errors import UserError
from rllib_remix.files.durable import write_whole
from rllib_remix.reporting.statistics import standard_error
from rllib_remix.studies.random_games.games import joint_actions
from rllib_remix.studies.random_games.readings import READINGS_COMPARED, SCHEMES_COMPARED, TERMS_COMPARED
from rllib_remix.studies.random_games.records import GAMES, KINDS, Kind, fill, read

TITLE = "Weightings on a thousand random games"
SOURCE = "ours"
CLAIM = (
    "Do the weights lead to better joint actions where nothing but the weights differs? One-step games with random payoffs that no "
    "monotonic value represents, learned full-batch, without exploration."
)
COST = f"{len(KINDS)} kinds of {GAMES:,} games, 26 weightings; some 40 minutes of one core"
REFERENCE = "uniform (QMIX)"
# Weightings of which one lacks a term of the other.
_TERMS = (
    ("ReMIX, clip", "ReMIX without G", "G"),
    ("ReMIX, clip", "ReMIX without V", "V"),
    ("ReMIX, clip", "ReMIX without B", "B"),
    ("MAC-PO", "MAC-PO without J (DisCor)", "J"),
)


def run(storage: Path, say: Callable[[str], object]) -> None:
    """Learns all games that are not learned yet; results are in `storage`."""
    storage.mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        fill(storage / kind.file, kind, SCHEMES_COMPARED | TERMS_COMPARED | READINGS_COMPARED, say)


def report(storage: Path, out: Path) -> list[Path]:
    """Writes random_games.md, and copies the raw results beside it.

    Raises:
        UserError: nothing was run yet.
    """
    found = {kind: read(storage / kind.file) for kind in KINDS if (storage / kind.file).exists()}
    if not found:
        raise UserError(
            "study random_games: nothing was run yet; begin with `rllib reproduce run random_games`."
        )
    out.mkdir(parents=True, exist_ok=True)
    parts = [f"{overview(found)}\n"]
    for kind, content in found.items():
        parts.append(f"**{kind.name}**\n\n{table(content)}\n\n{by_isolation(kind, content)}\n")
        if storage.resolve() != out.resolve():
            write_whole(out / kind.file, (storage / kind.file).read_bytes())
    file = out / "random_games.md"
    write_whole(file, "\n".join(parts).encode())
    return [file]


def overview(found: Mapping[Kind, dict[str, Any]]) -> str:
    """A line for each weighting: at the end, the share of games solved, and the regret minus QMIX's, of every kind of games."""
    heads = ["weighting", *(f"{kind.name}: solved, regret minus QMIX's" for kind in found)]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for name in SCHEMES_COMPARED | TERMS_COMPARED | READINGS_COMPARED:
        cells = [_at_the_end(content["found"], name) for content in found.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |".replace("-0.", "−0."))
    return "\n".join(lines)


def _at_the_end(found: dict[str, Any], name: str) -> str:
    if name not in found or REFERENCE not in found:
        return "–"
    solved, _ = found[name]["solved"][-1]
    own, reference = (np.array(found[each]["last_regret"]) / 100 for each in (name, REFERENCE))
    return f"{100 * solved:.0f} % {_difference(own, reference, name == REFERENCE)}".strip()


def table(content: dict[str, Any]) -> str:
    """A line for each weighting: shares solved and regrets, and the regret's difference from QMIX's on the same games."""
    updates, found = content["updates"], content["found"]
    heads = [
        "weighting",
        *(f"solved at {each:,}" for each in updates),
        *(f"regret at {each:,}" for each in updates[-2:]),
    ]
    heads += ["minus QMIX's", "agreement at 300", f"at {updates[-1]:,}"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    reference = np.array(found[REFERENCE]["last_regret"]) / 100 if REFERENCE in found else None
    for name, numbers in found.items():
        cells = [name, *(f"{100 * share:.0f} %" for share, _ in numbers["solved"])]
        cells += [f"{value:.2f} ± {width:.2f}" for value, width in numbers["regret"][-2:]]
        cells.append(_difference(np.array(numbers["last_regret"]) / 100, reference, name == REFERENCE))
        cells += [_agreement(numbers["agreement"][index]) for index in (1, -1)]
        lines.append(f"| {' | '.join(cells)} |".replace("-0.", "−0."))
    return "\n".join(lines)


def _difference(regrets: np.ndarray, reference: np.ndarray | None, is_reference: bool) -> str:
    if reference is None or is_reference:
        return ""
    difference = regrets - reference
    return f"{difference.mean():+.2f} ± {1.96 * standard_error(difference):.2f}"


def _agreement(numbers: list[float | None]) -> str:
    return "–" if numbers[0] is None else f"{numbers[0]:+.2f}"


def by_isolation(kind: Kind, content: dict[str, Any]) -> str:
    """Where terms pay: the regret with a term minus that without, by thirds of how isolated the best payoff is."""
    found = content["found"]
    pairs = [each for each in _TERMS if each[0] in found and each[1] in found]
    order = np.array_split(np.argsort(isolation(kind, content["games"])), 3)
    heads = [
        "term: regret with it minus without",
        "best payoff least isolated third",
        "middle",
        "most isolated",
    ]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for with_term, without, term in pairs:
        gain = (np.array(found[with_term]["last_regret"]) - np.array(found[without]["last_regret"])) / 100
        thirds = [f"{gain[part].mean():+.2f} ± {1.96 * standard_error(gain[part]):.2f}" for part in order]
        lines.append(f"| {term} of {with_term} | {' | '.join(thirds)} |".replace("-0.", "−0."))
    return "\n".join(lines)


def isolation(kind: Kind, games: int) -> np.ndarray:
    """[G] float64: the best payoff minus the mean of those that one agent's other action leads to, in deviations."""
    payoffs = kind.payoffs(games).double().numpy() / kind.scale
    joint = joint_actions(kind.n_agents, kind.n_actions).numpy()
    one_away = (joint[:, None] != joint[None, :]).sum(-1) == 1  # [K, K]
    best = payoffs.argmax(-1)
    around = one_away[best]  # [G, K]
    return payoffs.max(-1) - (payoffs * around).sum(-1) / around.sum(-1)
