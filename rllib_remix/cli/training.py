"""Runs checked experiments through Ray Tune and says what came of them."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.cli.errors import UserError
from rllib_remix.cli.experiments import Experiment

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

EXCEPTION_LINE = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit): ")  # as a traceback ends
STOPPING = "Stopping after the current iteration; press Ctrl-C again to stop without saving."
CONNECT_TIMEOUT_S = 5.0  # seconds that a running cluster may take to accept a connection


@dataclass
class Cluster:
    """The Ray that an experiment runs on."""

    address: str | None = None  # of a running cluster; None starts one here, unless RAY_ADDRESS names one
    num_cpus: int | None = None  # of the one started here; None is all of the machine

    @property
    def known_cpus(self) -> int | None:
        """CPUs that a trial can ask for, or None if a running cluster decides."""
        if self.address or os.environ.get("RAY_ADDRESS"):
            return None
        return self.num_cpus or os.cpu_count() or 1

    def check_reachable(self) -> None:
        """Raises UserError if nothing answers at the address; Ray itself would try for many minutes."""
        address = self.address or os.environ.get("RAY_ADDRESS", "")
        host, _, port = address.rpartition("://")[2].rpartition(":")
        if not host or not port.isdigit():
            return  # "auto" and the like
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_TIMEOUT_S).close()
        except OSError as error:
            raise UserError(f"--ray-address: no Ray answers at {address!r} ({error}).") from None


@dataclass
class Outcome:
    """How one trial ended."""

    name: str
    folder: str
    checkpoint: str | None  # the newest, if it was saved
    error: str | None = None  # the last line of its cause
    error_file: str | None = None


@dataclass
class Outcomes:
    """How a run ended."""

    trials: list[Outcome]
    interrupted: bool = False


def run_experiments(
    experiments: Sequence[Experiment],
    *,
    cluster: Cluster,
    max_concurrent: int | None = None,
    verbosity: int = 0,
) -> Outcomes:
    """Trains all experiments at once, as many trials in parallel as there are CPUs for, and waits for their end.

    Args:
        experiments: checked with `check_experiment`.
        cluster: where to run. A Ray that this function starts, it also shuts down.
        max_concurrent: trials at a time; None is no limit.
        verbosity: 0 hides Ray's messages, 1 shows them.
    """
    # Tune's own banner and tables would come between the lines of the live table.
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"
    from ray import tune

    from rllib_remix.cli.interrupt import GracefulStop, ctrl_c_requests
    from rllib_remix.cli.keep_results import KeepResults
    from rllib_remix.cli.progress import ProgressCallback

    graceful_stop = GracefulStop()
    with _ray(cluster, verbosity):
        specs: Any = [_tune_experiment(experiment, graceful_stop) for experiment in experiments]
        progress = ProgressCallback(_title(experiments))
        with progress, ctrl_c_requests(graceful_stop, lambda: progress.say(STOPPING)):
            analysis = tune.run(
                specs,
                verbose=0,
                callbacks=[progress, graceful_stop.tracker(), KeepResults()],
                max_concurrent_trials=max_concurrent,
                raise_on_failed_trial=False,
            )
        started = [trial for trial in analysis.trials or [] if _has_begun(trial)]
        return Outcomes([_outcome(trial) for trial in started], graceful_stop.requested)


@contextmanager
def _ray(cluster: Cluster, verbosity: int) -> Iterator[None]:
    import ray

    options: dict[str, Any] = {
        "log_to_driver": verbosity > 0,
        "logging_level": "INFO" if verbosity else "ERROR",
    }
    if cluster.known_cpus is None:
        options["address"] = cluster.address or os.environ["RAY_ADDRESS"]
    else:
        # "local": never join a Ray that happens to run on this machine.
        options |= {"address": "local", "include_dashboard": False, "num_cpus": cluster.known_cpus}
    try:
        ray.init(**options)
    except (ConnectionError, ValueError) as error:
        raise UserError(f"cannot connect to Ray at {options['address']!r}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _tune_experiment(experiment: Experiment, graceful_stop: Any) -> Any:
    from ray.tune import CheckpointConfig

    from rllib_remix.cli.interrupt import StoppableExperiment

    checkpoints = experiment.checkpoints
    return StoppableExperiment(
        experiment.name,
        experiment.run,
        graceful_stop=graceful_stop,
        stop=experiment.stop,
        config=experiment.config,
        num_samples=experiment.num_samples,
        storage_path=experiment.storage_path,
        checkpoint_config=CheckpointConfig(
            checkpoint_frequency=checkpoints.frequency,
            checkpoint_at_end=checkpoints.at_end,
            num_to_keep=checkpoints.num_to_keep,
            checkpoint_score_attribute=checkpoints.score_attribute,
            checkpoint_score_order=checkpoints.score_order,
        ),
        restore=str(experiment.restore) if experiment.restore else None,
    )


def _title(experiments: Sequence[Experiment]) -> str:
    if len(experiments) > 1:
        return f"{len(experiments)} experiments in {Path(experiments[0].storage_path)}"
    experiment = experiments[0]
    return f"{experiment.name}: {experiment.config.get('env')}"


def _has_begun(trial: Trial) -> bool:
    return trial.status == "ERROR" or "training_iteration" in (trial.last_result or {})


def _outcome(trial: Trial) -> Outcome:
    folder = str(trial.path)
    checkpoint = trial.checkpoint
    failed = trial.status == "ERROR"
    return Outcome(
        name=str(trial),
        folder=folder,
        checkpoint=checkpoint.path if checkpoint else None,
        error=cause_of(str(trial.get_error() or "unknown cause")) if failed else None,
        error_file=str(Path(folder) / "error.txt") if failed else None,
    )


def cause_of(error_text: str) -> str:
    """The one line of a trial's error file that says what went wrong.

    That is the first exception that was raised: later ones, and Ray's own, only follow from it.
    """
    lines = [line.strip() for line in error_text.splitlines() if line.strip()]
    raised = [line for line in lines if EXCEPTION_LINE.match(line) and not line.startswith("ray.exceptions.")]
    return [*raised[:1], *reversed(lines), "unknown cause"][0]
