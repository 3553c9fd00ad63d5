"""Whether a run can go on with what an earlier one left, and what the user should know before it does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rllib_remix.errors import UserError
from rllib_remix.experiments.plan import Plan, check_is_the_same
from rllib_remix.experiments.run_code import changed_files, with_new_code
from rllib_remix.running.record.check import check_record
from rllib_remix.running.record.newest import find_record, note_beginning
from rllib_remix.running.record.updating import HasGoneOn, has_unfinished, standing, what_to_resume

if TYPE_CHECKING:
    from ray.tune import Callback, ResumeConfig

    from rllib_remix.experiments.experiment import Experiment

    Say = Callable[[str], object]


def check_can_go_on(plan: Plan) -> Plan | None:
    """Checks that a run can go on with what is in its folders.

    Returns:
        What the run left in the first of its folders that has a plan; None if none has.

    Raises:
        UserError: an experiment differs from the one that was begun, cannot go on, or its record is damaged.
    """
    begun = check_is_the_same(plan)
    for experiment in plan.experiments:
        if "://" not in experiment.storage_path:
            try:
                check_record(experiment.storage_path, experiment.name)
            except (OSError, ValueError) as error:
                raise damaged(experiment, error) from error
        if experiment.scheduler.type == "hyperband":
            raise UserError(
                f"experiment {experiment.name!r}: a hyperband search cannot go on, since Tune does not keep its brackets; "
                "begin it anew, or go on with single trials: --restore CHECKPOINT."
            )
    return begun


def go_on_with_code_of(begun: Plan, plan: Plan, warn: Say) -> None:
    """Keeps in `plan` what is known of the code of the run that goes on, and warns of what changed of it."""
    plan.code, plan.modules = begun.code, begun.modules
    changed = changed_files(plan.code or {})
    if changed:
        warn(
            f"Note: {', '.join(changed)} changed since the run began. The run goes on with the code of its beginning, even "
            f"where a traceback shows the new text. {with_new_code(changed, plan.folders()[0])}"
        )


def warn_of_what_is_left_behind(plan: Plan, warn: Say) -> None:
    """Warns of unfinished runs in the folders of a new one, which takes their place."""
    for folder in filter(has_unfinished, plan.folders()):
        warn(
            f"Note: an earlier run in {folder} has not reached its end (`rllib resume` would go on with it). From now on "
            "`rllib resume` knows the new run only; give another --experiment-name to keep both."
        )


def note_beginning_of(experiment: Experiment) -> None:
    """Notes that a run begins now, whose first experiment this is.

    Raises:
        UserError: its folder cannot be written.
    """
    try:
        note_beginning(experiment.storage_path, experiment.name)
    except (OSError, ValueError) as error:  # PyArrow's errors about addresses are ValueErrors.
        raise UserError(f"--storage-path: cannot write to {experiment.storage_path!r}: {error}.") from None


def what_tune_resumes(experiment: Experiment, say: Say) -> tuple[ResumeConfig | None, list[Callback]]:
    """What Tune is to go on with, None if there is nothing yet, and what sees to it that it does.

    Raises:
        UserError: the record is damaged.
    """
    storage_path, name = experiment.storage_path, experiment.name
    try:
        resume = what_to_resume(storage_path, name, lambda text: say(f"Warning: {text}"))
        record = find_record(storage_path, name)
        if resume is None or record is None:
            say(f"There is nothing of {name} to go on with: it begins.")
            return None, []
        if "://" in storage_path:
            return resume, []
        ended, there = standing(Path(record))
        if ended < there:
            others = (
                f"{ended} {'trial has' if ended == 1 else 'trials have'} reached the end; the others go on"
            )
            say(f"{others}." if ended else "All trials go on.")
        return resume, [HasGoneOn(Path(record))]
    except (OSError, ValueError) as error:
        raise damaged(experiment, error) from error


def damaged(experiment: Experiment, error: Exception) -> UserError:
    """The error for a record that cannot be read, or that Tune does not go on with."""
    return UserError(
        f"experiment {experiment.name!r}: Tune's record of it is damaged ({error}). Its checkpoints may be whole: go on "
        "with one of them by --restore CHECKPOINT."
    )
