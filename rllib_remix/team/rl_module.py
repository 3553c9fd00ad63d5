"""What the networks of all algorithms share: recurrent agents, how they act, and how they read a batch."""

from __future__ import annotations

import copy
import functools
from typing import Any, ClassVar, NamedTuple

import torch
from ray.rllib.core.rl_module.apis import InferenceOnlyAPI, TargetNetworkAPI
from ray.rllib.core.rl_module.torch import TorchRLModule
from torch import Tensor, nn
from torch.nn import functional

from rllib_remix.models.agent import Begun, RecurrentAgent
from rllib_remix.models.groups.agent import recurrent_agent
from rllib_remix.models.groups.assignment import agent_groups
from rllib_remix.models.image_encoder import Images, encoded_shape
from rllib_remix.models.normalizer import RunningNormalizer, normalizes
from rllib_remix.models.packing import AgentPacking, Packing, step_packing
from rllib_remix.models.sizes import reads_state
from rllib_remix.models.threads import forward_in_threads


class Before(NamedTuple):
    """The steps before those that are learned, from which the hidden states come."""

    inputs: Tensor  # as of Seen
    images: Images | None
    agents: AgentPacking
    there: Tensor  # [B, n, 1] bool, whether an agent has some


class Seen(NamedTuple):
    """A batch as all networks read it, built once; only steps and agents that exist."""

    inputs: Tensor  # [R, I], of the agent networks; without observations that are images
    images: Images | None  # those
    agents: AgentPacking
    state: Tensor  # [N, S], the time included if that is observed; [N, 0] if no network reads it
    steps: Packing  # of the N steps in [B, T+1]
    actions: Tensor  # [B, T+1, n] int64, 0 after the last
    before: Before | None = (
        None  # what the agents read before the first of these steps; None if that is nothing
    )


class TeamRLModule(TorchRLModule, InferenceOnlyAPI, TargetNetworkAPI):
    """Recurrent agents that act, and share their parameters as the settings say; a subclass adds what else learns.

    It names those networks in `training_networks`, makes them in `make_training_networks`, and computes what its
    learner needs in `_forward_train`; `forward_target` too if it has target networks, which `target_sources` lists.

    Spaces: a `Dict(obs=[n, O], state=[S], avail_actions=[n, U], time=Discrete(limit + 1))`, of images with `image` of an
    observation's shape, where agents have names with `agents`, one entry for each, and a `MultiDiscrete([U]·n)`.

    Every weight belongs to the agents or to one of these networks. With `normalize_observations` the agents and the
    module hold running means and variances, which `note_observations` updates; they are those of the batches' steps that
    networks compute, so neither padding nor agents that have left count. Target networks see what the others see.

    Model config: `agent_hidden_dim`, `observe_last_action`, `observe_agent_id`, `encoder`, `observe_time`,
    `normalize_observations`, `skip_removed_agents`, `compute_dtype`, and maybe `share_parameters` and
    `agent_extra_outputs`.

    Attributes:
        agent: what acts; env runners have nothing else.
        state_normalizer: None if the state stays as it is.
    """

    state_normalizer: RunningNormalizer | None

    num_threads = 1  # of `forward_train`; the learner sets it

    training_networks: ClassVar[
        tuple[str, ...]
    ] = ()  # attributes beside `agent`; env runners do not have them

    def setup(self) -> None:
        self.agent = self.make_agent()
        n_agents, obs_dim = self.observation_space["obs"].shape
        state_dim = self.observation_space["state"].shape[0]
        normalized, observes_time = (
            normalizes(self.model_config, self._image_shape),
            self._has("observe_time"),
        )
        if normalized:
            self.agent.normalizer = RunningNormalizer(obs_dim)
        self.add_module("state_normalizer", None)
        if not self.inference_only:
            if normalized:
                self.state_normalizer = RunningNormalizer(state_dim)
            self.make_training_networks(n_agents, state_dim + observes_time)

    def _has(self, setting: str) -> bool:
        """Whether a setting is on that older checkpoints do not have."""
        return self.model_config.get(setting, False)

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        """Sets what `training_networks` lists; one that is not wanted may be None.

        Args:
            n_agents: n.
            state_dim: S, of the state that the networks read: with the time, if that is observed.
        """

    def make_agent(self) -> RecurrentAgent:
        """The network that acts, freshly initialised."""
        return self.new_agent(extra_outputs=self.model_config.get("agent_extra_outputs", 0))

    def new_agent(self, **others: Any) -> RecurrentAgent:
        """A network that sees what the agents see, freshly initialised; `others` as RecurrentAgent has them."""
        config = self.model_config
        return recurrent_agent(
            self._groups,
            self.observation_space["obs"].shape[1],
            int(self.action_space.nvec[0]),
            hidden_dim=config["agent_hidden_dim"],
            observe_last_action=config["observe_last_action"],
            observe_agent_id=config["observe_agent_id"],
            episode_limit=self._episode_limit if self._has("observe_time") else None,
            image_shape=self._image_shape,
            **others,
        )

    @property
    def _episode_limit(self) -> int:
        return int(self.observation_space["time"].n) - 1

    @property
    def _groups(self) -> tuple[int, ...]:
        spaces = self.observation_space.spaces
        agents = tuple(spaces["agents"].spaces) if "agents" in spaces else ()
        return agent_groups(self.model_config, spaces["obs"].shape[0], agents)

    @property
    def _image_shape(self) -> tuple[int, ...]:
        spaces = self.observation_space.spaces
        shown = spaces["image"].shape if "image" in spaces else ()
        return encoded_shape(self.model_config.get("encoder", "auto"), shown)

    # Acting

    def get_initial_state(self) -> dict[str, Any]:
        return {}

    def _forward(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """One step for N teams: `obs`, `last_actions`, `hidden` and maybe `time` in; `utilities`, `hidden` out."""
        utilities, hidden = self.agent.step(
            batch["obs"], batch["last_actions"], batch["hidden"], batch.get("time")
        )
        return {"utilities": utilities, "hidden": hidden}

    # Learning

    def train(self, mode: bool = True) -> TeamRLModule:
        """As PyTorch's; RLlib asks for it before every forward pass, where mostly nothing is to be set."""
        if any(part.training != mode for part in self.modules()):
            super().train(mode)
        return self

    def forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """As RLlib's, of parts of the batch in `num_threads` threads.

        Then `_forward_train` must look at each episode by itself, and every output has the episodes first.
        """
        forward = functools.partial(super().forward_train, **kwargs)
        if self.num_threads == 1:
            return forward(batch)
        weights = [each for each in self.parameters() if each.requires_grad]
        work = batch["lives"].sum(1) + batch["lengths"]
        return forward_in_threads(forward, batch, weights, work=work, threads=self.num_threads)

    def seen(self, batch: dict[str, Any]) -> Seen:
        """Reads `obs`, `state`, `actions`, `lengths` and `lives` of a TeamLearner's batch, and what cut episodes have more."""
        actions = batch["actions"].long()
        dtype = getattr(torch, self.model_config["compute_dtype"])
        lived, with_last = self._packings(batch)
        begun = Begun(batch["begun_agents"], batch["begun_actions"]) if "begun_agents" in batch else None
        return Seen(
            inputs=self.agent.inputs(batch["obs"], actions, lived, dtype, begun),
            images=self.agent.images(batch["obs"], lived),
            agents=lived,
            state=self._state(batch["state"], with_last, dtype, batch.get("begun_steps")),
            steps=with_last,
            actions=functional.pad(actions, (0, 0, 0, 1)),
            before=self._before(batch, dtype) if "before_obs" in batch else None,
        )

    def _before(self, batch: dict[str, Any], dtype: torch.dtype) -> Before:
        obs, lives = batch["before_obs"], batch["before_lives"]
        agents = self.agent.packing(lives.clamp(min=1), obs.shape[1])
        start = (batch["begun_steps"] - batch["before_lengths"]).unsqueeze(-1).expand_as(lives)
        begun = Begun(start, batch["before_begun_actions"])
        inputs = self.agent.inputs(obs, batch["before_actions"].long(), agents, dtype, begun)
        return Before(inputs, self.agent.images(obs, agents), agents, (lives > 0).unsqueeze(-1))

    def _packings(self, batch: dict[str, Any]) -> tuple[AgentPacking, Packing]:
        """What is computed: of the agents, and of the team."""
        lengths, (steps, agents) = batch["lengths"], batch["obs"].shape[1:3]
        whole = (lengths + 1).unsqueeze(-1).expand(-1, agents)
        lives = batch["lives"] if self.model_config["skip_removed_agents"] else whole
        return self.agent.packing(lives, steps), step_packing(lengths, steps)

    def _state(self, state: Tensor, steps: Packing, dtype: torch.dtype, begun: Tensor | None) -> Tensor:
        """What networks read of the states [B, T+1, S] at the packed steps; [N, 0] if none does."""
        if not reads_state(self.model_config):
            return steps.pack(state[..., :0]).to(dtype)
        seen = steps.pack(state)
        if self.state_normalizer is not None:
            seen = self.state_normalizer(seen)
        elif self.agent.image is not None and seen.dtype == torch.uint8:
            seen = seen.float() / 255  # The state of a team that sees images is one too.
        seen = seen.to(dtype)
        if not self._has("observe_time"):
            return seen
        time = steps.index % steps.leading[1]
        if begun is not None:
            time = time + begun[steps.index // steps.leading[1]]
        time = time / self._episode_limit
        return torch.cat([seen, time.to(dtype).unsqueeze(-1)], dim=-1)

    def normalizers(self) -> list[RunningNormalizer]:
        """Those of the observations and of the state, none if nothing is normalised."""
        return [each for each in (self.agent.normalizer, self.state_normalizer) if each is not None]

    def note_observations(self, batch: dict[str, Any]) -> None:
        """Takes a TeamLearner's batch into the means and variances, if there are any."""
        if self.agent.normalizer is None or self.state_normalizer is None:
            return
        agents, steps = self._packings(batch)
        self.agent.normalizer.update(agents.pack(batch["obs"]))
        if reads_state(self.model_config):
            self.state_normalizer.update(steps.pack(batch["state"]))

    def utilities(self, agent: RecurrentAgent, seen: Seen) -> Tensor:
        """What agent networks say of every action of every agent, [B, T+1, n, U + K]; K is 0 unless they have more outputs."""
        return seen.agents.unpack(self.outputs(agent, seen))

    def outputs(self, agent: RecurrentAgent, seen: Seen) -> Tensor:
        """The same as rows of `seen.agents`, [R, U + K]."""
        hidden, before = None, seen.before
        if before is not None:
            hidden = agent.hidden_after(before.inputs, before.agents, before.images) * before.there
        return agent(seen.inputs, seen.agents, seen.images, hidden)

    def value_networks(self) -> tuple[str, ...]:
        """Attributes of the networks that say values, to be rescaled with the unit of the rewards; each has a `rescale`."""
        raise NotImplementedError(
            f"{type(self).__name__} must have a method `value_networks`, which names its networks that say values: they are "
            "rescaled, by a method `rescale(factor)` of each, when the unit of the rewards changes."
        )

    def rescale_values(self, factor: float) -> None:
        """Multiplies the values of all networks, online and target, by a factor (Pop-Art, van Hasselt et al. 2016)."""
        for name in self.value_networks():
            for network in (getattr(self, name), getattr(self, f"target_{name}", None)):
                networks: Any = network if isinstance(network, nn.ModuleList) else [network]
                for each in networks:
                    if each is not None:
                        each.rescale(factor)

    # Target networks

    def target_sources(self) -> tuple[str, ...]:
        """Attributes of the networks of which the targets read a copy, `target_…`."""
        return ()

    def make_target_networks(self) -> None:
        """Copies the networks that the targets read; the learner calls it once the optimizer is set up."""
        for name in self.target_sources():
            target = copy.deepcopy(getattr(self, name))
            for part in target.modules():
                if isinstance(part, nn.GRU):
                    part.flatten_parameters()  # On a GPU a copy's weights lie apart; cuDNN wants them in one piece.
            setattr(self, f"target_{name}", target.requires_grad_(False))

    def get_target_network_pairs(self) -> list[tuple[nn.Module, nn.Module]]:
        return [(getattr(self, name), getattr(self, f"target_{name}")) for name in self.target_sources()]

    def forward_target(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """What the target networks say of a batch; for modules that have some."""
        raise NotImplementedError

    def get_non_inference_attributes(self) -> list[str]:
        of_targets = [f"target_{name}" for name in ("agent", *self.training_networks)]
        return [*self.training_networks, "state_normalizer", *of_targets]
