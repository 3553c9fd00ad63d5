"""What the screen says when a run has ended: what came of every trial, and which commands go on from there."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import typer

from rllib_remix.checkpoints.clock import metadata_of
from rllib_remix.checkpoints.finding import is_of_team
from rllib_remix.envs.registry import TEAM_ENVS
from rllib_remix.running.callbacks.trial_progress import rank
from rllib_remix.running.outcomes import Outcome, Outcomes
from rllib_remix.terminal.console import MISSING, number, short_count
from rllib_remix.terminal.errors import print_error

_WIDTH = 80
_HEADS = ("Env steps", "Return", "Greedy", "Checkpoint")
_WIDTHS = (9, 9, 9, 17)


def say_what_came_of_it(outcomes: Outcomes) -> None:
    """Prints how a run ended: a table of its trials, what failed, and the next commands."""
    if outcomes.stopped_by:
        too_early = "" if outcomes.trials else " before any trial had begun"
        typer.echo(f"\nStopped by {outcomes.stopped_by}{too_early}.")
        if outcomes.run:
            typer.echo(f"Go on with: rllib resume {shlex.quote(outcomes.run)}")
    if outcomes.nothing_to_do:
        typer.echo("\nNothing to do: all trials have reached their end.")
    if outcomes.trials:
        typer.echo(f"\n{table(outcomes.trials)}")
    for trial in outcomes.trials:
        if trial.error:
            print_error(f"{trial.name} failed: {trial.error}")
            typer.echo(f"  Traceback:  {trial.error_file}", err=True)
        if trial.lost:
            print_error(f"{trial.name}: {trial.lost}: rllib resume {shlex.quote(trial.folder)}")
    for line in outcomes.best:
        typer.echo(f"\n{line}")
    if outcomes.trials:
        typer.echo("\n" + "\n".join(next_commands(outcomes.trials)))


def table(trials: Sequence[Outcome]) -> str:
    """Trials with their last numbers, for a terminal of 80 columns.

    Each has the number that Tune's name for it ends with, as the name of its folder has it.
    """
    names = [_name(trial) for trial in trials]
    width = min(_WIDTH - sum(_WIDTHS) - len(_WIDTHS), max(map(len, ["Trial", *names])))
    rows = [("Trial", _HEADS), *zip(names, map(_cells, trials), strict=True)]
    return "\n".join(
        " ".join([_cut(name, width).ljust(width), *map(str.rjust, cells, _WIDTHS)]) for name, cells in rows
    )


def _name(trial: Outcome) -> str:
    number = trial.name.rpartition("_")[2]
    name = f"{number} {trial.label}" if trial.label and number.isdigit() else trial.name
    return f"failed: {name}" if trial.error else name


def _cells(trial: Outcome) -> tuple[str, ...]:
    return (
        MISSING if trial.env_steps is None else short_count(trial.env_steps),
        number(trial.training_return),
        number(trial.greedy_return),
        Path(trial.checkpoint).name if trial.checkpoint else MISSING,
    )


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def next_commands(trials: Sequence[Outcome]) -> list[str]:
    """Where the results are, and the commands that play, draw and show them."""
    folders = [*dict.fromkeys(str(Path(trial.folder).parent) for trial in trials)]
    lines = [f"Results:     {folder}" for folder in folders]
    if best := best_saved(trials):
        several = f"  (of {_name(best)})" if len(trials) > 1 else ""
        checkpoint = Path(str(best.checkpoint))
        lines.append(f"Checkpoint:  {checkpoint}{several}")
        if is_of_team(checkpoint):
            lines.append(f"Evaluate:    {_evaluation(checkpoint)}")
    here = all(Path(folder).is_dir() for folder in folders)  # and not on a store that only a cluster sees
    if here and any(trial.env_steps for trial in trials):
        lines.append(f"Plot:        {shlex.join(['rllib', 'plot', 'curves', *folders])}")
        above = folders[0] if len(folders) == 1 else os.path.commonpath(folders)
        missing = "" if find_spec("tensorboard") else "  (after pip install tensorboard)"
        lines.append(f"TensorBoard: {shlex.join(['tensorboard', '--logdir', above])}{missing}")
    return lines


def best_saved(trials: Sequence[Outcome]) -> Outcome | None:
    """Of the trials with a checkpoint the best of a search, or else the one that plays best; failed ones come last."""
    saved = [trial for trial in trials if trial.checkpoint]
    return max(
        saved,
        key=lambda each: (not each.error, each.is_best, rank(each.greedy_return, each.training_return)),
        default=None,
    )


def _evaluation(checkpoint: Path) -> str:
    """The command that plays a team; the user's own code is run only if the user names it, and programs too."""
    from rllib_remix.envs.naming.spelling import name_to_type
    from rllib_remix.experiments.user_modules import name_from_here
    from rllib_remix.playing.teams import named_programs

    words = ["rllib", "evaluate", str(checkpoint), "--episodes", "32"]
    said = metadata_of(checkpoint)
    env = said.get("environment")
    if isinstance(env, str) and env not in TEAM_ENVS:
        words += ["--env", name_from_here(name_to_type(env))]
    if programs := named_programs(said.get("env_config")):
        words += ["--env-config", json.dumps(programs)]
    note = "" if env is not None else " --env NAME  (its environment was given as code that has no name)"
    return shlex.join(words) + note
