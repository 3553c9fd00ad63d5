"""What an update takes on pieces of episodes, beside one on whole episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks import updates
from benchmarks.episodes import filled_buffer, spec_of
from benchmarks.figures import Figure
from benchmarks.timing import cpu_seconds
from rllib_remix.learning.sequences import Sequences
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards

BATCH, MAX_SEQ_LEN = 32, 50
PIECES: dict[str, dict[str, Any]] = {
    "whole episodes": {},
    "pieces, all before read": {"max_seq_len": MAX_SEQ_LEN},
    "pieces, 20 steps before read": {"max_seq_len": MAX_SEQ_LEN, "burn_in": 20},
    "pieces, nothing before read": {"max_seq_len": MAX_SEQ_LEN, "burn_in": 0},
}


def bench(episodes: Sequence[TeamEpisode], repeats: int, report: Callable[[Figure], None]) -> None:
    """Updates of QMIX and ReMIX; every measured one cuts its pieces anew, and that counts too."""
    for algorithm in ("QMIX", "ReMIX"):
        whole = None
        for name, settings in PIECES.items():
            times = _times(algorithm, episodes[:BATCH], repeats, settings)
            figure = Figure(updates.name_of(algorithm, BATCH, "float32", name), "CPU-s per update", times)
            whole = whole or figure
            report(dataclasses.replace(figure, note=f"{figure.median / whole.median:.2f} of whole episodes"))


def _times(
    algorithm: str, episodes: Sequence[TeamEpisode], repeats: int, settings: dict[str, Any]
) -> list[float]:
    learner = updates.new_learner(updates.new_config(algorithm, **settings), spec_of(episodes[0]))
    sample = Rewards(normalize=True).prepare(filled_buffer(episodes).sample(len(episodes)))
    sequences = Sequences(settings.get("max_seq_len"), settings.get("burn_in"), seed=0)
    return cpu_seconds(
        lambda: learner.update(batch=learner_batch(sequences.cut(dict(sample)), num_learners=1)), repeats
    )
