"""How failed trials are handled around Tune."""

import pytest

from rllib_remix.errors import UserError
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.search.schedulers import Scheduler
from rllib_remix.running.cluster import Cluster
from rllib_remix.running.outcomes import cause_of
from rllib_remix.running.tune_run import run_experiments

ERROR_TEXT = """Failure # 1 (occurred at 2026-01-01)
ray.exceptions.RayTaskError(ValueError): ray::QMIX.train() (pid=1, ip=10.0.0.1)
  File "env.py", line 3, in step
    raise ValueError("first: cause")
ValueError: first: cause

The above exception was the direct cause of the following exception:

RuntimeError: something followed
"""


def test_the_first_exception_is_the_cause():
    assert cause_of(ERROR_TEXT) == "ValueError: first: cause"


def test_without_an_exception_the_last_line_is_the_cause():
    assert cause_of("Failure # 1\nThe actor died unexpectedly\n\n") == "The actor died unexpectedly"
    assert cause_of("") == "unknown cause"


def test_cpus_are_unknown_on_a_running_cluster(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert Cluster(num_cpus=3).known_cpus == 3
    assert Cluster(address="auto").known_cpus is None
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert Cluster(num_cpus=3).known_cpus is None


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "soon"])
def test_a_patience_that_is_no_number_of_seconds_is_refused_before_ray_starts(tmp_path, monkeypatch, seconds):
    monkeypatch.setenv("RLLIB_REMIX_LAST_SAVE_PATIENCE_S", seconds)
    experiment = Experiment("run", "QMIX", {}, storage_path=str(tmp_path / "results"))
    with pytest.raises(UserError, match=f"RLLIB_REMIX_LAST_SAVE_PATIENCE_S: '{seconds}' is not allowed"):
        run_experiments([experiment], cluster=Cluster())
    assert list(tmp_path.iterdir()) == []


def test_a_hyperband_search_cannot_be_resumed(tmp_path):
    experiment = Experiment(
        "run", "QMIX", {}, storage_path=str(tmp_path / "results"), scheduler=Scheduler("hyperband")
    )
    with pytest.raises(UserError, match="a hyperband search cannot go on"):
        run_experiments([experiment], cluster=Cluster(), resume=True)
    assert list(tmp_path.iterdir()) == []
