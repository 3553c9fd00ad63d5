"""The loops of actor-critics: as of all algorithms, from replay, or strictly from what the newest weights played."""

from __future__ import annotations

from typing import Any

from rllib_remix.team.algorithm import TeamAlgorithm


class ActorCritic(TeamAlgorithm):
    """Collect episodes by stochastic policies, store them, draw a batch, update."""

    config: Any  # an ActorCriticConfig

    def learner_result_keys(self) -> list[str]:
        own = ["policy_loss", "value_loss", "entropy", "advantage_mean", "advantage_std", "value_mean"]
        return [*super().learner_result_keys(), *own, "target_mean"]


class OnPolicyActorCritic(ActorCritic):
    """Collect a batch, update once, and again.

    If env runners bring less than a batch, because some were lost, the next round adds to it before the update: all were
    played with the same weights. No episode is in two updates.
    """

    config: Any  # an OnPolicyConfig

    def _update(self) -> None:
        # What came before this update counts for no other: it was played with older weights then.
        self._episodes_since_update = self.config.train_batch_episodes
        super()._update()
