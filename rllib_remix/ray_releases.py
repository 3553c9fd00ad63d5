"""The releases of Ray that the package works with, and the settings that not all of them have."""

from __future__ import annotations

import re
from importlib import metadata

from rllib_remix.errors import UserError

OLDEST_RAY, NEWEST_RAY = (2, 55), (2, 60)
# Settings of RLlib's AlgorithmConfig, by the release that brought them.
SETTINGS_SINCE = {
    "custom_resources_for_main_process": (2, 56),
    "custom_resources_per_learner": (2, 56),
    "evaluation_error_after_n_consecutive_skips": (2, 56),
    "evaluation_unhealthy_workers_timeout_s": (2, 56),
    "env_runner_state_server_max_concurrency": (2, 57),
    "use_env_runner_state_server": (2, 57),
}


def release_of(version: str) -> tuple[int, ...]:
    """The first two numbers of a version: (2, 60) of "2.60.0" and of "2.60rc1"; () if it begins with none."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return tuple(map(int, found.groups())) if found else ()


def is_supported(version: str) -> bool:
    """Whether the package works with this version of Ray."""
    return OLDEST_RAY <= release_of(version) <= NEWEST_RAY


def check_release_has(owner: str, name: object) -> None:
    """Checks that a setting of RLlib is not one that only later releases have. Ray is not imported.

    Raises:
        UserError: names the release that brought it, and the one that is here.
    """
    if not isinstance(name, str) or name not in SETTINGS_SINCE:
        return
    since, here = SETTINGS_SINCE[name], metadata.version("ray")
    if () < release_of(here) < since:
        raise UserError(
            f"{owner}: {name} is a setting of Ray {as_text(since)} and later; here is Ray {here}. Leave it out, or "
            f"`pip install 'ray[rllib]=={as_text(NEWEST_RAY)}.*'`."
        )


def as_text(release: tuple[int, ...]) -> str:
    """2.60 of (2, 60)."""
    return ".".join(map(str, release))
