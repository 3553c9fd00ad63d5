"""The recurrent agent network: every agent's utilities from its own observation-action history."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rllib_remix.models.image_encoder import ImageEncoder, Images
from rllib_remix.models.layers import NoHead, linear
from rllib_remix.models.normalizer import RunningNormalizer
from rllib_remix.models.packed_gru import gru_outputs
from rllib_remix.models.packing import AgentPacking


class Begun(NamedTuple):
    """What was in an episode before the first step that a network is shown."""

    steps: Tensor  # [B, n] int64, how many
    last_actions: Tensor  # [B, n] int64, -1 if there was none


class RecurrentAgent(nn.Module):
    """Linear to H, ReLU, GRU of H, linear to U + K; one set of parameters for all agents.

    Its input is the agent's observation, a one-hot of its last action (zeros at the first step) and, if asked
    for, a one-hot of its index and the time. Hidden states are [rows, H] float32, where a row is one agent of one
    episode.

    Args:
        obs_dim, n_actions, n_agents: O, U and n.
        hidden_dim: H.
        observe_last_action, observe_agent_id: which of the two one-hots are part of the input.
        episode_limit: if given, the time is part of the input, as t / episode_limit: 0 at the first step.
        image_shape: of observations that are images, which an ImageEncoder turns into features; () if they are vectors.
        utility_clamp: (low, high) limits of the utilities, or None. The MAC-PO reference code uses (-5, 2).
        extra_outputs: K, how many more numbers the head gives of every agent, behind the U utilities, for what learns
            beside them. Acting ignores them.

    Attributes:
        normalizer: of the observations, None if they stay as they are. Networks that read the inputs of this one need
            none.
    """

    normalizer: RunningNormalizer | None

    def __init__(
        self,
        obs_dim: int,
        n_actions: int,
        n_agents: int,
        *,
        hidden_dim: int = 64,
        observe_last_action: bool = True,
        observe_agent_id: bool = True,
        episode_limit: int | None = None,
        image_shape: tuple[int, ...] = (),
        utility_clamp: tuple[float, float] | None = None,
        extra_outputs: int = 0,
    ):
        super().__init__()
        self.n_actions, self.n_agents, self.hidden_dim = n_actions, n_agents, hidden_dim
        self.observe_last_action, self.observe_agent_id = observe_last_action, observe_agent_id
        self.episode_limit, self.utility_clamp = episode_limit, utility_clamp
        self.add_module("normalizer", None)
        self.image = ImageEncoder(image_shape) if image_shape else None
        self.obs_dim, self.seen_dim = obs_dim, self.image.features if self.image else obs_dim
        input_dim = self.seen_dim + n_actions * observe_last_action + n_agents * observe_agent_id
        input_dim += episode_limit is not None
        self.encoder, self.gru, self.head = self.make_layers(input_dim, hidden_dim, n_actions + extra_outputs)

    def make_layers(self, input_dim: int, hidden_dim: int, outputs: int) -> tuple[Any, Any, Any]:
        """The first layer, the GRU and the head, which share nothing with others."""
        return (
            nn.Linear(input_dim, hidden_dim),
            nn.GRU(hidden_dim, hidden_dim),
            nn.Linear(hidden_dim, outputs),
        )

    def packing(self, lives: Tensor, steps: int) -> AgentPacking:
        """Which steps it computes, and in which order; `lives` [B, n] and `steps` as AgentPacking has them."""
        return AgentPacking(lives, steps)

    def inputs(
        self,
        obs: Tensor,
        actions: Tensor,
        packing: AgentPacking,
        dtype: torch.dtype,
        begun: Begun | None = None,
    ) -> Tensor:
        """What the network sees at the packed steps, but images; the same for all networks of these settings.

        Args:
            obs: [B, T+1, n, O], any real dtype.
            actions: [B, T, n] integers; the action of step t is an input of step t + 1.
            packing: of lives in [B, T+1, n].
            dtype: float32 or bfloat16, in which the network then computes.
            begun: what was before the first of these steps; None if episodes begin with it.

        Returns:
            [R, I] of that dtype: the observation if it is no image, last action, index, time.
        """
        obs_dim = 0 if self.image else self.obs_dim
        width = self.encoder.in_features - (self.seen_dim - obs_dim)
        inputs = obs.new_zeros(len(packing.index), width, dtype=dtype)
        if obs_dim:
            seen = packing.pack(obs)
            inputs[:, :obs_dim] = seen if self.normalizer is None else self.normalizer(seen)
        first_column = torch.arange(len(inputs), device=obs.device) * width + obs_dim
        entries = inputs.view(-1)
        if self.observe_last_action:
            later = slice(packing.batch_sizes[0], None)  # At the first step there is no last action.
            last_actions = actions[packing.episode[later], packing.step[later] - 1, packing.agent[later]]
            entries.index_fill_(0, first_column[later] + last_actions, 1)
            if begun is not None:
                first = begun.last_actions[packing.of_first_step()]
                places = first_column[: len(first)] + first.clamp(min=0)
                entries.index_copy_(0, places, (first >= 0).to(dtype))  # 0 where there was none
            first_column = first_column + self.n_actions
        if self.observe_agent_id:
            entries.index_fill_(0, first_column + packing.agent, 1)
        if self.episode_limit is not None:
            before = 0 if begun is None else begun.steps[packing.episode, packing.agent]
            inputs[:, -1] = (packing.step + before) / self.episode_limit
        return inputs

    def images(self, obs: Tensor, packing: AgentPacking) -> Images | None:
        """The images [B, T+1, n, O] of the packed steps, as they are; None if observations are none."""
        return Images(packing.pack(obs), self.normalizer) if self.image else None

    def forward(
        self,
        inputs: Tensor,
        packing: AgentPacking,
        images: Images | None = None,
        hidden: Tensor | None = None,
    ) -> Tensor:
        """Utilities along whole lives, in one fused recurrent call.

        Args:
            inputs: [R, I] from `inputs`, float32 or bfloat16; everything before the head is computed in its dtype.
            packing: the same, from `packing` of a network with the same groups.
            images: from `images`, of the same packing.
            hidden: [B, n, H] float32, states to start from, which get no gradient; None is zeros.

        Returns:
            [R, U + K] float32.
        """
        return self._clamp(self._recurrent(self.head, inputs, packing, images, hidden))

    @torch.no_grad()
    def hidden_after(self, inputs: Tensor, packing: AgentPacking, images: Images | None = None) -> Tensor:
        """Hidden states at the ends of lives, [B, n, H] float32; the arguments as of `forward`."""
        return packing.last(self._recurrent(NoHead(self.head, self.hidden_dim), inputs, packing, images))

    def _recurrent(
        self,
        head: Any,
        inputs: Tensor,
        packing: AgentPacking,
        images: Images | None,
        hidden: Tensor | None = None,
    ) -> Tensor:
        """What a head makes of the hidden states, [R, …] float32."""
        if self.image is not None:
            assert images is not None
            features = self.image(images.pixels, images.normalizer, inputs.dtype)
            inputs = torch.cat([features, inputs], dim=-1)
        encoded = torch.relu_(linear(self.encoder, inputs))
        start = None if hidden is None else hidden[packing.of_first_step()]
        return gru_outputs(self.gru, head, encoded, packing.batch_sizes, start)

    def step(
        self, obs: Tensor, last_actions: Tensor, hidden: Tensor, time: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Utilities of one step, for acting.

        Args:
            obs: [N, n, O], any real dtype.
            last_actions: [N, n] integers; -1 where the episode has just begun.
            hidden: [N·n, H] float32; zeros where the episode has just begun.
            time: [N] integers, steps since the episode began; needed by networks that see the time.

        Returns:
            utilities [N, n, U] float32 and the next hidden states [N·n, H].
        """
        outputs, hidden = self._step(self._inputs_of_step(obs, last_actions, time), hidden)
        utilities = self._clamp(outputs)[..., : self.n_actions]
        return utilities.reshape(*obs.shape[:2], self.n_actions), hidden

    def _step(self, inputs: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """[N, n, I] and [N·n, H] → outputs of N·n rows of U + K, and the next hidden states [N·n, H]."""
        encoded = torch.relu(self.encoder(inputs)).view(1, -1, self.hidden_dim)
        output, hidden = self.gru(encoded, hidden.unsqueeze(0))
        return self.head(output), hidden.squeeze(0)

    def look(self, obs: Tensor) -> Tensor:
        """Observations [..., O] of any real dtype as the first linear layer takes them: [..., O or F] float32."""
        if self.image is not None:
            return self.image(obs.flatten(0, -2), self.normalizer).unflatten(0, obs.shape[:-1])
        return obs.float() if self.normalizer is None else self.normalizer(obs)

    def _inputs_of_step(self, obs: Tensor, last_actions: Tensor, time: Tensor | None) -> Tensor:
        parts = [self.look(obs)]
        if self.observe_last_action:
            # Action -1 stands for "none yet" and is in no column.
            columns = torch.arange(self.n_actions, device=obs.device)
            parts.append((last_actions.unsqueeze(-1) == columns).float())
        if self.observe_agent_id:
            parts.append(torch.eye(self.n_agents, device=obs.device).expand(*obs.shape[:-1], self.n_agents))
        if self.episode_limit is not None:
            assert time is not None
            parts.append((time / self.episode_limit).view(-1, 1, 1).expand(*obs.shape[:-1], 1))
        return torch.cat(parts, dim=-1)

    @torch.no_grad()
    def rescale(self, factor: float, *, extra: bool = False) -> None:
        """Multiplies the U utilities by a factor, or with `extra` the K numbers behind them instead."""
        rows = slice(self.n_actions, None) if extra else slice(None, self.n_actions)
        self.head.weight[..., rows, :].mul_(factor)
        self.head.bias[..., rows].mul_(factor)

    def _clamp(self, outputs: Tensor) -> Tensor:
        if self.utility_clamp is None:
            return outputs
        utilities, others = outputs.tensor_split([self.n_actions], dim=-1)
        return torch.cat([utilities.clamp(*self.utility_clamp), others], dim=-1)
