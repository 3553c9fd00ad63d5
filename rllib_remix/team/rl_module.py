"""What the networks of all algorithms share: recurrent agents, how they act, and how they read a batch."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, NamedTuple

import torch
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, TargetNetworkAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.packing import AgentPacking, Packing, step_packing


class Seen(NamedTuple):
    """A batch as all networks read it, built once; only steps and agents that exist."""

    inputs: Tensor  # [R, I], of the agent networks
    agents: AgentPacking
    state: Tensor  # [N, S]
    steps: Packing  # of the N steps in [B, T+1]
    actions: Tensor  # [B, T+1, n] int64, 0 after the last


class TeamRLModule(TorchRLModule, InferenceOnlyAPI, TargetNetworkAPI):
    """Shared recurrent agents that act; a subclass adds what else learns.

    It names those networks in `training_networks`, makes them in `make_training_networks`, and computes what its
    learner needs in `_forward_train`; `forward_target` too if it has target networks, which `target_sources` lists.

    Spaces: a `Dict(obs=[n, O], state=[S], avail_actions=[n, U])` and a `MultiDiscrete([U]·n)`.

    Every weight belongs to the agents or to one of these networks.

    Model config: `agent_hidden_dim`, `observe_last_action`, `observe_agent_id`, `skip_removed_agents`,
    `compute_dtype`.

    Attributes:
        agent: what acts; env runners have nothing else.
    """

    training_networks: ClassVar[
        tuple[str, ...]
    ] = ()  # attributes beside `agent`; env runners do not have them

    def setup(self) -> None:
        self.agent = self.make_agent()
        if not self.inference_only:
            n_agents = self.observation_space["obs"].shape[0]
            self.make_training_networks(n_agents, self.observation_space["state"].shape[0])

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        """Sets what `training_networks` lists; one that is not wanted may be None."""

    def make_agent(self) -> RecurrentAgent:
        """The network that acts, freshly initialised."""
        return self.new_agent()

    def new_agent(self, **limits: Any) -> RecurrentAgent:
        """A network that sees what the agents see, freshly initialised; `limits` as RecurrentAgent has them."""
        config = self.model_config
        n_agents, obs_dim = self.observation_space["obs"].shape
        return RecurrentAgent(
            obs_dim,
            int(self.action_space.nvec[0]),
            n_agents,
            hidden_dim=config["agent_hidden_dim"],
            observe_last_action=config["observe_last_action"],
            observe_agent_id=config["observe_agent_id"],
            **limits,
        )

    # Acting

    def get_initial_state(self) -> dict[str, Any]:
        return {}

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """One step for N teams: `obs`, `last_actions`, `hidden` in; `utilities`, `hidden` out."""
        utilities, hidden = self.agent.step(batch["obs"], batch["last_actions"], batch["hidden"])
        return {"utilities": utilities, "hidden": hidden}

    # Learning

    def seen(self, batch: dict[str, Any]) -> Seen:
        """Reads `obs`, `state`, `actions`, `lengths` and `lives` of a TeamLearner's batch."""
        actions, lengths = batch["actions"].long(), batch["lengths"]
        dtype = getattr(torch, self.model_config["compute_dtype"])
        steps, agents = batch["obs"].shape[1:3]
        whole = (lengths + 1).unsqueeze(-1).expand(-1, agents)
        lives = batch["lives"] if self.model_config["skip_removed_agents"] else whole
        lived, with_last = AgentPacking(lives, steps), step_packing(lengths, steps)
        return Seen(
            inputs=self.agent.inputs(batch["obs"], actions, lived, dtype),
            agents=lived,
            state=with_last.pack(batch["state"]).to(dtype),
            steps=with_last,
            actions=functional.pad(actions, (0, 0, 0, 1)),
        )

    def utilities(self, agent: RecurrentAgent, seen: Seen) -> Tensor:
        """What agent networks say of every action of every agent, [B, T+1, n, U]."""
        return seen.agents.unpack(agent(seen.inputs, seen.agents.batch_sizes))

    # Target networks

    def target_sources(self) -> tuple[str, ...]:
        """Attributes of the networks of which the targets read a copy, `target_…`."""
        return ()

    def make_target_networks(self) -> None:
        """Copies the networks that the targets read; the learner calls it once the optimizer is set up."""
        for name in self.target_sources():
            target = copy.deepcopy(getattr(self, name))
            setattr(self, f"target_{name}", target.requires_grad_(False))

    def get_target_network_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        return [(getattr(self, name), getattr(self, f"target_{name}")) for name in self.target_sources()]

    def forward_target(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """What the target networks say of a batch; for modules that have some."""
        raise NotImplementedError

    def get_non_inference_attributes(self) -> list[str]:
        return [*self.training_networks, *(f"target_{name}" for name in ("agent", *self.training_networks))]
