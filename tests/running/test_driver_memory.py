"""Neither the process that drives Tune nor the trial's own keeps anything of each iteration."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import ray.cloudpickle
from ray.air.execution._internal import RayActorManager
from ray.tune import Callback
from ray.tune.execution import tune_controller
from ray.util import debug

from rllib_remix.experiments.checking import check_experiment
from rllib_remix.experiments.experiment import Checkpoints, Experiment
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.running.cluster import Cluster
from rllib_remix.running.driver_memory import ForgetfulActorManager, NotesForgotten, done_tasks_forgotten
from rllib_remix.running.tune_run import run_experiments
from tests.algorithms.games import one_shot
from tests.support import planted

ITERATIONS, WINDOW = 200, 10


def kept() -> dict[str, int]:
    """How many objects there are of what grew once, and in all."""
    gc.collect()
    everything = gc.get_objects()
    return {
        "results": sum(type(each) is ray.ObjectRef for each in everything),
        "notes": len(debug._logged),
        "objects": len(everything),
    }


def fewest(counts: list[dict[str, int]]) -> dict[str, int]:
    """The least of each: what more there was came and went, more of it where much else runs."""
    return {name: min(each[name] for each in counts) for name in counts[0]}


class Counts(Callback):
    """What is kept in some iterations at the half and near the end of a run."""

    def __init__(self) -> None:
        self.seen: list[dict[str, int]] = []

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: dict, **info: Any) -> None:
        at = result["training_iteration"]
        if ITERATIONS // 2 - WINDOW < at <= ITERATIONS // 2 or ITERATIONS - WINDOW <= at < ITERATIONS:
            self.seen.append(kept())


@dataclass(frozen=True)
class WithCounts(Loggers):
    counts: Counts = field(default_factory=Counts)

    def callbacks(self, default_run_name: str) -> list[Any]:
        return [self.counts]


@pytest.fixture
def planted_travels_by_value():
    ray.cloudpickle.register_pickle_by_value(planted)
    yield
    ray.cloudpickle.unregister_pickle_by_value(planted)


@pytest.mark.slow
def test_the_driver_of_tune_does_not_grow(ray_session, planted_travels_by_value, tmp_path):
    counts = Counts()
    experiment = Experiment(
        "soak",
        planted.Planted,
        {"env": "CartPole-v1", "lr": 1.0},
        stop={"training_iteration": ITERATIONS},
        storage_path=str(tmp_path),
        checkpoints=Checkpoints(frequency=5, num_to_keep=2),
    )
    check_experiment(experiment)
    run_experiments([experiment], cluster=Cluster(), loggers=WithCounts(counts=counts))
    half, end = fewest(counts.seen[:WINDOW]), fewest(counts.seen[WINDOW:])
    assert end["results"] - half["results"] <= 5, counts.seen  # not one per iteration
    assert end["notes"] - half["notes"] <= 5, counts.seen
    assert end["objects"] - half["objects"] <= ITERATIONS, counts.seen  # at most two per iteration, by chance


@pytest.mark.slow
def test_the_algorithm_does_not_grow(ray_session):
    config = one_shot("QMIX", steps=10).training(train_batch_episodes=8, replay_buffer_capacity=40)
    algorithm = config.build_algo()
    grown = growth(algorithm.train)
    algorithm.stop()
    assert grown <= ITERATIONS


def growth(iterate: Callable[[], object]) -> int:
    for _ in range(ITERATIONS // 2):
        iterate()
    before = kept()["objects"]
    for _ in range(ITERATIONS // 2):
        iterate()
    return kept()["objects"] - before


def test_tune_has_its_own_manager_back_after_a_run():
    with done_tasks_forgotten():
        assert tune_controller.RayActorManager is ForgetfulActorManager
    assert tune_controller.RayActorManager is RayActorManager


def test_only_the_notes_of_the_encoder_are_forgotten():
    debug._logged |= {"tune_func_encode:<object at 0x7f>", "something else"}
    NotesForgotten().on_step_end(1, [])
    assert "something else" in debug._logged
    assert not [note for note in debug._logged if note.startswith("tune_func_encode:")]
    debug._logged.discard("something else")
