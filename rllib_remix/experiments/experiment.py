"""What is to be trained, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rllib_remix.experiments.result_keys import TRAINING_RETURN
from rllib_remix.experiments.search.schedulers import Scheduler
from rllib_remix.experiments.search.searchers import Search

if TYPE_CHECKING:
    from ray.rllib.algorithms.algorithm import Algorithm

# How often a failed trial starts again, unless the user says otherwise: enough for a machine that goes away now and then.
MAX_FAILURES = 3
MAX_COUNT = 10**9  # of iterations and checkpoints; more is a slip


@dataclass
class Checkpoints:
    """When trials are saved and what is kept."""

    frequency: int = 0  # iterations between checkpoints; 0 is never
    at_end: bool = True
    num_to_keep: int | None = None  # None keeps all
    score_attribute: str | None = None  # result key that says which to keep; None keeps the newest
    score_order: str = "max"  # max or min


@dataclass
class Experiment:
    """One experiment: an algorithm on an environment, for every variant of its settings."""

    name: str  # sub-folder of the storage path
    run: str | type[Algorithm]  # registered name, class path or class
    config: dict[str, Any]  # algorithm settings with `env` among them; may hold grid_search
    stop: dict[str, float] = field(default_factory=dict)
    num_samples: int = 1  # repeats of every variant
    storage_path: str = "~/ray_results"
    checkpoints: Checkpoints = field(default_factory=Checkpoints)
    restore: Path | None = None  # checkpoint to start from
    resources: dict[str, Any] = field(default_factory=dict)  # of a trial: cpu, gpu, custom_resources
    max_failures: int = MAX_FAILURES  # how often a failed trial is tried again; -1 is without end
    scheduler: Scheduler = field(default_factory=Scheduler)
    search: Search = field(default_factory=Search)
    metric: str = TRAINING_RETURN  # result key by which trials are compared; set when it is checked
    notes: list[str] = field(default_factory=list)  # what was read otherwise than it was written
