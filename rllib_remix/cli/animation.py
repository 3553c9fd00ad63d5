"""A GIF of one episode."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rllib_remix.cli.errors import UserError
from rllib_remix.envs.team_env import TeamEnv, TeamStep

FRAME_MS = 200  # milliseconds that each step is shown
MIN_SIDE = 360  # pixels; smaller pictures are enlarged
LAST_FRAME_MS = 1500  # milliseconds that the end is shown before the animation starts again


class Animation:
    """Collects the pictures of the first episode of copy 0.

    Raises:
        UserError: if the package that writes GIFs is missing.
    """

    def __init__(self, file: Path) -> None:
        try:
            import imageio.v3
        except ImportError as error:
            raise UserError(
                "--render needs imageio; install it with: pip install 'rllib_remix[render]'"
            ) from error
        self._writer: Any = imageio.v3
        self._file = file
        self._frames: list[np.ndarray] = []
        self._over = False

    def record(self, env: TeamEnv) -> Callable[[TeamStep], None]:
        """What is to be called with every step of `env`."""

        def add_frame(step: TeamStep) -> None:
            if self._over:
                return
            try:
                self._frames.append(enlarge(env.render(0)))
            except NotImplementedError as error:
                raise UserError(f"--render: this environment has no pictures ({error}).") from error
            self._over = bool(step.terminated[0] or step.truncated[0])

        return add_frame

    def write(self) -> None:
        """Writes the GIF.

        Raises:
            UserError: if the file cannot be written.
        """
        durations = [FRAME_MS] * (len(self._frames) - 1) + [LAST_FRAME_MS]
        try:
            self._writer.imwrite(
                self._file, np.stack(self._frames), extension=".gif", duration=durations, loop=0
            )
        except OSError as error:
            raise UserError(f"--render: cannot write {str(self._file)!r}: {error}.") from error


def enlarge(picture: np.ndarray) -> np.ndarray:
    """A copy of an [H, W, 3] picture, each pixel repeated until the shorter side has at least MIN_SIDE pixels."""
    times = -(-MIN_SIDE // min(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)
