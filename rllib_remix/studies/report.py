"""Writes what came of a study: raw results, figure, tables."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rllib_remix.errors import UserError
from rllib_remix.files.durable import write_whole
from rllib_remix.files.text_files import read_text
from rllib_remix.reporting.heat_maps import draw_weights
from rllib_remix.reporting.runs import Trial
from rllib_remix.studies.figures import draw
from rllib_remix.studies.raw import Run, marl_eval_layout, write_raw
from rllib_remix.studies.study import Study
from rllib_remix.studies.summary import rows_of
from rllib_remix.studies.tables import as_csv, markdown


class Report(NamedTuple):
    """What was written of a study."""

    table: str  # Markdown
    files: list[Path]


def write_report(
    study: Study, budget: str, runs: Sequence[Run], folder: Path, trials: Sequence[Trial] = ()
) -> Report:
    """Writes NAME.json (raw), .png, .svg, .md, .csv and _marl_eval.json of a study, of some _weights.png too.

    Args:
        runs: of `collected`.
        trials: what was read for them, of which heat maps of weights are drawn; none if only raw results are there.

    Returns:
        The table, and the files.

    Raises:
        UserError: no run has evaluated yet, or a file cannot be written, or its raw results would be lost.
    """
    if not runs:
        raise UserError(
            f"study {study.name}: no run has evaluated yet; begin with `rllib reproduce run {study.name}`."
        )
    name = study.name if budget == "small" else f"{study.name}_{budget}"
    files = {ending: folder / f"{name}{ending}" for ending in (".json", ".png", ".svg", ".md", ".csv")}
    layout = folder / f"{name}_marl_eval.json"
    _refuse_to_lose(files[".json"], runs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_raw(files[".json"], study, budget, runs)
        rows = rows_of(study, runs)
        table = markdown(study, rows)
        write_whole(files[".md"], f"{table}\n".encode())
        write_whole(files[".csv"], as_csv(rows).encode())
        write_whole(layout, f"{json.dumps(marl_eval_layout(study, runs))}\n".encode())
    except OSError as error:
        raise UserError(f"--out: cannot write to {str(folder)!r}: {error.strerror}.") from None
    draw(study, runs, [files[".png"], files[".svg"]])
    written = [*files.values(), layout]
    if study.weights and trials:
        written.append(folder / f"{name}_weights.png")
        draw_weights(trials, written[-1], title=study.title)
    return Report(table, written)


def _refuse_to_lose(file: Path, runs: Sequence[Run]) -> None:
    """Raises UserError if there is such a file, and it has runs that these are not, or that went further."""
    if not file.is_file():
        return
    kept = {run.identity: run.made for run in runs}
    try:
        there = json.loads(read_text(file, what="raw results"))["runs"]
        lost = sum(int(run["made"]) > kept.get(_identity(run), -1) for run in there)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"--out: {str(file)!r} is there, but no report wrote it; give another folder."
        ) from None
    if lost:
        raise UserError(
            f"--out: {str(file)!r} has {lost} of its {len(there)} runs alone, which would be lost. Add --raw {str(file)!r} to "
            "keep those that were made with the study's settings of now, and move the file away if others are in it; or "
            "give another folder."
        )


def _identity(run: Mapping[str, Any]) -> tuple[str, str, int, str]:
    return run["panel"], run["algorithm"], run["seed"], run.get("settings", "")
