"""What a run was asked to do, kept beside its results so that it can go on later."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.experiments.registered import environments_of, register_again, weightings_of
from rllib_remix.files.durable import write_whole
from rllib_remix.files.text_files import local_path

PLAN_FILE = "rllib_run.pkl"
_LOCK_FILE = ".rllib_lock"
MAX_PLAN = 256 * 2**20  # bytes; a usual one has some kB, and code that is pickled with it some more
MAX_NAMES = 5  # of experiments in a message


@dataclass
class Plan:
    """A run of one or more experiments."""

    experiments: Sequence[Experiment]  # checked
    max_concurrent: int | None = None  # trials at a time; None is no limit
    loggers: Loggers = field(default_factory=Loggers)
    code: dict[str, str] | None = None  # as `code_by_value` has it; None until the plan is written first
    environments: dict[str, Any] = field(
        default_factory=dict
    )  # what makes those that the user's code registered
    modules: str = field(
        default_factory=os.getcwd
    )  # the folder from which the user's own modules are imported
    weightings: dict[str, Any] = field(default_factory=dict)  # those that the user's code registered

    def folders(self) -> list[Path]:
        """The local folders of the experiments; those in object stores are left out."""
        return [
            Path(experiment.storage_path, experiment.name)
            for experiment in self.experiments
            if "://" not in experiment.storage_path
        ]

    def write(self) -> None:
        """Stores the plan in the folder of every experiment, without the user's keys.

        Raises:
            UserError: the folder cannot be written.
        """
        from ray import cloudpickle

        from rllib_remix.experiments.run_code import code_by_value

        self.environments = self.environments or environments_of(self.experiments)
        self.weightings = self.weightings or weightings_of(self.experiments)
        if self.code is None:
            self.code = code_by_value((self.experiments, self.environments, self.weightings))
        content = cloudpickle.dumps(  # pyright: ignore[reportPrivateImportUsage]
            replace(self, loggers=replace(self.loggers, wandb_key=None))
        )
        for folder in self.folders():
            try:
                write_whole(folder / PLAN_FILE, content)
            except OSError as error:
                raise _not_writable(folder, error) from None


def run_folder(run: Path) -> Path:
    """The folder that holds a run's plan, by that of one of its experiments or trials.

    Raises:
        UserError: there is none.
    """
    run = local_path("run", str(run)).absolute()
    try:
        if not run.is_dir():
            raise UserError(f"run {shown(str(run))} is not a folder.")
        for folder in (run, run.parent):
            if (folder / PLAN_FILE).is_file():
                return folder
    except OSError as error:
        raise UserError(f"run {shown(str(run))} cannot be read: {error.strerror}.") from None
    raise UserError(
        f"run {shown(str(run))}: it has no {PLAN_FILE}; allowed: the folder of an experiment that `rllib train` began."
    )


def read_plan(folder: Path) -> Plan:
    """The plan in a `run_folder`. Unpickles it: trust the folder.

    Its storage paths are adjusted if the folder was moved.

    Raises:
        UserError: it is damaged.
    """
    import rllib_remix

    rllib_remix.register()
    file = folder / PLAN_FILE
    try:
        if file.stat().st_size > MAX_PLAN:
            raise ValueError(f"it is larger than {MAX_PLAN // 2**20} MiB")
        plan = _checked(pickle.loads(file.read_bytes()))
    except Exception as error:  # Damaged pickles raise many kinds.
        raise UserError(
            f"run {str(folder)!r}: its {PLAN_FILE} cannot be read ({_first_line(error)})."
        ) from error
    own = [each for each in plan.experiments if each.name == folder.name]
    if not own:
        names = ", ".join(repr(each.name) for each in plan.experiments[:MAX_NAMES])
        raise UserError(
            f"run {str(folder)!r}: {PLAN_FILE} is of the experiments {names}; give the folder the name that it had."
        )
    before = own[0].storage_path
    # Plans of earlier versions do not say.
    unknown = {"code": {}, "environments": {}, "modules": os.getcwd(), "weightings": {}}
    vars(plan).update(unknown | vars(plan))
    register_again(plan.experiments, plan.environments, plan.weightings)
    for experiment in plan.experiments:
        if experiment.storage_path == before:
            experiment.storage_path = str(folder.parent)
    return plan


def _checked(plan: Any) -> Plan:
    """The plan, if its parts are what they should be; raises ValueError otherwise."""
    if not isinstance(plan, Plan) or not isinstance(getattr(plan, "loggers", None), Loggers):
        raise ValueError("it holds no run")
    experiments = getattr(plan, "experiments", None)
    if not isinstance(experiments, list | tuple) or not experiments:
        raise ValueError("it holds no experiments")
    for each in experiments:
        if not isinstance(each, Experiment):
            raise ValueError("it holds something else than experiments")
        for name in ("name", "storage_path"):
            if not isinstance(getattr(each, name, None), str):
                raise ValueError(f"an experiment's {name} is no text")
    return plan


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0][:200]


def check_is_the_same(plan: Plan) -> Plan | None:
    """Checks that a run that is to go on is asked for as it was begun; Tune would go by what it was silently.

    Returns:
        What the run left in the first of its folders that has a plan; None if none has.

    Raises:
        UserError: an experiment differs, or its trials cannot go on.
    """
    found = None
    for folder in plan.folders():
        if not (folder / PLAN_FILE).is_file():
            continue
        there = read_plan(folder)
        found = found or there
        begun = next((each for each in there.experiments if each.name == folder.name), None)
        now = next(each for each in plan.experiments if each.name == folder.name)
        if begun is not None:
            try:
                _check_experiment(begun, now)
            except UserError as error:
                raise _with_changes(error, there, folder) from None
    return found


def _with_changes(error: UserError, begun: Plan, folder: Path) -> UserError:
    """The error, and what to do if the code of the run has changed since."""
    from rllib_remix.experiments.run_code import changed_files, with_new_code

    changed = changed_files(begun.code or {})
    if not changed:
        return error
    return UserError(f"{error} {', '.join(changed)} changed since. {with_new_code(changed, folder)}")


def _check_experiment(begun: Experiment, now: Experiment) -> None:
    for name in (
        "run",
        "config",
        "stop",
        "num_samples",
        "scheduler",
        "search",
        "checkpoints",
        "max_failures",
    ):
        before, after = getattr(begun, name), getattr(now, name)
        if name == "run" and _is_registered(before, after):
            continue
        compared = {name: (before, after)}
        if isinstance(before, dict):
            keys = sorted({*before, *after}, key=str)
            compared = {f"{name}: {key}": (before.get(key), after.get(key)) for key in keys}
        for what, (there, here) in compared.items():
            if not _equal(there, here):
                raise UserError(
                    f"--resume: the run {now.name!r} was begun with {what} = {there!r}, not {here!r}; give what it was "
                    "begun with (`rllib resume` takes it from the run's folder), or another --experiment-name."
                )


def _is_registered(name: Any, algorithm: Any) -> bool:
    """Whether a user registered the algorithm under this name, which earlier plans have in the place of the class."""
    from rllib_remix.algorithms.table import ALGORITHMS

    return isinstance(name, str) and name in ALGORITHMS and ALGORITHMS[name].where is algorithm


def _equal(there: Any, here: Any) -> bool:
    """By value; what cannot be compared, such as ranges, by what would be stored of it."""
    from ray import cloudpickle

    store: Any = cloudpickle.dumps  # pyright: ignore[reportPrivateImportUsage]
    return there is here or store(there) == store(here) or bool(there == here)


@contextmanager
def only_one(plan: Plan, *, alone: bool) -> Iterator[None]:
    """Holds the folders of a run, which are made if they are missing, while the block runs.

    Args:
        plan: the run.
        alone: whether nobody else may be training in these folders.

    Raises:
        UserError: somebody else does, or a folder cannot be written.
    """
    kind = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    with ExitStack() as stack:
        for folder in plan.folders():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(folder / _LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o644)
            except OSError as error:
                raise _not_writable(folder, error) from None
            stack.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"run {str(folder)!r} is being trained by another process.") from None
            except OSError:
                continue  # A file system without locks.
        yield


def _not_writable(folder: Path, error: OSError) -> UserError:
    return UserError(f"--storage-path: cannot write to {str(folder)!r}: {error.strerror}.")
