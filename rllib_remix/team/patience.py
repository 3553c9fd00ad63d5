"""How long training goes on when its env runners bring nothing."""

from __future__ import annotations

import logging
import time
from typing import Any

logger = logging.getLogger("ray.rllib")

MAX_EMPTY_ROUNDS = 3  # rounds in which living env runners bring no episode
MAX_SECONDS_WITHOUT_RUNNERS = 120.0  # that dead env runners may take to come back
PAUSE = 0.2  # seconds between two rounds without an episode


class Patience:
    """Lets env runners fail and come back, and ends a run that would wait for ever.

    Args:
        config: the algorithm's settings of fault tolerance, `sample_timeout_s` among them.
    """

    def __init__(self, config: Any):
        self._config = config
        self._empty_rounds = 0
        self._alone_since: float | None = None  # when the last env runner was lost

    def check(self, group: Any, episodes: int, failures: list[str]) -> None:
        """Takes note of one round of sampling.

        Args:
            group: the env runners. episodes: how many this round brought. failures: their environments' errors.

        Raises:
            RuntimeError: nothing comes any more; names the cause and the setting that would help.
        """
        may_fail = self._config.restart_failed_env_runners or self._config.ignore_env_runner_failures
        if failures and not may_fail:
            raise RuntimeError(f"An env runner's environment failed: {failures[0]}")
        for failure in failures:
            logger.warning("An env runner's environment failed and is made anew: %s", failure)
        if episodes:
            self._empty_rounds, self._alone_since = 0, None
            return
        if group.num_remote_env_runners() and not group.num_healthy_remote_env_runners():
            self._wait_for_restart(group.num_remote_env_runners())
        else:
            self._count_empty_round(failures)
        time.sleep(PAUSE)

    def _wait_for_restart(self, num_env_runners: int) -> None:
        if not self._config.restart_failed_env_runners:
            raise RuntimeError(
                f"All {num_env_runners} env runners are dead and `restart_failed_env_runners` is False; set "
                "`fault_tolerance(restart_failed_env_runners=True)` to have them replaced."
            )
        self._alone_since = self._alone_since or time.monotonic()
        if time.monotonic() - self._alone_since > MAX_SECONDS_WITHOUT_RUNNERS:
            raise RuntimeError(
                f"All {num_env_runners} env runners are dead, and none came back within "
                f"{MAX_SECONDS_WITHOUT_RUNNERS:.0f} s; Ray's log says why."
            )

    def _count_empty_round(self, failures: list[str]) -> None:
        self._alone_since = None
        self._empty_rounds += 1
        if self._empty_rounds < MAX_EMPTY_ROUNDS:
            return
        if failures:
            raise RuntimeError(f"The environments of all env runners keep failing: {failures[-1]}")
        raise RuntimeError(
            f"{self._empty_rounds} rounds of sampling brought no episode within sample_timeout_s = "
            f"{self._config.sample_timeout_s:g} s each; if an episode takes longer, raise `sample_timeout_s`."
        )
