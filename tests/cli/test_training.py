"""How Ctrl-C and failed trials are handled around Tune."""

import os
import pickle
import signal

import pytest

from rllib_remix.cli.errors import UserError
from rllib_remix.cli.experiments import Experiment
from rllib_remix.cli.interrupt import GracefulStop, ctrl_c_requests
from rllib_remix.cli.schedulers import Scheduler
from rllib_remix.cli.training import Cluster, cause_of, run_experiments

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


@pytest.mark.parametrize(("number", "by"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_the_first_signal_asks_and_the_second_interrupts(number, by):
    stop, said = GracefulStop(), []
    stop.say = said.append
    with ctrl_c_requests(stop):
        os.kill(os.getpid(), number)
        assert stop("trial", {})
        assert stop.by == by
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert said == [f"Stopping after the current iteration; {by} again stops at once, without saving."]
    assert stop.stopped == {"trial"}


def test_a_paused_trial_is_not_waited_for():
    stop = GracefulStop()
    tracker = stop.tracker()
    trial = type("Trial", (), {"trial_id": "a", "status": "RUNNING"})()
    tracker.on_trial_start(0, [trial], trial)
    stop.requested = True
    tracker.on_step_end(0, [trial])
    assert not stop.stop_all()
    trial.status = "PAUSED"
    tracker.on_step_end(0, [trial])
    assert stop.stop_all()


def test_pending_trials_are_stopped_once_no_trial_runs():
    stop = GracefulStop()
    tracker = stop.tracker()
    trial = type("Trial", (), {"trial_id": "a"})()
    tracker.on_trial_start(0, [], trial)
    stop.requested = True
    assert not stop.stop_all()
    tracker.on_trial_complete(0, [], trial)
    assert stop.stop_all()


def test_the_stop_can_be_saved_with_the_experiment():
    stop = GracefulStop()
    saved = pickle.dumps(stop)
    assert pickle.loads(saved).requested is False
    # Tune goes by what it unpickles when a run is resumed, so that must be the one that Ctrl-C reaches.
    with ctrl_c_requests(stop):
        assert pickle.loads(saved) is stop


def test_cpus_are_unknown_on_a_running_cluster(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert Cluster(num_cpus=3).known_cpus == 3
    assert Cluster(address="auto").known_cpus is None
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    assert Cluster(num_cpus=3).known_cpus is None


def test_a_hyperband_search_cannot_be_resumed(tmp_path):
    experiment = Experiment(
        "run", "QMIX", {}, storage_path=str(tmp_path / "results"), scheduler=Scheduler("hyperband")
    )
    with pytest.raises(UserError, match="a hyperband search cannot go on"):
        run_experiments([experiment], cluster=Cluster(), resume=True)
    assert list(tmp_path.iterdir()) == []
