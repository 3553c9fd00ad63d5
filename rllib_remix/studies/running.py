"""Runs what is missing of a study: finished runs are kept, interrupted ones go on, changed ones begin anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from rllib_remix.experiments.plan import read_plan
from rllib_remix.running import starting
from rllib_remix.running.cluster import Cluster
from rllib_remix.running.outcomes import Outcomes
from rllib_remix.studies.cells import Cell, cells_of
from rllib_remix.studies.raw import Run
from rllib_remix.studies.store import began_otherwise, has_begun, is_finished
from rllib_remix.studies.study import Study
from rllib_remix.terminal.lines import print_line, print_note


class Missing(NamedTuple):
    """What is not finished of a study."""

    begun: list[Path]  # a folder of each interrupted sweep, which goes on as a whole
    new: list[Cell]


def missing_of(
    study: Study, budget: str, cells: Sequence[Cell], storage: Path, brought: Sequence[Run] = ()
) -> Missing:
    """Sorts those of a study's cells that are not finished, neither here nor among the runs that were brought.

    A sweep with a run in it whose settings have changed since does not go on: it would train that one too.
    """
    elsewhere = {run.identity for run in brought if run.is_finished}
    unfinished = [cell for cell in cells if cell.identity not in elsewhere and not is_finished(cell, storage)]
    begun: list[Path] = []
    going_on: set[str] = set()
    for cell in unfinished:
        if cell.folder in going_on or not has_begun(cell, storage):
            continue
        together = read_plan(storage / cell.folder).experiments
        seeds = 1 + max(int(experiment.config.get("seed", 0)) for experiment in together)
        names = {experiment.name for experiment in together}
        if names <= {each.folder for each in cells_of(study, budget, seeds=seeds)}:
            begun.append(storage / cell.folder)
            going_on |= names
    return Missing(begun, [cell for cell in unfinished if cell.folder not in going_on])


def run_study(
    study: Study,
    budget: str,
    cells: Sequence[Cell],
    storage: Path,
    *,
    brought: Sequence[Run] = (),
    cluster: Cluster | None = None,
    max_concurrent: int | None = None,
    checkpoint_freq: int = 0,
    verbosity: int = 0,
    say: Callable[[str], object] = print_line,
    warn: Callable[[str], object] = print_note,
) -> list[Outcomes]:
    """Trains what is missing of a study's cells, and waits for its end.

    Args:
        study, budget: what is run.
        cells: of `cells_of`, those that are wanted now.
        storage: of `storage_of`. Runs that are in it are unpickled to go on with: trust it.
        brought: of `brought_runs`; those that are finished are not begun. An interrupted sweep goes on as a whole.
        checkpoint_freq: of new runs, as `Cell.to_run` has it.
        cluster, max_concurrent, verbosity, say, warn: as `starting.run` has them.

    Returns:
        How the trials ended, of each run of Tune that it took; empty if nothing was missing.

    Raises:
        UserError, SettingError: a cell cannot be trained; nothing was started.
    """
    begun, new = missing_of(study, budget, cells, storage, brought)
    say(_plan_in_words(cells, begun, new))
    for cell in new:
        if changes := began_otherwise(cell, storage):
            warn(f"{cell.panel}, {cell.algorithm}, seed {cell.seed} begins anew: {'; '.join(changes)}.")
    ended: list[Outcomes] = []
    for folder in begun:
        ended.append(starting.resume(folder, cluster=cluster, verbosity=verbosity, say=say, warn=warn))
        if ended[-1].stopped_by:
            return ended
    if new:
        experiments = [cell.to_run(storage, checkpoint_freq) for cell in new]
        ended.append(
            starting.run(
                experiments,
                cluster=cluster,
                max_concurrent=max_concurrent,
                verbosity=verbosity,
                say=say,
                warn=warn,
            )
        )
    return ended


def _plan_in_words(cells: Sequence[Cell], begun: Sequence[Path], new: Sequence[Cell]) -> str:
    finished = f"{len(cells)} runs"
    if not begun and not new:
        return f"{finished}, all finished."
    parts = [f"{len(new)} to begin"] if new else []
    if begun:
        parts.append(f"{len(begun)} interrupted {'sweep' if len(begun) == 1 else 'sweeps'} to go on with")
    return f"{finished}: {', '.join(parts)}, the rest finished."
