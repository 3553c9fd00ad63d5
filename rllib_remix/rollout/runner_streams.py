"""The random streams of one env runner: its exploration, and the seed of its environment."""

from __future__ import annotations

from typing import Any

import numpy as np

from rllib_remix.envs.team_env import TeamEnv


class RunnerStreams:
    """Streams of one worker alone; a worker or environment that starts anew does not repeat old ones.

    Args:
        seed: of the run; None takes all from the system.
        worker_index: of the env runner.
        started_at: env steps of the run so far, and how often the environment was made anew.

    Attributes:
        exploration: the numbers by which agents explore.
    """

    def __init__(self, seed: int | None, worker_index: int, started_at: tuple[int, int]) -> None:
        self._env_seed: int | None = None
        self._env_is_seeded = False
        if seed is None:
            self.exploration = np.random.default_rng()
            return
        exploration, environment = np.random.SeedSequence([seed, worker_index, *started_at]).spawn(2)
        self.exploration = np.random.default_rng(exploration)
        self._env_seed = int(environment.generate_state(1)[0])

    def env_is_new(self) -> None:
        """Says that the environment was made anew, so that its next reset takes the seed."""
        self._env_is_seeded = False

    def seed_of_reset(self) -> int | None:
        """What to reset the environment with: its seed the first time, then None, as its own streams go on."""
        if self._env_is_seeded:
            return None
        self._env_is_seeded = True
        return self._env_seed

    def get_state(self, env: TeamEnv | None) -> dict[str, Any]:
        """Where the streams are now, those of the environment too."""
        return {
            "exploration": self.exploration.bit_generator.state,
            "env": env.get_state() if env is not None and self._env_is_seeded else None,
        }

    def set_state(self, state: dict[str, Any], env: TeamEnv | None) -> None:
        """Takes over what `get_state` returned."""
        self.exploration.bit_generator.state = state["exploration"]
        if env is not None and state["env"] is not None:
            env.set_state(state["env"])
            self._env_is_seeded = True
