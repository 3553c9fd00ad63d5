"""A finished episode that stays in Ray's object store while the loop hands it on."""

from __future__ import annotations

from dataclasses import dataclass

import ray

from rllib_remix.rollout.episode import TeamEpisode


@dataclass(slots=True)
class EpisodeInStore:
    """Where an episode is, and what is reported of it, so that only who stores it has to fetch it.

    Attributes:
        reference: of the TeamEpisode.
        length: env steps.
        team_return: sum of the team rewards.
        info: the environment's last info values of the episode.
        agent_returns: what each agent received in it; empty where only the team is paid.
    """

    reference: ray.ObjectRef
    length: int
    team_return: float
    info: dict[str, float]
    agent_returns: dict[str, float]

    @classmethod
    def put(cls, episode: TeamEpisode) -> EpisodeInStore:
        """Copies an episode into the object store of this machine."""
        said = episode.get_return(), episode.info, episode.agent_returns
        return cls(ray.put(episode), len(episode), *said)

    def __len__(self) -> int:
        return self.length

    def get_return(self) -> float:
        """Sum of the team rewards, undiscounted."""
        return self.team_return
