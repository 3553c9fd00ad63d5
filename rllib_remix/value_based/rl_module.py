"""The networks of the value-based algorithms: agents, a mixer, and the unrestricted Q*."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from rllib_remix.learning.targets import chosen, greedy_actions
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.joint_q import UnrestrictedJointQ
from rllib_remix.models.mixers import new_mixer
from rllib_remix.models.mixing.mixer import Mixer, MixerInputs
from rllib_remix.models.sizes import sizes_for_mixer
from rllib_remix.team.rl_module import Seen, TeamRLModule


class ValueRLModule(TeamRLModule):
    """Shared recurrent agents, a mixer, and (for weighted algorithms) the unrestricted Q*.

    Model config: as TeamRLModule's, and `utility_clamp`, `mixer`, `use_q_star`, `use_mixer_gradient`, `mixer_embed_dim`,
    `hypernet_hidden_dim`, `q_star_hidden_dim`, `zero_initial_values`, and what else the mixer's `sizes` name. Without a
    mixer Q_tot is every agent's own value.
    """

    training_networks: ClassVar[tuple[str, ...]] = ("mixer", "q_star_agent", "q_star")

    def make_agent(self) -> RecurrentAgent:
        return self.new_agent(utility_clamp=self.model_config["utility_clamp"])

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        config = self.model_config
        self.mixer: Mixer = new_mixer(sizes_for_mixer(self.agent, n_agents, state_dim, config), config)
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
            the last two with an n behind if there is no mixer, and, where the algorithm needs them, `q_star` [B, T] and
            `mixer_gradient` [B, T, n]. With `skip_removed_agents` the utilities of agents that have left stay as they
            were when they left; on padding all values are finite and mean nothing.
        """
        seen = self.seen(batch)
        utilities = self.utilities(self.agent, seen)
        greedy = greedy_actions(utilities.detach(), batch["avail_actions"])
        out = {
            "utilities": utilities.detach(),
            "greedy_actions": greedy,
            "target_values": self._target_values(seen, greedy, batch["avail_actions"]),
        }
        inputs = self._mixer_inputs(self.mixer, seen, utilities, seen.actions, greedy)
        if self.model_config["use_mixer_gradient"]:
            q_tot, gradient = self.mixer.with_gradient(inputs)
            out["mixer_gradient"] = seen.steps.unpack(gradient)[:, :-1]
        else:
            q_tot = self.mixer(inputs)
        out["q_tot"] = seen.steps.unpack(q_tot)[:, :-1]
        if self.q_star is not None and self.q_star_agent is not None:
            taken = seen.steps.pack(chosen(self.utilities(self.q_star_agent, seen), seen.actions))
            out["q_star"] = seen.steps.unpack(self.q_star(taken, seen.state))[:, :-1]
        return out

    def _mixer_inputs(
        self, mixer: Mixer, seen: Seen, utilities: Tensor, actions: Tensor, greedy: Tensor
    ) -> MixerInputs:
        """What a mixer takes, and no more than it needs.

        Args:
            mixer: the online or the target one.
            utilities: [B, T+1, n, U] of its agents. actions: [B, T+1, n], of which it gives the value.
            greedy: [B, T+1, n], the best available actions by these utilities.
        """
        pack = seen.steps.pack
        return MixerInputs(
            chosen=pack(chosen(utilities, actions)),
            state=seen.state,
            best=pack(chosen(utilities.detach(), greedy)) if mixer.needs_best else None,
            actions=pack(actions) if mixer.needs_actions else None,
            agents=self._observed(seen) if mixer.needs_agents else None,
        )

    def _observed(self, seen: Seen) -> Tensor:
        """[N, n, O + n]: what each agent observes, and a one-hot of its index; of one that has left what it saw last."""
        agents, obs_dim = seen.agents, self.agent.obs_dim
        index = functional.one_hot(agents.agent, self.agent.n_agents).to(seen.inputs.dtype)
        return agents.unpack_at(torch.cat([seen.inputs[:, :obs_dim], index], dim=-1), seen.steps)

    @torch.no_grad()
    def _target_values(self, seen: Seen, greedy: Tensor, avail: Tensor) -> Tensor:
        """Value of the online-greedy joint action under the target networks, [B, T+1] (double Q-learning)."""
        if self.q_star is not None:
            values = seen.steps.pack(chosen(self.utilities(self.target_q_star_agent, seen), greedy))
            return seen.steps.unpack(self.target_q_star(values, seen.state))
        utilities, mixer = self.utilities(self.target_agent, seen), self.target_mixer
        best = greedy_actions(utilities, avail) if mixer.needs_best else greedy
        return seen.steps.unpack(mixer(self._mixer_inputs(mixer, seen, utilities, greedy, best)))

    def value_networks(self) -> tuple[str, ...]:
        q_tot = "agent" if self.mixer.is_proportional else "mixer"
        return (q_tot,) if self.q_star is None else (q_tot, "q_star")

    def target_sources(self) -> tuple[str, ...]:
        return ("q_star_agent", "q_star") if self.model_config["use_q_star"] else ("agent", "mixer")

    def forward_target(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """`target_values` [B, T+1] of given `greedy_actions` [B, T+1, n], in a batch as of `forward_train`."""
        greedy, avail = batch["greedy_actions"], batch["avail_actions"]
        return {"target_values": self._target_values(self.seen(batch), greedy, avail)}
