"""Observations and states of large numbers, from which networks learn badly: said once."""

from __future__ import annotations

import logging
from typing import Any

from torch import Tensor

from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.models.image_encoder import encoded_shape
from rllib_remix.models.normalizer import normalizes
from rllib_remix.models.sizes import reads_state

logger = logging.getLogger("ray.rllib")

LARGE = 10.0


class LargeInputs:
    """Looks at the first batch, unless the networks normalise what they see, or see images.

    Args:
        config: the algorithm's settings. spec: of the team.
    """

    def __init__(self, config: Any, spec: TeamSpec) -> None:
        image = encoded_shape(config.encoder, spec.obs_shape)
        self._is_done = bool(image) or normalizes(config.networks(), image)
        self._names = ["obs", "state"] if reads_state(config.networks()) else ["obs"]

    def look(self, sample: dict[str, Tensor]) -> None:
        """Takes a batch as the replay buffer gives it."""
        if self._is_done:
            return
        self._is_done = True
        # Not by abs(), which bools do not have and of which int8 has none for its least.
        ends = {name: (sample[name].amin().item(), sample[name].amax().item()) for name in self._names}
        largest = {name: max(-low, high) for name, (low, high) in ends.items()}
        words = {"obs": "observations", "state": "the state"}
        said = [f"{words[name]} up to {size:g}" for name, size in largest.items() if size > LARGE]
        if said:
            logger.warning(
                "The networks see large numbers: %s. From such ones they learn badly, and what they begin with can "
                "grow with the square of the state's. Set normalize_observations to true, or scale them in the environment.",
                ", ".join(said),
            )
