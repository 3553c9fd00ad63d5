"""DOP's critic: a joint value that is linear in values of single agents."""

from __future__ import annotations

from torch import Tensor, nn

from rllib_remix.models.critics.agent_critic import AgentCritic
from rllib_remix.models.layers import linear
from rllib_remix.models.normalizer import RunningNormalizer

_LEAST = 1e-6  # added to every weight before their sum is made 1, so that it is never 0


class DOPCritic(nn.Module):
    """Q_tot(s, u) = Σ_a k_a(s)·Q^a(s, o_a, a; u_a), Σ_a k_a = 1 (Wang et al. 2021).

    Q^a is the sum of an advantage of each action and a value. The weights are |n × m numbers|·|m numbers|, both linear in
    the state, and divided by their sum.

    Args:
        obs_dim, n_actions, n_agents, state_dim: O, U, n and S.
        hidden_dim: units of each of the two hidden layers of Q^a.
        embed_dim: m.
        image_shape: as of AgentCritic.
    """

    def __init__(
        self,
        obs_dim: int,
        n_actions: int,
        n_agents: int,
        state_dim: int,
        *,
        hidden_dim: int = 256,
        embed_dim: int = 32,
        image_shape: tuple[int, ...] = (),
    ):
        super().__init__()
        self.n_actions, self.n_agents = n_actions, n_agents
        self.values = AgentCritic(
            obs_dim, n_agents, state_dim, n_actions + 1, hidden_dim=hidden_dim, image_shape=image_shape
        )
        self.of_agents = nn.Linear(state_dim, n_agents * embed_dim)
        self.of_team = nn.Linear(state_dim, embed_dim)

    def begin_at_zero(self) -> None:
        """Lets all values begin at 0."""
        self.values.begin_at_zero()

    def rescale(self, factor: float) -> None:
        """Multiplies all values by a factor."""
        self.values.rescale(factor)

    def forward(
        self, state: Tensor, obs: Tensor, normalizer: RunningNormalizer | None = None
    ) -> tuple[Tensor, Tensor]:
        """Values of every agent's actions, and what each agent's count.

        Args:
            state: [N, S], float32 or bfloat16, in which all layers of Q^a but the last, and those of k, compute.
            obs: [N, n, O], any real dtype.
            normalizer: of the observations.

        Returns:
            Q^a(·) [N, n, U] float32, and k [N, n] float32, above 0 and in sum 1.
        """
        seen = self.values.look(obs, normalizer, state.dtype)
        first = self.values.after_first_layer(state, seen, self.values.columns(state.dtype))
        advantages, value = self.values.outputs(first).tensor_split([self.n_actions], dim=-1)
        return advantages + value, self._weights(state)

    def _weights(self, state: Tensor) -> Tensor:
        of_agents = linear(self.of_agents, state).float().abs().unflatten(-1, (self.n_agents, -1))
        weights = (of_agents * linear(self.of_team, state).float().abs().unsqueeze(-2)).sum(-1) + _LEAST
        return weights / weights.sum(-1, keepdim=True)


def joint_values(weights: Tensor, of_agents: Tensor) -> Tensor:
    """Q_tot = Σ_a k_a·Q^a: [..., n] twice → [...].

    Being linear it keeps expectations: of the agents' own under their policies it is E_π Q_tot.
    """
    return (weights * of_agents).sum(-1)
