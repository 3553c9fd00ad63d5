"""What critics of single agents share: a first layer on state, observation and index of which no input is copied together."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.image_encoder import ImageEncoder
from rllib_remix.models.layers import hidden_layers, last_layer, rescale, set_to_zero
from rllib_remix.models.normalizer import RunningNormalizer


class AgentCritic(nn.Module):
    """A feed-forward net on [s, o_a, more, a], with two hidden layers and ReLU; one set of parameters for all agents.

    The weight of its first layer is taken apart: what the state adds is computed once for all agents, what the index
    adds is a column. Within, agents come first, so that what is of a step is added to blocks that lie together.

    Args:
        obs_dim, n_agents, state_dim: O, n and S.
        outputs: numbers that come out for every agent.
        more: inputs between the observation and the index.
        hidden_dim: units of each hidden layer.
        image_shape: of observations that are images, which an ImageEncoder turns into features; () if they are vectors.
    """

    def __init__(
        self,
        obs_dim: int,
        n_agents: int,
        state_dim: int,
        outputs: int,
        *,
        more: int = 0,
        hidden_dim: int,
        image_shape: tuple[int, ...] = (),
    ):
        super().__init__()
        self.image = ImageEncoder(image_shape) if image_shape else None
        self.parts = [state_dim, self.image.features if self.image else obs_dim, more, n_agents]
        self.net = nn.Sequential(
            nn.Linear(sum(self.parts), hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.ReLU(),
            nn.Linear(hidden_dim, outputs),
        )

    def begin_at_zero(self) -> None:
        """Lets all that comes out begin at 0."""
        set_to_zero(self.net[-1])

    def rescale(self, factor: float) -> None:
        """Multiplies all that comes out by a factor."""
        rescale(factor, self.net[-1])

    def look(self, obs: Tensor, normalizer: RunningNormalizer | None, dtype: torch.dtype) -> Tensor:
        """Observations [N, n, O] of any real dtype as the first layer takes them, [n, N, O or F] of `dtype`."""
        if self.image is not None:
            features = self.image(obs.flatten(0, 1), normalizer, dtype).unflatten(0, obs.shape[:2])
            return features.transpose(0, 1)
        return (obs if normalizer is None else normalizer(obs)).to(dtype).transpose(0, 1)

    def columns(self, dtype: torch.dtype) -> tuple[Tensor, ...]:
        """The first layer's weight of state, observation, what else there is, and index: [H, …] each."""
        return cast(nn.Linear, self.net[0]).weight.to(dtype).split(self.parts, dim=1)

    def after_first_layer(self, state: Tensor, obs: Tensor, columns: tuple[Tensor, ...]) -> Tensor:
        """What state, observation and index add to the first layer, before its ReLU.

        Args:
            state: [N, S], float32 or bfloat16. obs: [n, N, O or F] of the same dtype, from `look`.
            columns: from `columns`.

        Returns:
            [n, N, H] of that dtype.
        """
        of_state, of_obs, _, of_index = columns
        bias = cast(nn.Linear, self.net[0]).bias.to(state.dtype)
        first = functional.linear(obs, of_obs)
        first += functional.linear(state, of_state, bias)
        first += of_index.t().unsqueeze(1)
        return first

    def outputs(self, first: Tensor) -> Tensor:
        """All further layers: [n, N, H] → [N, n, outputs] float32."""
        return last_layer(self.net, hidden_layers(list(self.net)[1:], first)).transpose(0, 1)
