"""The runtime environment of a job: this package and what it needs, on a cluster that may have neither."""

from __future__ import annotations

import importlib.metadata
import json
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rllib_remix.errors import UserError, shown
from rllib_remix.files.json_text import parse_json_object
from rllib_remix.files.text_files import read_text
from rllib_remix.files.yaml_text import read_yaml_text
from rllib_remix.settings import check_keys
from rllib_remix.terminal.lines import print_line

PACKAGE = "rllib_remix"
# Ray waits 3 s between the signal that stops a job and killing it; a trial has to end its iteration and to save.
STOP_WAIT = {"RAY_JOB_STOP_WAIT_TIME_S": "120"}
# With one of these the user has seen to the packages.
OWN_PACKAGES = ("conda", "uv", "container", "image_uri", "py_executable")
SECONDS_TO_ANSWER = 120.0  # for the job that says what the cluster has

# Run by the cluster's Python: versions of the distributions named, null for those that are not there.
_ASK = """
import importlib.metadata as m, json, sys
found = {}
for name in json.loads(sys.argv[1]):
    try:
        found[name] = m.version(name)
    except m.PackageNotFoundError:
        found[name] = None
print("found=" + json.dumps(found))
"""


def read_runtime_env(text: str | None) -> dict[str, Any]:
    """The runtime environment in --runtime-env: a JSON object, @FILE, or the name of a .json or .yaml file.

    Raises:
        UserError: it cannot be read, or is no mapping.
        SettingError: Ray knows no such key; names the nearest.
    """
    if text is None:
        return {}
    if text.lstrip().startswith(("{", "[")) or Path(text).suffix not in (".yaml", ".yml", ".json"):
        environment = parse_json_object("--runtime-env", text)
    else:
        environment = _read_file(Path(text))
    _check(environment)
    return environment


def _read_file(path: Path) -> dict[str, Any]:
    content = read_yaml_text(f"--runtime-env: {path}", read_text(path, what="--runtime-env: file"))
    if not isinstance(content, dict):
        raise UserError(f"--runtime-env: {path}: must map names to values, such as `pip: [wandb]`.")
    return content


def _check(environment: Mapping[str, Any]) -> None:
    from ray.runtime_env import RuntimeEnv

    public = [name for name in RuntimeEnv.known_fields if not name.startswith("_")]
    check_keys("--runtime-env", map(str, environment), [*public, "nsight", "rocprof_sys"])
    for key, kind, example in (
        ("env_vars", dict, '{"OMP_NUM_THREADS": "1"}'),
        ("py_modules", list, '["folder"]'),
    ):
        if environment.get(key) is not None and not isinstance(environment[key], kind):
            raise UserError(f"--runtime-env: {key} must be as {example}, got {shown(environment[key])}.")
    managers = [name for name in ("pip", "uv", "conda") if environment.get(name) is not None]
    if len(managers) > 1:
        raise UserError(f"--runtime-env: {' and '.join(managers)} cannot be given together.")
    try:
        RuntimeEnv(**{key: value for key, value in environment.items() if value is not None})
    except (TypeError, ValueError, OSError) as error:
        raise UserError(f"--runtime-env: {error}") from None


def job_environment(user: Mapping[str, Any], working_dir: str | None) -> dict[str, Any]:
    """The job's runtime environment: the default, with the user's over it.

    Args:
        user: as `read_runtime_env` gave it. `env_vars` and `py_modules` are added to the default's, other keys
            replace them; null takes a key away.
        working_dir: folder of the files that the command names, if there are any.
    """
    package = str(Path(__file__).resolve().parents[1])
    default: dict[str, Any] = {
        "py_modules": [package],
        "env_vars": dict(STOP_WAIT),
        "excludes": ["__pycache__", "*.pyc"],
    }
    if working_dir is not None:
        default["working_dir"] = working_dir
    merged = default | dict(user)
    if user.get("env_vars") is not None:
        merged["env_vars"] = default["env_vars"] | user["env_vars"]
    if user.get("py_modules") is not None:
        merged["py_modules"] = default["py_modules"] + user["py_modules"]
    if user.get("pip", []) is None or any(key in user for key in OWN_PACKAGES):
        merged.setdefault("pip", None)  # which says that nothing shall be added
    return merged


def add_missing_packages(environment: dict[str, Any], client: Any) -> dict[str, Any]:
    """`environment` with those packages under `pip` that we need and the cluster does not have, in our versions.

    Args:
        environment: from `job_environment`. Unless its `pip` is a list or missing, nothing is added.
        client: the JobSubmissionClient; a small job of its asks the head's Python.

    Raises:
        UserError: the cluster has another Ray, which a job cannot replace, or its Python does not answer.
    """
    environment = dict(environment)
    pip = environment.get("pip", [])
    needed = requirements()
    if isinstance(pip, list) and needed:
        found = _ask(client, sorted(needed))
        _check_ray(needed["ray"], found.pop("ray"))
        missing = [name for name, version in found.items() if not _fits(needed[name], version)]
        if missing:
            print_line(f"The cluster lacks {', '.join(missing)}: pip installs them first, on every machine.")
        pip = [*pip, *(_pinned(name) for name in missing)]
        environment["pip"] = pip
    return {key: value for key, value in environment.items() if value not in (None, [])}


def requirements() -> dict[str, Any]:
    """Name → packaging Requirement of all that this package needs, ray[rllib]'s own needs among them."""
    from packaging.requirements import Requirement

    try:
        own = [Requirement(text) for text in importlib.metadata.requires(PACKAGE) or []]
    except importlib.metadata.PackageNotFoundError:  # Used without being installed, as inside a job.
        return {}
    needed = {each.name: each for each in own if each.marker is None or each.marker.evaluate({"extra": ""})}
    for text in importlib.metadata.requires("ray") or []:
        each = Requirement(text)
        for extra in needed["ray"].extras:
            if each.marker is not None and each.marker.evaluate({"extra": extra}):
                needed.setdefault(each.name, each)
    return needed


def _ask(client: Any, names: list[str]) -> dict[str, str | None]:
    """The versions that the cluster has of these distributions."""
    from ray.job_submission import JobStatus

    job_id = client.submit_job(entrypoint=shlex.join(["python", "-c", _ASK, json.dumps(names)]))
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while not (status := client.get_job_status(job_id)).is_terminal():
        if time.monotonic() > deadline:
            client.stop_job(job_id)
            raise UserError(f"--submit: the cluster began no job within {SECONDS_TO_ANSWER:.0f} s.")
        time.sleep(0.2)
    lines = client.get_job_logs(job_id).strip().splitlines()
    answers = [line.removeprefix("found=") for line in lines if line.startswith("found=")]
    if status != JobStatus.SUCCEEDED or not answers:
        raise UserError(f"--submit: `python` on the cluster's head does not run: {(lines or [status])[-1]}")
    client.delete_job(job_id)
    return json.loads(answers[-1])


def _fits(requirement: Any, version: str | None) -> bool:
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _check_ray(requirement: Any, version: str | None) -> None:
    if not _fits(requirement, version):
        raise UserError(
            f"--submit: the cluster has Ray {version}; rllib_remix needs {requirement.specifier} there as here."
        )


def _pinned(name: str) -> str:
    """A name with the version that is installed here, as a package index has it (without +cpu and the like)."""
    return f"{name}=={importlib.metadata.version(name).partition('+')[0]}"
