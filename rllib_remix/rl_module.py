"""The team's networks as one RLModule: they act, learn, are saved and synchronised as RLlib does it."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, TargetNetworkAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.learning.targets import chosen, greedy_actions
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.joint_q import UnrestrictedJointQ
from rllib_remix.models.mixers import new_mixer
from rllib_remix.models.packing import AgentPacking, Packing, step_packing


class _Seen(NamedTuple):
    """A batch as all networks read it, built once; only steps and agents that exist."""

    inputs: Tensor  # [R, I], of the agent networks
    agents: AgentPacking
    state: Tensor  # [N, S]
    steps: Packing  # of the N steps in [B, T+1]
    actions: Tensor  # [B, T+1, n] int64, 0 after the last


ONLINE_NETWORKS = ("agent", "mixer", "q_star_agent", "q_star")


class TeamRLModule(TorchRLModule, InferenceOnlyAPI, TargetNetworkAPI):
    """Shared recurrent agents, a mixer, and (for weighted algorithms) the unrestricted Q*.

    Spaces: a `Dict(obs=[n, O], state=[S], avail_actions=[n, U])` and a `MultiDiscrete([U]·n)`.

    Model config: `mixer`, `use_q_star`, `use_mixer_gradient`, `agent_hidden_dim`, `mixer_embed_dim`,
    `hypernet_hidden_dim`, `q_star_hidden_dim`, `observe_last_action`, `observe_agent_id`, `utility_clamp`,
    `skip_removed_agents`, `compute_dtype`.
    """

    def setup(self) -> None:
        config = self.model_config
        n_agents, obs_dim = self.observation_space["obs"].shape
        n_actions = int(self.action_space.nvec[0])
        state_dim = self.observation_space["state"].shape[0]

        def new_agent(utility_clamp: tuple[float, float] | None) -> RecurrentAgent:
            return RecurrentAgent(
                obs_dim,
                n_actions,
                n_agents,
                hidden_dim=config["agent_hidden_dim"],
                observe_last_action=config["observe_last_action"],
                observe_agent_id=config["observe_agent_id"],
                utility_clamp=utility_clamp,
            )

        self.agent = new_agent(config["utility_clamp"])
        if self.inference_only:
            return
        self.mixer = new_mixer(n_agents, state_dim, config)
        self.q_star_agent: RecurrentAgent | None = None
        self.q_star: UnrestrictedJointQ | None = None
        if config["use_q_star"]:
            self.q_star_agent = new_agent(utility_clamp=None)
            self.q_star = UnrestrictedJointQ(n_agents, state_dim, hidden_dim=config["q_star_hidden_dim"])

    # Acting

    def get_initial_state(self) -> dict[str, Any]:
        return {}

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """One step for N teams: `obs`, `last_actions`, `hidden` in; `utilities`, `hidden` out."""
        utilities, hidden = self.agent.step(batch["obs"], batch["last_actions"], batch["hidden"])
        return {"utilities": utilities, "hidden": hidden}

    # Learning

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
        seen = self._seen(batch)
        utilities = self._utilities(self.agent, seen)
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
            taken = seen.steps.pack(chosen(self._utilities(self.q_star_agent, seen), seen.actions))
            out["q_star"] = seen.steps.unpack(self.q_star(taken, seen.state))[:, :-1]
        return out

    def _seen(self, batch: dict[str, Any]) -> _Seen:
        actions, lengths = batch["actions"].long(), batch["lengths"]
        dtype = getattr(torch, self.model_config["compute_dtype"])
        steps, agents = batch["obs"].shape[1:3]
        whole = (lengths + 1).unsqueeze(-1).expand(-1, agents)
        lives = batch["lives"] if self.model_config["skip_removed_agents"] else whole
        lived, with_last = AgentPacking(lives, steps), step_packing(lengths, steps)
        return _Seen(
            inputs=self.agent.inputs(batch["obs"], actions, lived, dtype),
            agents=lived,
            state=with_last.pack(batch["state"]).to(dtype),
            steps=with_last,
            actions=functional.pad(actions, (0, 0, 0, 1)),
        )

    def _utilities(self, agent: RecurrentAgent, seen: _Seen) -> Tensor:
        return seen.agents.unpack(agent(seen.inputs, seen.agents.batch_sizes))

    @torch.no_grad()
    def _target_values(self, seen: _Seen, greedy: Tensor) -> Tensor:
        """Value of the online-greedy joint action under the target networks, [B, T+1] (double Q-learning)."""
        if self.q_star is not None:
            agent, joint = self.target_q_star_agent, self.target_q_star
        else:
            agent, joint = self.target_agent, self.target_mixer
        values = seen.steps.pack(chosen(self._utilities(agent, seen), greedy))
        return seen.steps.unpack(joint(values, seen.state))

    # RLlib's hooks

    def make_target_networks(self) -> None:
        """Copies the networks that the targets read; RLlib's learner calls it once the optimizer is set up."""
        for name in self._target_sources():
            target = copy.deepcopy(getattr(self, name))
            setattr(self, f"target_{name}", target.requires_grad_(False))

    def get_target_network_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        return [(getattr(self, name), getattr(self, f"target_{name}")) for name in self._target_sources()]

    def forward_target(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """`target_values` [B, T+1] of given `greedy_actions` [B, T+1, n]."""
        return {"target_values": self._target_values(self._seen(batch), batch["greedy_actions"])}

    def get_non_inference_attributes(self) -> list[str]:
        return [*ONLINE_NETWORKS[1:], *(f"target_{name}" for name in ONLINE_NETWORKS)]

    def _target_sources(self) -> tuple[str, ...]:
        return ("q_star_agent", "q_star") if self.model_config["use_q_star"] else ("agent", "mixer")
