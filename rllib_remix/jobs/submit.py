"""`rllib train … --submit`: sends the same command to a Ray cluster's job server, and follows it."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rllib_remix.errors import UserError
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.jobs.command import GivenCommand, ShippedFiles, job_command
from rllib_remix.jobs.environment import add_missing_packages, job_environment, read_runtime_env
from rllib_remix.running.cluster import Cluster
from rllib_remix.terminal.errors import print_error
from rllib_remix.terminal.lines import print_line

INTERRUPTED_EXIT_CODE = 130
ANSWER_TIMEOUT_S = 10.0  # seconds that a job server may take to say its version
SECONDS_TO_END = 10.0  # between the end of a job's log and its final status
ADDRESS_VARIABLES = ("RAY_API_SERVER_ADDRESS", "RAY_ADDRESS")


@dataclass(frozen=True)
class Submission:
    """Where a run is sent, and what was asked for beside."""

    address: str  # http://HEAD:8265, or what `ray.init` takes
    runtime_env: dict[str, Any]  # the user's own, over the default
    wait: bool

    @classmethod
    def from_options(
        cls, submit: bool, address: str | None, runtime_env: str | None, no_wait: bool, wandb_key: str | None
    ) -> Submission | None:
        """What the options of `rllib train` ask for; None without --submit.

        Raises:
            UserError: options that do not go together, no address, or a runtime environment that cannot be.
        """
        if not submit:
            for option, given in (("--runtime-env", runtime_env), ("--no-wait", no_wait)):
                if given:
                    raise UserError(f"{option}: belongs to --submit; add that, or leave {option} out.")
            if address and address.startswith(("http://", "https://")):
                raise UserError(
                    f"--ray-address: {address!r} is a job server; add --submit to send the run there, or give "
                    "the address of Ray itself, such as HEAD:6379."
                )
            return None
        if wandb_key:
            raise UserError(
                "--wandb-key: not with --submit, as all who see the cluster's jobs could read it; let its machines know it "
                "(`wandb login`, or WANDB_API_KEY there), and give --wandb-project."
            )
        address = address or next(
            (os.environ[name] for name in ADDRESS_VARIABLES if os.environ.get(name)), None
        )
        if address is None:
            raise UserError("--submit: give the cluster's job server, such as --address http://HEAD:8265.")
        return cls(address, read_runtime_env(runtime_env), not no_wait)


def submit_run(
    given: GivenCommand, experiments: Sequence[Experiment], submission: Submission, *, verbosity: int = 0
) -> int:
    """Sends a command to the cluster and, unless told otherwise, waits for its end, with its log on stdout.

    Args:
        given: `rllib train` or `rllib train file` with their options.
        experiments: what it will run, checked with `check_experiment(…, here=False)`.
        submission: where to.
        verbosity: 0 hides what Ray's client logs, 1 shows it.

    Returns:
        The exit code: 0 if the job succeeded (or was only submitted), 1 if not, 130 if Ctrl-C ended the waiting.

    Raises:
        UserError: no job server, one that refuses the job, or folders that the cluster's machines cannot know.
    """
    _check_folders(experiments)
    with _only_address(submission.address), tempfile.TemporaryDirectory(prefix="rllib-job-") as folder:
        client = _connect(submission.address)
        if not verbosity:
            # Ray sets these when they are imported: what it uploads, and that a log has ended.
            for name in ("dashboard_sdk", "job.sdk"):
                logging.getLogger(f"ray.dashboard.modules.{name}").setLevel(logging.ERROR)
        files = ShippedFiles(Path(folder), submission.runtime_env)
        entrypoint = job_command(given, files)
        environment = job_environment(submission.runtime_env, files.working_dir)
        try:
            environment = add_missing_packages(environment, client)
            job_id = client.submit_job(entrypoint=entrypoint, runtime_env=environment)
        except (RuntimeError, ValueError, TypeError, OSError) as error:
            raise UserError(f"--submit: the job could not be submitted: {error}") from error
        job = Job(client, job_id)
        job.say_how_to_reach(experiments)
        return job.follow() if submission.wait else 0


class Job:
    """A submitted job.

    Args:
        client: a JobSubmissionClient.
        job_id: what the job server calls it.
    """

    def __init__(self, client: Any, job_id: str):
        self._client, self._id = client, job_id

    def say_how_to_reach(self, experiments: Sequence[Experiment]) -> None:
        """Prints the job's id, what to type to follow and stop it, and where its results will be."""
        print_line(f"Job {self._id} was submitted.")
        print_line(f"  Follow:  {self._ray_job('logs')} --follow")
        print_line(f"  Status:  {self._ray_job('status')}")
        print_line(f"  Stop:    {self._ray_job('stop')}")
        for path in dict.fromkeys(f"{each.storage_path}/{each.name}" for each in experiments):
            print_line(f"  Results: {path} (as the cluster's machines see it)")
            if "://" not in path:
                print_line(f"  Plot:    rllib plot curves {path} --out curves.png")

    def follow(self) -> int:
        """Prints the job's log until it ends; returns the exit code."""
        import asyncio

        print_line("Following its log; Ctrl-C stops following, not the job.\n")
        try:
            asyncio.run(self._print_log())
            status = self._final_status()
        except KeyboardInterrupt:
            print_line(f"\nThe job goes on. To stop it: {self._ray_job('stop')}")
            return INTERRUPTED_EXIT_CODE
        except (RuntimeError, OSError) as error:
            print_error(f"the connection to the job server was lost ({error}).")
            status = None
        return self._say_end(status)

    async def _print_log(self) -> None:
        async for lines in self._client.tail_job_logs(self._id):
            print(lines, end="", flush=True)

    def _final_status(self) -> Any:
        """The status that the job ended with, or None if it did not end with its log."""
        deadline = time.monotonic() + SECONDS_TO_END
        while not (status := self._client.get_job_status(self._id)).is_terminal():
            if time.monotonic() > deadline:
                return None
            time.sleep(0.2)
        return status

    def _say_end(self, status: Any) -> int:
        if status is None:
            print_error(f"how job {self._id} ended is not known; ask with: {self._ray_job('status')}")
            return 1
        if status == "SUCCEEDED":
            print_line(f"\nJob {self._id} succeeded.")
            return 0
        if status == "STOPPED":
            print_error(f"job {self._id} was stopped.")
            return 1
        message = (self._client.get_job_info(self._id).message or "no cause given").strip().splitlines()
        print_error(f"job {self._id} failed: {message[0].rstrip(':')}")
        return 1

    def _ray_job(self, what: str) -> str:
        return f"ray job {what} {self._id} --address {self._client.get_address()}"


def _check_folders(experiments: Sequence[Experiment]) -> None:
    """A relative folder would be one below the job's own, which goes with the job."""
    for experiment in experiments:
        path = experiment.storage_path
        if "://" not in path and not path.startswith(("/", "~")):
            raise UserError(
                f"--storage-path: {path!r} is not allowed with --submit; it must be a folder that all machines of "
                "the cluster share, from / on, or an address such as s3://bucket/folder."
            )


@contextmanager
def _only_address(address: str) -> Iterator[None]:
    """Ray's client prefers what RAY_ADDRESS says to its argument; this one comes before both."""
    name = ADDRESS_VARIABLES[0]
    before = os.environ.get(name)
    os.environ[name] = address
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _connect(address: str) -> Any:
    """The client of the job server at `address`."""
    try:
        import aiohttp  # noqa: F401  (of what ray[default] adds to ray)
        from ray.job_submission import JobSubmissionClient
    except ImportError:
        raise UserError("--submit: Ray's job client is not installed; pip install 'ray[default]'.") from None
    if address.startswith(("http://", "https://")):
        _check_job_server(address)
    else:
        Cluster(address).check_reachable()
    try:
        return JobSubmissionClient(address)
    except (RuntimeError, ValueError, OSError) as error:
        raise UserError(f"--ray-address: no job server at {address!r}: {error}") from error


def _check_job_server(address: str) -> None:
    """Ray's own client would wait for minutes, and show a page of causes."""
    import requests

    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        socket.create_connection((parts.hostname or "", port), timeout=ANSWER_TIMEOUT_S / 2).close()
    except (OSError, ValueError) as error:
        raise UserError(f"--ray-address: no job server answers at {address!r} ({error}).") from None
    try:
        answer = requests.get(f"{address.rstrip('/')}/api/version", timeout=ANSWER_TIMEOUT_S)
        known = answer.status_code in (401, 403) or "ray_version" in answer.json()
    except (requests.RequestException, ValueError):
        known = False
    if not known:
        raise UserError(
            f"--ray-address: what answers at {address!r} is no job server; that is where the dashboard is, such as "
            "http://HEAD:8265."
        )
