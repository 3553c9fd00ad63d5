"""What the networks of the actor-critics share: agents whose outputs are logits, and who steps which weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ray.rllib.core.learner.learner import DEFAULT_OPTIMIZER
from torch import nn

from rllib_remix.models.critics.table import new_critic
from rllib_remix.models.sizes import check_critics_state
from rllib_remix.team.rl_module import TeamRLModule


class ActorCriticModule(TeamRLModule):
    """Agents whose U outputs are the logits of their policies; a subclass adds the critic.

    `_forward_train` returns `logits` [B, T, n, U], and what else the learner's loss needs.
    """

    def optimized(self) -> dict[str, Sequence[nn.Parameter]]:
        """The weights that each optimizer steps, by its name; every weight has one.

        One optimizer, with `lr`, unless a subclass says otherwise: `actor` is stepped with `lr`, another name with the
        setting `name_lr`.
        """
        return {DEFAULT_OPTIMIZER: list(self.parameters())}


class SeparateCriticModule(ActorCriticModule):
    """Agents with an optimizer of their own, beside one for all networks that only learn."""

    def optimized(self) -> dict[str, Sequence[nn.Parameter]]:
        actor = list(self.agent.parameters())
        known = {id(weight) for weight in actor}
        return {"actor": actor, "critic": [each for each in self.parameters() if id(each) not in known]}


class CentralCriticModule(SeparateCriticModule):
    """A critic that values agents or their actions, with a target network unless a subclass has none.

    Model config: as ActorCriticModule's, and `central_critic`, `critic_hidden_dim`, `zero_initial_values`, and what else
    `models/critics/table.py` has for that critic.
    """

    training_networks: ClassVar[tuple[str, ...]] = ("central_critic",)

    def make_training_networks(self, n_agents: int, state_dim: int) -> None:
        config = self.model_config
        sizes = self.agent.obs_dim, self.agent.n_actions, n_agents, state_dim
        if self.agent.image is not None:
            check_critics_state(sizes, config)
        self.central_critic = new_critic(*sizes, config, image_shape=self._image_shape)
        if config["zero_initial_values"]:
            self.central_critic.begin_at_zero()

    def value_networks(self) -> tuple[str, ...]:
        return ("central_critic",)

    def target_sources(self) -> tuple[str, ...]:
        return self.training_networks
