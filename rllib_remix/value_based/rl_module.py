"""The networks of the value-based algorithms: agents, a mixer, and the unrestricted Q*."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from rllib_remix.learning.targets import chosen, greedy_actions
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.joint_q import UnrestrictedJointQ
from rllib_remix.models.mixers import new_mixer
from rllib_remix.models.sizes import check_image_state
from rllib_remix.team.rl_module import Seen, TeamRLModule


class ValueRLModule(TeamRLModule):
    """Shared recurrent agents, a mixer, and (for weighted algorithms) the unrestricted Q*.

    Model config: as TeamRLModule's, and `utility_clamp`, `mixer`, `use_q_star`, `use_mixer_gradient`, `mixer_embed_dim`,
    `hypernet_hidden_dim`, `q_star_hidden_dim`, `zero_initial_values`.
    """

    training_networks: ClassVar[tuple[str, ...]] = ("mixer", "q_star_agent", "q_star")

    def make_agent(self) -> RecurrentAgent:
        return self.new_agent(utility_clamp=self.model_config["utility_clamp"])

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        config = self.model_config
        if self.agent.image is not None:
            check_image_state(n_agents, state_dim, config)
        self.mixer = new_mixer(n_agents, state_dim, config)
        self.q_star_agent: RecurrentAgent | None = None
        self.q_star: UnrestrictedJointQ | None = None
        if config["use_q_star"]:
            self.q_star_agent = self.new_agent()
            self.q_star = UnrestrictedJointQ(n_agents, state_dim, hidden_dim=config["q_star_hidden_dim"])
        if config["zero_initial_values"]:
            self.mixer.begin_at_zero()
            if self.q_star is not None:
                self.q_star.begin_at_zero()

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """All values of whole episodes; gradients only through `q_tot` and `q_star`.

        Args:
            batch: `obs` [B, T+1, n, O], `state` [B, T+1, S], `avail_actions` [B, T+1, n, U], `actions` [B, T, n],
                `lengths` [B], `lives` [B, n].

        Returns:
            `utilities` [B, T+1, n, U], `greedy_actions` [B, T+1, n], `q_tot` [B, T], `target_values` [B, T+1],
            and, where the algorithm needs them, `q_star` [B, T] and `mixer_gradient` [B, T, n]. With
            `skip_removed_agents` the utilities of agents that have left stay as they were when they left; on padding
            all values are finite and mean nothing.
        """
        seen = self.seen(batch)
        utilities = self.utilities(self.agent, seen)
        greedy = greedy_actions(utilities.detach(), batch["avail_actions"])
        out = {
            "utilities": utilities.detach(),
            "greedy_actions": greedy,
            "target_values": self._target_values(seen, greedy),
        }
        taken = seen.steps.pack(chosen(utilities, seen.actions))
        if self.model_config["use_mixer_gradient"]:
            q_tot, gradient = self.mixer.with_gradient(taken, seen.state)
            out["mixer_gradient"] = seen.steps.unpack(gradient)[:, :-1]
        else:
            q_tot = self.mixer(taken, seen.state)
        out["q_tot"] = seen.steps.unpack(q_tot)[:, :-1]
        if self.q_star is not None and self.q_star_agent is not None:
            taken = seen.steps.pack(chosen(self.utilities(self.q_star_agent, seen), seen.actions))
            out["q_star"] = seen.steps.unpack(self.q_star(taken, seen.state))[:, :-1]
        return out

    @torch.no_grad()
    def _target_values(self, seen: Seen, greedy: Tensor) -> Tensor:
        """Value of the online-greedy joint action under the target networks, [B, T+1] (double Q-learning)."""
        if self.q_star is not None:
            agent, joint = self.target_q_star_agent, self.target_q_star
        else:
            agent, joint = self.target_agent, self.target_mixer
        values = seen.steps.pack(chosen(self.utilities(agent, seen), greedy))
        return seen.steps.unpack(joint(values, seen.state))

    def target_sources(self) -> tuple[str, ...]:
        return ("q_star_agent", "q_star") if self.model_config["use_q_star"] else ("agent", "mixer")

    def forward_target(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """`target_values` [B, T+1] of given `greedy_actions` [B, T+1, n]."""
        return {"target_values": self._target_values(self.seen(batch), batch["greedy_actions"])}
