"""A GIF of one episode."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np

from rllib_remix.envs.team_env import TeamEnv, TeamStep
from rllib_remix.errors import UserError
from rllib_remix.files.durable import write_whole
from rllib_remix.files.text_files import local_path

FRAME_MS = 200  # milliseconds that each step is shown
SHORTEST_FRAME_MS = 20  # what programs show a GIF with at the fastest
MIN_SIDE = 360  # pixels; smaller pictures are enlarged
LAST_FRAME_MS = 1500  # milliseconds that the end is shown before the animation starts again
MAX_FRAMES = 500  # of a longer episode the beginning is shown


class Animation:
    """Collects the pictures of the first episode."""

    def __init__(self, file: Path) -> None:
        self._file = local_path("--render", str(file))
        self._frames: list[np.ndarray] = []
        self._over = False
        self.frame_ms = FRAME_MS

    @property
    def wants_more(self) -> bool:
        """Whether the episode is not over and not too long yet."""
        return not self._over and len(self._frames) < MAX_FRAMES

    def add(self, picture: np.ndarray, *, is_last: bool = False) -> None:
        """Takes the next [H, W, 3] uint8 picture; after the last one of the episode no other is taken."""
        if self.wants_more:
            self._frames.append(enlarge(picture))
            self._over = is_last

    def record(self, env: TeamEnv) -> Callable[[TeamStep], None]:
        """What is to be called with every step of `env`; copy 0 is shown."""

        def add_frame(step: TeamStep) -> None:
            if not self.wants_more:
                return
            try:
                self.add(env.render(0), is_last=bool(step.terminated[0] or step.truncated[0]))
            except NotImplementedError as error:
                raise UserError(f"--render: this environment has no pictures ({error}).") from error

        return add_frame

    def write(self) -> str:
        """Writes the GIF; returns the line that says so.

        Raises:
            UserError: if the file cannot be written.
        """
        try:
            write_whole(self._file, self._as_gif())
        except OSError as error:
            raise UserError(
                f"--render: cannot write {str(self._file)!r}: {error.strerror or error}."
            ) from error
        what = "one episode" if self._over else f"the first {len(self._frames) - 1} steps of an episode"
        return f"Animation of {what}: {self._file}"

    def _as_gif(self) -> bytes:
        from PIL import Image

        first, *others = (Image.fromarray(frame) for frame in self._frames)
        durations = [self.frame_ms] * len(others) + [LAST_FRAME_MS]
        content = io.BytesIO()
        first.save(content, "GIF", save_all=True, append_images=others, duration=durations, loop=0)
        return content.getvalue()


def enlarge(picture: np.ndarray) -> np.ndarray:
    """A copy of an [H, W, 3] picture, each pixel repeated until the shorter side has at least MIN_SIDE pixels."""
    times = -(-MIN_SIDE // min(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)
