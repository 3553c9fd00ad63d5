"""The networks of QTRAN-base: agents, the joint value Q_jt of their hidden features, and the state's value V."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from rllib_remix.learning.targets import chosen, greedy_actions
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.models.qtran import QTRANJointQ, StateValue
from rllib_remix.models.sizes import joint_networks, sizes_for_mixer
from rllib_remix.team.rl_module import Seen
from rllib_remix.value_based.rl_module import ValueRLModule


class QTRANModule(ValueRLModule):
    """Shared recurrent agents, whose hidden features Q_jt reads too.

    Beside its utilities the agents' head gives K features of each agent's GRU state, linear ones, which lose nothing if
    K is its size. Those of an agent that has left stay as they were, as its utilities do.

    Model config: as ValueRLModule's, without a mixer, and `agent_extra_outputs` (K), `q_jt_hidden_dim`, `use_q_jt`.
    """

    training_networks: ClassVar[tuple[str, ...]] = ("q_jt", "state_value")

    def make_agent(self) -> RecurrentAgent:
        config = self.model_config
        return self.new_agent(
            utility_clamp=config["utility_clamp"], extra_outputs=config["agent_extra_outputs"]
        )

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        sizes = sizes_for_mixer(self.agent, n_agents, state_dim, self.model_config)
        parts: dict[str, Any] = joint_networks(sizes, self.model_config)
        self.q_jt: QTRANJointQ = parts["q_jt"]
        self.state_value: StateValue = parts["state_value"]
        if self.model_config["zero_initial_values"]:
            self.q_jt.begin_at_zero()
            self.state_value.begin_at_zero()

    def _forward_train(self, batch: dict[str, Any], **kwargs: Any) -> dict[str, Tensor]:
        """All values of whole episodes.

        Args:
            batch: as of ValueRLModule.

        Returns:
            `utilities`, `greedy_actions`, `target_values` (of Q_jt) as of ValueRLModule; `q_tot` [B, T]: Q_jt of the
            joint action taken, with gradients also through the agents; `greedy_q_jt` [B, T]: Q_jt of the greedy joint
            action, without; and with gradients `chosen_sum` and `greedy_sum` [B, T], the sums of utilities of the two
            joint actions, and `state_value` [B, T].
        """
        seen = self.seen(batch)
        utilities, encoded = self._outputs(self.agent, self.q_jt, seen)
        greedy = greedy_actions(utilities.detach(), batch["avail_actions"])
        pack, unpack = seen.steps.pack, seen.steps.unpack
        with torch.no_grad():
            greedy_q_jt = self.q_jt(encoded, pack(greedy), seen.state)
        return {
            "utilities": utilities.detach(),
            "greedy_actions": greedy,
            "target_values": self._target_values(seen, greedy, batch["avail_actions"]),
            "q_tot": unpack(self.q_jt(encoded, pack(seen.actions), seen.state))[:, :-1],
            "greedy_q_jt": unpack(greedy_q_jt)[:, :-1],
            "chosen_sum": chosen(utilities, seen.actions).sum(-1)[:, :-1],
            "greedy_sum": chosen(utilities, greedy).sum(-1)[:, :-1],
            "state_value": unpack(self.state_value(seen.state))[:, :-1],
        }

    def _outputs(self, agent: RecurrentAgent, q_jt: QTRANJointQ, seen: Seen) -> tuple[Tensor, Tensor]:
        """Utilities [B, T+1, n, U] of agents, and their features [N, n, K + U] as Q_jt encodes them."""
        packing = seen.agents
        outputs = self.outputs(agent, seen)
        utilities, features = outputs.tensor_split([agent.n_actions], dim=-1)
        encoded = q_jt.encode(features, seen.state.dtype)
        return packing.unpack(utilities), packing.unpack_at(encoded, seen.steps)

    @torch.no_grad()
    def _target_values(self, seen: Seen, greedy: Tensor, avail: Tensor) -> Tensor:
        """Q_jt of the online-greedy joint action under the target networks, [B, T+1]."""
        _, encoded = self._outputs(self.target_agent, self.target_q_jt, seen)
        return seen.steps.unpack(self.target_q_jt(encoded, seen.steps.pack(greedy), seen.state))

    def value_networks(self) -> tuple[str, ...]:
        return ("agent", "q_jt", "state_value")

    def target_sources(self) -> tuple[str, ...]:
        return ("agent", "q_jt")
