"""Env runners whose agents draw from their policies, and those that play their share of an on-policy batch."""

from __future__ import annotations

from typing import Any

from rllib_remix.rollout.acting import StochasticTeamActor, TeamActor
from rllib_remix.rollout.env_runner import TeamEnvRunner


class ActorCriticEnvRunner(TeamEnvRunner):
    """Draws actions from the agents' policies; in evaluation only if `actions_in_evaluation` says so."""

    def new_actor(self) -> TeamActor:
        assert self.env is not None
        draws = self.explores or self.config.actions_in_evaluation == "sampled"
        return (StochasticTeamActor if draws else TeamActor)(self.module.agent, self.env.num_envs)


class OnPolicyEnvRunner(ActorCriticEnvRunner):
    """Plays its share of a batch in every round, on no more copies than that takes."""

    def __init__(self, *, config: Any, **kwargs: Any):
        share = share_of_batch(config, kwargs.get("worker_index") or 0)
        if share < config.num_envs_per_env_runner:
            config = config.copy(copy_frozen=False)
            config.num_envs_per_env_runner = share
        super().__init__(config=config, **kwargs)

    def episodes_per_round(self) -> int:
        """As many as share_of_batch says."""
        return share_of_batch(self.config, self.worker_index or 0)


def share_of_batch(config: Any, worker_index: int) -> int:
    """How many of the `train_batch_episodes` of a round an env runner plays, at least one.

    One that evaluates plays an episode of every copy, and so does the local one beside remote ones.
    """
    runners = config.num_env_runners or 0
    if config.in_evaluation or (runners and not worker_index):
        return config.num_envs_per_env_runner
    whole, left = divmod(config.train_batch_episodes, max(1, runners))
    return max(1, whole + (worker_index <= left and worker_index > 0))
