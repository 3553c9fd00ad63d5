"""Whether the agents of a foreign environment see images, and of which shape."""

from __future__ import annotations

from collections.abc import Sequence

from gymnasium.spaces import Box

from rllib_remix.envs.foreign.agent_view import AgentView

_LEAST_SIDE = 3  # pixels; below, a Box of three dimensions is a table and no picture


def common_image_shape(views: Sequence[AgentView]) -> tuple[int, ...]:
    """The shape of an observation if all agents have the same three-dimensional Box, otherwise (): they see vectors.

    (H, W, C), or (C, H, W) where the first axis is 4 at most and the last is more; at least two axes have 3 entries.
    """
    first = views[0].space
    if not isinstance(first, Box) or len(first.shape) != 3 or sorted(first.shape)[1] < _LEAST_SIDE:
        return ()
    alike = all(isinstance(view.space, Box) and view.space.shape == first.shape for view in views)
    return tuple(map(int, first.shape)) if alike else ()
