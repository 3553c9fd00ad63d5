"""What a run was asked for is kept beside its results, and two do not train in one folder."""

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from rllib_remix.errors import UserError
from rllib_remix.experiments.experiment import Checkpoints, Experiment
from rllib_remix.experiments.loggers import Loggers
from rllib_remix.experiments.old.on_workers import mean_std_filter
from rllib_remix.experiments.plan import PLAN_FILE, Plan, check_is_the_same, only_one, read_plan, run_folder
from rllib_remix.experiments.search.schedulers import Scheduler
from rllib_remix.experiments.search.searchers import Search
from rllib_remix.experiments.search.spaces import placed


@pytest.fixture
def plan(tmp_path) -> Plan:
    here = Experiment("run", "QMIX", {"env": "matrix_game"}, storage_path=str(tmp_path / "results"))
    there = Experiment("far", "QMIX", {"env": "matrix_game"}, storage_path="s3://bucket/results")
    (tmp_path / "results" / "run").mkdir(parents=True)
    return Plan([here, there], max_concurrent=2, loggers=Loggers(wandb_key="secret", wandb_project="p"))


def test_a_plan_is_read_back_by_the_folder_of_an_experiment_or_of_a_trial(plan, tmp_path):
    plan.write()
    assert plan.folders() == [tmp_path / "results" / "run"]
    (tmp_path / "results" / "run" / "trial").mkdir()
    for folder in ("run", "run/trial"):
        read = read_plan(run_folder(tmp_path / "results" / folder))
        assert [(e.name, e.run, e.config) for e in read.experiments] == [
            (e.name, e.run, e.config) for e in plan.experiments
        ]
        assert read.max_concurrent == 2
        assert read.loggers.wandb_project == "p"


def test_no_key_is_written(plan, tmp_path):
    plan.write()
    assert b"secret" not in (tmp_path / "results" / "run" / PLAN_FILE).read_bytes()


def test_a_folder_that_was_moved_goes_on_where_it_is(plan, tmp_path):
    plan.write()
    (tmp_path / "results").rename(tmp_path / "moved")
    here, there = read_plan(tmp_path / "moved" / "run").experiments
    assert here.storage_path == str(tmp_path / "moved")
    assert there.storage_path == "s3://bucket/results"


def test_what_is_no_run_is_named(plan, tmp_path):
    with pytest.raises(UserError, match="is not a folder"):
        run_folder(tmp_path / "nothing")
    with pytest.raises(UserError, match=f"it has no {PLAN_FILE}"):
        run_folder(tmp_path)
    plan.write()
    file: Path = tmp_path / "results" / "run" / PLAN_FILE
    whole = file.read_bytes()
    for damaged in (b"", whole[:20], whole[20:], b"not a plan", b"Inumber\n.", whole.replace(b"QMIX", b"QM")):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match="cannot be read"):
            read_plan(file.parent)


def test_two_runs_in_one_folder_exclude_each_other_only_if_one_wants_to_be_alone(plan):
    plan.write()
    with only_one(plan, alone=False):
        with only_one(plan, alone=False):
            pass
        with (
            pytest.raises(UserError, match="is being trained by another process"),
            only_one(plan, alone=True),
        ):
            pass
    with only_one(plan, alone=True):
        pass


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": {"env": "matrix_game", "lr": 0.5}}, "config: lr = None, not 0.5"),
        ({"stop": {"training_iteration": 5}}, "stop: training_iteration = None, not 5"),
        ({"num_samples": 2}, "num_samples = 1, not 2"),
        ({"run": "VDN"}, "run = 'QMIX', not 'VDN'"),
        ({"checkpoints": Checkpoints(frequency=1)}, "checkpoints = .*frequency=0.* not .*frequency=1"),
        ({"max_failures": 50}, "max_failures = 3, not 50"),
    ],
)
def test_a_run_goes_on_only_as_it_was_begun(plan, change, message):
    check_is_the_same(plan)  # Nothing was begun yet.
    plan.write()
    check_is_the_same(plan)
    other = Plan([replace(plan.experiments[0], **change)])
    with pytest.raises(UserError, match=message):
        check_is_the_same(other)


def test_ranges_are_compared_by_value(plan):
    from ray import tune

    def searching(high):
        return Plan([replace(plan.experiments[0], config={"lr": tune.uniform(0.1, high)})])

    searching(0.5).write()
    check_is_the_same(searching(0.5))
    with pytest.raises(UserError, match="config: lr"):
        check_is_the_same(searching(0.6))


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("plan.Plan", Plan),
        ("experiments.Experiment", Experiment),
        ("experiments.Checkpoints", Checkpoints),
        ("schedulers.Scheduler", Scheduler),
        ("searching.Search", Search),
        ("loggers.Loggers", Loggers),
        ("samplers.placed", placed),
        ("on_workers.mean_std_filter", mean_std_filter),
    ],
)
def test_what_plans_of_earlier_versions_name_is_found_where_it_is_now(then, now):
    module, name = then.split(".")
    assert pickle.loads(f"crllib_remix.cli.{module}\n{name}\n.".encode()) is now
