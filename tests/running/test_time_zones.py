"""After a change of time zone, or of the clock, the newest run in a folder is the one that goes on and is evaluated."""

import json
import shutil
from pathlib import Path

import planted
import pytest
import ray.cloudpickle

from rllib_remix.checkpoints.finding import find_checkpoint

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]

TRAIN = (
    "train",
    "--algo",
    "planted.Planted",
    "--env",
    "CartPole-v1",
    "--storage-path",
    "results",
    "-n",
    "run",
)


@pytest.fixture(autouse=True)
def planted_travels_by_value():
    """Workers cannot import it: they do not have the tests' folder."""
    ray.cloudpickle.register_pickle_by_value(planted)
    yield
    ray.cloudpickle.unregister_pickle_by_value(planted)


def trained(rllib, lr: float) -> Path:
    """The folder of a new trial of three iterations."""
    before = set(Path("results/run").glob("*/"))
    options = ("--config", {"lr": lr}, "--stop", {"training_iteration": 3}, "--checkpoint-freq", 1)
    assert (result := rllib(*TRAIN, *options)).exit_code == 0, result.output
    (trial,) = set(Path("results/run").glob("*/")) - before
    return trial


def test_the_later_of_two_runs_goes_on_after_a_flight_to_the_west(rllib, time_zone):
    time_zone("Pacific/Kiritimati")
    older = trained(rllib, lr=1.0)
    time_zone("Pacific/Midway")
    newer = trained(rllib, lr=2.0)
    assert newer.name[-19:] < older.name[-19:]  # local times
    assert find_checkpoint(Path("results/run")) == newer.resolve() / "checkpoint_000002"
    for trial in (older, newer):  # as if neither had saved its end
        shutil.rmtree(trial / "checkpoint_000002")
    for again in ("Pacific/Midway", "Pacific/Kiritimati"):
        time_zone(again)
        result = rllib("resume", "results/run")
        assert result.exit_code == 0, result.output
        assert not (older / "checkpoint_000002").exists()
        rows = [json.loads(row) for row in (newer / "result.json").read_text().splitlines()]
        assert [(row["training_iteration"], row["lr"]) for row in rows] == [(1, 2.0), (2, 2.0), (3, 2.0)]
        shutil.rmtree(newer / "checkpoint_000002")  # It has come back.
