"""Ctrl-C, SIGTERM and SIGHUP while Tune runs: nothing that was begun, or that waits, is lost."""

import json
import os
import pickle
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import planted
import pytest
import ray.cloudpickle
from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from rllib_remix.running.interrupt import GracefulStop, StopOnRequest, ctrl_c_requests, pausing
from rllib_remix.running.record.newest import note_beginning

SLOW = ("train", "--algo", "planted.Slow", "--env", "CartPole-v1", "--storage-path", "results", "-n", "run")
LAST = 6  # iteration of a trial
STOP = ("--stop", {"training_iteration": LAST})
LRS = {"lr": {"grid_search": [3.0, 2.0, 1.0]}}


def trial(name: str, status: str) -> SimpleNamespace:
    return SimpleNamespace(trial_id=name, status=status)


@pytest.fixture
def said():
    return []


@pytest.fixture
def stop(said):
    stop = GracefulStop()
    stop.say = said.append
    return stop


@pytest.mark.parametrize(("number", "by"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_the_first_signal_asks_and_the_same_again_interrupts(stop, said, number, by):
    with ctrl_c_requests(stop):
        os.kill(os.getpid(), number)
        assert stop.requested
        assert stop.by == by
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert said == [f"Stopping after the current iteration; {by} again stops at once, without saving."]


def test_a_lost_terminal_asks_once_however_often_it_says_so(stop, said):
    with ctrl_c_requests(stop):
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
            os.kill(os.getpid(), number)
        assert stop.by == "SIGHUP"
    assert said == ["Stopping after the current iteration."]


def test_sighup_stays_ignored_where_it_was(stop):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ctrl_c_requests(stop):
            os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.requested
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_are_as_before_afterwards(stop):
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]
    with ctrl_c_requests(stop):
        signal.signal(signal.SIGUSR1, lambda *_: None)  # as Tune does
    assert [signal.getsignal(number) for number in numbers] == before


def test_a_line_that_is_just_being_written_does_not_end_the_training(stop):
    def busy(line):
        raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

    stop.say = busy
    with ctrl_c_requests(stop):
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.requested


def test_the_run_ends_when_those_trials_are_saved_that_ran_as_the_stop_was_requested(stop):
    ended = []
    before = signal.signal(signal.SIGUSR1, lambda *_: ended.append(True))
    try:
        watch = StopOnRequest(stop)
        trials = [trial("a", "RUNNING"), trial("b", "PENDING")]
        watch.on_step_end(0, trials)
        stop.requested = True
        watch.on_step_end(1, trials)
        trials[1].status = "RUNNING"  # it has just begun, and has nothing to lose
        watch.on_step_end(2, trials)
        assert not ended
        trials[0].status = "PAUSED"
        watch.on_step_end(3, trials)
        assert ended
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_loggers_are_told_of_trials_that_began_and_did_not_end(stop):
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        told = []
        logger = SimpleNamespace(log_trial_end=lambda each: told.append(each.trial_id))
        watch = StopOnRequest(stop, [logger])
        trials = [trial(name, "PAUSED") for name in "abcd"]
        for each in trials[:3]:
            watch.on_trial_start(0, trials, each)
        watch.on_trial_complete(0, trials, trials[1])
        watch.on_trial_error(0, trials, trials[2])
        stop.requested = True
        watch.on_step_end(1, trials)
        assert told == ["a"]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_once_requested_a_scheduler_pauses_what_it_would_continue_and_starts_nothing(stop):
    class Scheduler(FIFOScheduler):
        decision = TrialScheduler.CONTINUE

        def on_trial_result(self, controller, trial, result):
            return self.decision

    scheduler = Scheduler()
    pausing(scheduler, stop)
    controller = SimpleNamespace(get_trials=lambda: [trial("a", "PENDING")])
    assert scheduler.on_trial_result(controller, None, {}) == TrialScheduler.CONTINUE
    assert scheduler.choose_trial_to_run(controller).trial_id == "a"
    stop.requested = True
    assert scheduler.on_trial_result(controller, None, {}) == TrialScheduler.PAUSE
    assert scheduler.choose_trial_to_run(controller) is None
    scheduler.decision = TrialScheduler.STOP  # it has come to its end
    assert scheduler.on_trial_result(controller, None, {}) == TrialScheduler.STOP


def test_the_record_of_an_earlier_version_can_be_read():
    stopper = pickle.loads(b"crllib_remix.cli.interrupt\n_that_of_this_process\n(tR.")
    assert not stopper.stop_all()
    assert not stopper("trial", {})


# With real trials, in this process.


@pytest.fixture
def planted_travels_by_value():
    """Workers cannot import it: they do not have the tests' folder."""
    ray.cloudpickle.register_pickle_by_value(planted)
    yield
    ray.cloudpickle.unregister_pickle_by_value(planted)


@contextmanager
def signal_when(there, number=signal.SIGTERM):
    """Sends this process a signal as soon as `there()`, from another thread."""
    over = threading.Event()

    def watch():
        while not over.wait(0.02):
            if there():
                os.kill(os.getpid(), number)
                return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def iterations() -> list[list[int]]:
    """Of every trial that has results, sorted."""
    files = Path("results/run").glob("*/result.json")
    return sorted(
        [json.loads(line)["training_iteration"] for line in file.read_text().split("\n")[:-1]]
        for file in files
    )


def statuses() -> list[str]:
    newest = max(Path("results/run").glob("experiment_state-*.json"))
    return sorted(json.loads(each)["status"] for each, _ in json.loads(newest.read_text())["trial_data"])


def more_results_than(number: int):
    """A condition: that so many results are there, of all trials together."""
    return lambda: sum(map(len, iterations())) > number


WHOLE = list(range(1, LAST + 1))


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "planted_travels_by_value")
def test_a_grid_that_is_preempted_three_times_is_trained_to_its_end_and_then_nothing_is_to_do(rllib):
    with signal_when(more_results_than(2)):
        result = rllib(*SLOW, *STOP, "--config", LRS, "--max-concurrent", 1)
    assert result.exit_code == 130, result.output
    assert "Go on with: rllib resume" in result.output
    assert "TERMINATED" not in statuses()
    for number in (signal.SIGHUP, signal.SIGINT):
        with signal_when(more_results_than(sum(map(len, iterations()))), number):
            result = rllib("resume", "results/run")
        assert result.exit_code == 130, result.output
        assert max(map(len, iterations())) <= LAST
    assert iterations() != [WHOLE] * 3
    result = rllib("resume", "results/run")
    assert result.exit_code == 0, result.output
    assert "Nothing to do" not in result.output
    assert iterations() == [WHOLE] * 3
    result = rllib("resume", "results/run")
    assert result.exit_code == 0, result.output
    assert "Nothing to do: all trials have reached their end." in result.output
    assert iterations() == [WHOLE] * 3


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "planted_travels_by_value")
def test_trials_without_a_result_go_on_too_also_where_an_earlier_version_ended_them(rllib, tmp_path):
    def begun():
        return list(tmp_path.glob("results/run/experiment_state-*.json"))

    late = [word.replace("Slow", "Late") for word in SLOW]
    with signal_when(begun):
        result = rllib(*late, *STOP, "--config", LRS)
    assert result.exit_code == 130, result.output
    assert statuses() == ["PENDING"] * 3
    # Earlier versions left this behind.
    (record,) = begun()
    record.write_text(record.read_text().replace("PENDING", "TERMINATED"))
    result = rllib("resume", "results/run")
    assert result.exit_code == 0, result.output
    assert iterations() == [WHOLE] * 3


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "planted_travels_by_value")
def test_what_tune_would_begin_anew_is_refused_and_an_older_run_is_left_alone(rllib):
    with signal_when(more_results_than(2)):
        result = rllib(*SLOW, *STOP, "--config", LRS, "--max-concurrent", 1)
    assert result.exit_code == 130, result.output
    (searcher,) = Path("results/run").glob("basic-variant-state-*.json")
    content = searcher.read_bytes()
    searcher.write_bytes(b"")
    before = iterations()
    result = rllib("resume", "results/run")
    assert result.exit_code == 2, result.output
    assert "Tune's record of it is damaged" in result.stderr
    assert iterations() == before
    searcher.write_bytes(content)
    # Another run of the same name, which ends before anything is known of it.
    note_beginning(str(Path("results").absolute()), "run")
    result = rllib("resume", "results/run")
    assert result.exit_code == 0, result.output
    assert iterations() == sorted([*before, WHOLE, WHOLE, WHOLE])


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "planted_travels_by_value")
@pytest.mark.parametrize(
    "options",
    [
        ("--search", "optuna", "--search-config", {"seed": 0}),
        (
            *("--scheduler", "pbt", "--scheduler-config"),
            {"perturbation_interval": 200, "hyperparam_mutations": {"lr": {"uniform": [0.5, 1.0]}}},
        ),
    ],
    ids=["optuna", "pbt"],
)
def test_a_search_goes_on_with_the_trials_that_were_not_even_drawn(rllib, options):
    lr = {} if "pbt" in options else {"lr": {"uniform": [0.5, 1.0]}}
    together = 4 if "pbt" in options else 2
    search = ("--config", lr, "--num-samples", 4, "--max-concurrent", together, *options)
    with signal_when(more_results_than(2)):
        result = rllib(*SLOW, *STOP, *search)
    assert result.exit_code == 130, result.output
    result = rllib("resume", "results/run")
    assert result.exit_code == 0, result.output
    done = iterations()
    assert len(done) == 4
    assert [each[-1] for each in done] == [LAST] * 4
    assert set(statuses()) == {"TERMINATED"}


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session", "planted_travels_by_value")
def test_an_experiment_of_a_file_whose_turn_never_came_is_trained_later(rllib, tmp_path):
    common = {"run": "planted.Slow", "env": "CartPole-v1", "stop": {"training_iteration": LAST}}
    second = {**common, "num_samples": 2, "search": {"seed": 1}, "config": {"lr": {"uniform": [0, 1]}}}
    (tmp_path / "two.yaml").write_text(json.dumps({"run": common, "other": second}))
    with signal_when(more_results_than(2)):
        result = rllib("train", "file", "two.yaml", "--storage-path", "results")
    assert result.exit_code == 130, result.output
    result = rllib("resume", "results/run")
    assert result.exit_code == 0, result.output
    assert iterations() == [WHOLE]
    assert len(list(tmp_path.glob("results/other/*/result.json"))) == 2
