"""Writes what came of a study: raw results, figure, tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rllib_remix.errors import UserError
from rllib_remix.files.durable import write_whole
from rllib_remix.reporting.heat_maps import draw_weights
from rllib_remix.reporting.runs import Trial
from rllib_remix.studies.figures import draw
from rllib_remix.studies.raw import Run, brought_runs, marl_eval_layout, write_raw
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
    _refuse_to_lose(files[".json"], study, budget, runs)
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


def _refuse_to_lose(file: Path, study: Study, budget: str, runs: Sequence[Run]) -> None:
    """Raises UserError if a file of raw results has runs of the study that these are not, or that went further."""
    if not file.is_file():
        return
    try:
        there = brought_runs([file], study, budget, lambda _: None)
    except UserError:
        return  # of something else, or of no use
    kept = {run.identity: run.made for run in runs}
    if lost := sum(run.made > kept.get(run.identity, -1) for run in there):
        raise UserError(
            f"--out: {str(file)!r} has {lost} of its {len(there)} runs alone, which would be lost; add --raw {str(file)!r} "
            "to keep them, or give another folder."
        )
