"""What is compared and timed: every algorithm, and settings that take another way through the networks; their episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks import episodes, updates

from rllib_remix.algorithms.table import ALGORITHMS
from rllib_remix.learning.sequences import Sequences
from rllib_remix.rollout.episode import TeamEpisode

RECENT_SHARE = 0.5  # of the episodes of a batch; what learns policies from the newest alone then has both


class Case(NamedTuple):
    """An algorithm with settings that are not at their defaults.

    Attributes:
        name: of the case, which begins with the algorithm's.
        algorithm: by name.
        training: settings of `training()`.
    """

    name: str
    algorithm: str
    training: dict[str, Any]


# What takes another way on a GPU, or is drawn and counted otherwise, than the algorithms do at their defaults.
VARIANTS = (
    Case("QMIX, own parameters", "QMIX", {"share_parameters": False}),
    Case("QMIX, preset papers", "QMIX", {"preset": "papers"}),
    Case("ReMIX, drawn by weight", "ReMIX", {"weighting_mode": "sampling"}),
    Case("ReMIX, pieces", "ReMIX", {"max_seq_len": 4}),
    Case("QMIX, pieces, own parameters", "QMIX", {"max_seq_len": 4, "burn_in": 2, "share_parameters": False}),
    Case("MACPO with QPLEX's mixer", "MACPO", {"mixer": "qplex"}),
)


def all_cases() -> list[Case]:
    """Every algorithm of the package with its own weighting, and the variants."""
    return [*(Case(name, name, {}) for name in ALGORITHMS), *VARIANTS]


def new_learner(case: Case, played: Sequence[TeamEpisode], *, dtype: str = "float32", on_gpu: bool) -> Any:
    """A learner of the case for a team like that of the episodes, with the weights of seed 0.

    Its values do not begin at 0, with which policies would have no gradient at first.
    """
    training = {"zero_initial_values": False} | case.training
    config = updates.new_config(case.algorithm, dtype, **training).learners(num_gpus_per_learner=int(on_gpu))
    return updates.new_learner(config, episodes.spec_of(max(played, key=len)))


def whole_episodes(num_episodes: int, steps: int, *, seed: int = 0) -> list[TeamEpisode]:
    """Of full length, with the whole team, on the full Predator-Prey game."""
    return episodes.play_dense(num_episodes, seed=seed, env_config={"episode_limit": steps})


def ragged_episodes(num_episodes: int, steps: int, *, seed: int = 0) -> list[TeamEpisode]:
    """As they are when agents leave and episodes end, each at another step."""
    played = whole_episodes(num_episodes, steps, seed=seed)
    n_agents = played[0].actions.shape[1]
    return episodes.cut_all(played, episodes.formula(num_episodes, n_agents, steps, seed=seed))


def batch_of(played: Sequence[TeamEpisode], case: Case) -> Any:
    """All episodes as one batch, or a piece of each if the case says so."""
    lengths = case.training.get("max_seq_len"), case.training.get("burn_in")
    return updates.batch_of(played, RECENT_SHARE, Sequences(*lengths, seed=0))
