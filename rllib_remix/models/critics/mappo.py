"""MAPPO's critic: what a state is worth, as every agent sees it."""

from __future__ import annotations

from torch import Tensor, nn

from rllib_remix.models.critics.agent_critic import AgentCritic
from rllib_remix.models.normalizer import RunningNormalizer


class MAPPOCritic(nn.Module):
    """V(s, o_a, a), feed-forward: the agent-specific state of Yu et al. 2022, which sees all and knows whose value it is.

    Theirs leaves out what o_a and s have in common, which nobody can tell of an unknown game.

    Args:
        obs_dim, n_agents, state_dim: O, n and S.
        hidden_dim: units of each of its two hidden layers.
        image_shape: as of AgentCritic.
    """

    def __init__(
        self,
        obs_dim: int,
        n_agents: int,
        state_dim: int,
        *,
        hidden_dim: int = 64,
        image_shape: tuple[int, ...] = (),
    ):
        super().__init__()
        self.values = AgentCritic(
            obs_dim, n_agents, state_dim, 1, hidden_dim=hidden_dim, image_shape=image_shape
        )

    def begin_at_zero(self) -> None:
        """Lets all values begin at 0."""
        self.values.begin_at_zero()

    def rescale(self, factor: float) -> None:
        """Multiplies all values by a factor."""
        self.values.rescale(factor)

    def forward(self, state: Tensor, obs: Tensor, normalizer: RunningNormalizer | None = None) -> Tensor:
        """The value of every agent.

        Args:
            state: [N, S], float32 or bfloat16, in which all layers but the last compute.
            obs: [N, n, O], any real dtype.
            normalizer: of the observations.

        Returns:
            [N, n] float32.
        """
        seen = self.values.look(obs, normalizer, state.dtype)
        first = self.values.after_first_layer(state, seen, self.values.columns(state.dtype))
        return self.values.outputs(first).squeeze(-1)
