"""Teams of QMIX's shape, one for each game, all in the same tensors; and what the weightings see of them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rllib_remix.learning.targets import greedy_actions
from rllib_remix.learning.weighting import WeightingInputs

_INITIAL = 1 / 8  # PyTorch's limit for layers of 64 inputs, as the hypernetworks have them


class Teams:
    """G teams of tables: utilities Q^a(u), a monotonic mixer, and an unrestricted Q*(u).

    Q_tot = ELU(q·|W1| + b1)·|w2| + b2 as in QMIX, with weights of its own for every game in the place of hypernetworks: these
    games have one state. b1, b2, Q* begin at 0, all else within ±1/8.

    Args:
        n_games, n_agents, n_actions: G, n and U.
        joint: [K, n] int64, the joint actions.
        embed_dim: m, units of the mixing layer.
        seed: of the initial values.
    """

    def __init__(
        self,
        n_games: int,
        n_agents: int,
        n_actions: int,
        joint: Tensor,
        *,
        embed_dim: int = 32,
        seed: int = 0,
    ):
        draw = torch.Generator().manual_seed(seed)

        def begin(*shape: int) -> Tensor:
            return (2 * torch.rand(n_games, *shape, generator=draw) - 1).mul_(_INITIAL).requires_grad_()

        self.joint, self.n_actions = joint, n_actions
        self.utilities = begin(n_agents, n_actions)
        self.w1, self.w2 = begin(n_agents, embed_dim), begin(embed_dim)
        self.b1, self.b2, self.q_star = (
            torch.zeros(n_games, *shape, requires_grad=True) for shape in ((embed_dim,), (), (len(joint),))
        )

    def parameters(self) -> list[Tensor]:
        """Of all games, each with G in front."""
        return [self.utilities, self.w1, self.w2, self.b1, self.b2, self.q_star]

    def chosen(self) -> Tensor:
        """[G, K, n] float32: the utility of every agent's action in every joint action."""
        n_agents = self.joint.shape[1]
        return torch.stack([self.utilities[:, agent, self.joint[:, agent]] for agent in range(n_agents)], -1)

    def q_tot(self) -> tuple[Tensor, Tensor]:
        """[G, K] float32, and its gradient by each utility, [G, K, n], which carries none itself."""
        chosen, w1, w2 = self.chosen(), self.w1.abs(), self.w2.abs()
        z = chosen @ w1 + self.b1.unsqueeze(1)
        q_tot = (functional.elu(z) * w2.unsqueeze(1)).sum(-1) + self.b2.unsqueeze(-1)
        with torch.no_grad():
            slope = torch.exp(z.clamp(max=0)) * w2.unsqueeze(1)  # [G, K, m]
            gradient = slope @ w1.transpose(1, 2)
        return q_tot, gradient

    @torch.no_grad()
    def greedy(self) -> Tensor:
        """[G] int64: which joint action is greedy."""
        n_agents = self.joint.shape[1]
        best = greedy_actions(self.utilities, torch.ones_like(self.utilities, dtype=torch.bool))
        place = self.n_actions ** torch.arange(n_agents - 1, -1, -1)
        return (best * place).sum(-1)

    def log_policy(self, temperature: float = 1.0) -> Tensor:
        """[G, K] float32: log Π_a π^a of the Boltzmann policies, with gradient."""
        log_probabilities = (self.utilities / temperature).log_softmax(-1)
        n_agents = self.joint.shape[1]
        return sum(
            (log_probabilities[:, agent, self.joint[:, agent]] for agent in range(n_agents)),
            torch.zeros(1),
        )

    @torch.no_grad()
    def seen(self, payoffs: Tensor, q_tot: Tensor, gradient: Tensor) -> WeightingInputs:
        """What a weighting sees of every game: a batch of K episodes of one step, G in front of all: [G, K, 1, …].

        Args:
            payoffs: [G, K] float32, the targets. q_tot, gradient: from `q_tot`.
        """
        games, joint = payoffs.shape
        greedy = self.greedy().unsqueeze(-1)
        utilities = self.utilities.unsqueeze(1).expand(-1, joint, -1, -1).unsqueeze(2)
        return WeightingInputs(
            q_tot=q_tot.unsqueeze(-1),
            targets=payoffs.unsqueeze(-1),
            mask=torch.ones(games, joint, 1, dtype=torch.bool),
            utilities=utilities,
            avail_actions=torch.ones_like(utilities, dtype=torch.bool),
            actions=self.joint.expand(games, -1, -1).unsqueeze(2),
            took_greedy=(torch.arange(joint) == greedy).unsqueeze(-1),
            greedy_value=self.q_star.gather(-1, greedy).expand(-1, joint).unsqueeze(-1),
            q_star=self.q_star.unsqueeze(-1),
            mixer_gradient=gradient.unsqueeze(2),
        )
