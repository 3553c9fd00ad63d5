"""Studies that are run: finished runs stay, killed ones go on and end the same, changed ones begin anew."""

import signal
import time

import numpy as np
import pytest
import yaml
from processes import exit_code, output, wait_for

from rllib_remix.experiments.checking import check_experiments
from rllib_remix.experiments.plan import Plan
from rllib_remix.studies.cells import cells_of
from rllib_remix.studies.raw import collected
from rllib_remix.studies.store import began_otherwise, is_finished, seeds_begun, storage_of
from rllib_remix.studies.study import read_study

SETTINGS = {
    "train_batch_episodes": 8,
    "rollout_episodes_per_update": 8,
    "min_sample_timesteps_per_iteration": 100,
    "num_env_runners": 0,
    "evaluation_interval": 1,
    "evaluation_duration": 4,
}
STUDY = {
    "title": "One game",
    "source": "ours",
    "claim": "Who finds the best action?",
    "weights": True,
    "config": SETTINGS,
    "panels": {"matrix": {"env": "matrix_game", "best": 8, "threshold": 0}},
    "algorithms": {"QMIX": {"run": "QMIX"}, "OW": {"run": "OWQMIX"}},
    "budgets": {"small": {"env_steps": 2000, "seeds": 1}},
}
RUN = (
    *("reproduce", "run", "study.yaml", "--budget", "small", "--max-concurrent", "1", "--ray-num-cpus", "1"),
    *("--checkpoint-freq", "0"),
    *("--ray-num-gpus", "0", "--ray-object-store-memory", "100000000", "--verbose", "--storage-path"),
)


def declare(folder, content=STUDY):
    (folder / "study.yaml").write_text(yaml.safe_dump(content))
    return read_study(folder / "study.yaml")


def results(study, folder):
    """Algorithm → its evaluations."""
    runs = collected(study, cells_of(study, "small"), storage_of(folder, study.name, "small"))
    return {run.algorithm: (run.steps, run.values) for run in runs}


def test_settings_that_changed_since_are_named(tmp_path):
    study = declare(tmp_path)
    before = cells_of(study, "small")[0]
    plan = Plan([before.to_run(tmp_path)])
    check_experiments(plan.experiments)
    (tmp_path / before.folder).mkdir()
    plan.write()
    assert began_otherwise(before, tmp_path) == []
    changed = declare(tmp_path, STUDY | {"config": SETTINGS | {"gamma": 0.9, "train_batch_episodes": 16}})
    now = cells_of(changed, "small")[0]
    assert began_otherwise(now, tmp_path) == [
        "config.gamma was None, is 0.9",
        "config.train_batch_episodes was 8, is 16",
    ]
    assert not is_finished(now, tmp_path)
    assert began_otherwise(cells_of(study, "small")[1], tmp_path) == []  # of another algorithm


def test_a_report_is_of_all_seeds_that_were_run(tmp_path):
    study = declare(tmp_path)
    assert seeds_begun(study, "small", tmp_path / "runs") == 1
    for cell in cells_of(study, "small", seeds=3):
        (tmp_path / "runs" / cell.folder).mkdir(parents=True)
    assert seeds_begun(study, "small", tmp_path / "runs") == 3


@pytest.mark.slow
def test_a_study_killed_in_the_middle_goes_on_and_ends_the_same(start, tmp_path):
    study = declare(tmp_path)
    assert exit_code(start(*RUN, "whole"), tmp_path, 0) == 0, output(tmp_path, 0)
    assert "2 runs: 2 to begin, the rest finished." in output(tmp_path, 0)
    killed = start(*RUN, "killed")
    folder = tmp_path / "killed/study/small"
    wait_for(
        lambda: sum(len(f.read_text().splitlines()) for f in folder.glob("*/*/result.json")) > 6,
        killed,
        tmp_path,
    )
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    time.sleep(2)  # for Ray's own processes to follow
    assert exit_code(start(*RUN, "killed"), tmp_path, 2) == 0, output(tmp_path, 2)
    assert "interrupted sweep to go on with" in output(tmp_path, 2)
    whole, again = (results(study, tmp_path / name) for name in ("whole", "killed"))
    assert whole.keys() == again.keys() == {"QMIX", "OW"}
    for algorithm in whole:
        for one, other in zip(whole[algorithm], again[algorithm], strict=True):
            assert np.array_equal(one, other), algorithm


@pytest.mark.slow
def test_finished_runs_stay_and_changed_ones_begin_anew(start, rllib, tmp_path, monkeypatch):
    declare(tmp_path)
    assert exit_code(start(*RUN, "runs", "--only", "QMIX"), tmp_path, 0) == 0, output(tmp_path, 0)
    reported = rllib("reproduce", "report", "study.yaml", "--storage-path", "runs", "--out", "drawn")
    assert reported.exit_code == 0, reported.output
    assert "| matrix | QMIX | 1 |" in reported.stdout
    assert "OW" not in reported.stdout
    assert (tmp_path / "drawn/study_weights.png").exists()
    drawn = (tmp_path / "drawn/study.md").read_text()
    elsewhere = ("study.yaml", "--raw", "drawn/study.json", "--storage-path", "elsewhere")
    again = rllib("reproduce", "report", *elsewhere, "--out", "again")
    assert again.exit_code == 0, again.output
    assert "No heat maps of 1 runs" in again.output
    assert "heat maps" not in reported.output
    assert (tmp_path / "again/study.md").read_text() == drawn

    def no_ray(*_, **__):
        raise AssertionError("Ray was started")

    with monkeypatch.context() as patched:
        patched.setattr("rllib_remix.running.starting.run_experiments", no_ray)
        done = rllib(*RUN, "runs", "--only", "QMIX")
        brought = rllib("reproduce", "run", *elsewhere, "--only", "QMIX")
    assert done.exit_code == 0, done.output
    assert brought.exit_code == 0, brought.output
    assert "1 runs, all finished." in done.stdout
    assert "1 runs, all finished." in brought.stdout
    assert "no heat maps of their weights will be drawn" in brought.output
    fewer = {"small": {"env_steps": 400, "seeds": 1}}
    declare(tmp_path, STUDY | {"config": SETTINGS | {"gamma": 0.9}, "budgets": fewer})
    assert exit_code(start(*RUN, "runs", "--only", "QMIX"), tmp_path, 1) == 0, output(tmp_path, 1)
    assert "matrix, QMIX, seed 0 begins anew" in output(tmp_path, 1)
    assert "config.gamma was None, is 0.9" in output(tmp_path, 1)
    assert len(list((tmp_path / "runs/study/small").iterdir())) == 2
