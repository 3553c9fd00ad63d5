"""What the progress display works out and shows."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from rllib_remix.running.callbacks.progress import (
    ProgressCallback,
    fitted,
    rows,
    without_common_beginning,
)
from rllib_remix.running.callbacks.trial_progress import TrialProgress


def result(steps: float, seconds: float, **more) -> dict:
    iteration = round(seconds)
    return {
        "num_env_steps_sampled_lifetime": steps,
        "time_total_s": seconds,
        "time_since_restore": seconds,
        "training_iteration": iteration,
        "iterations_since_restore": iteration,
        **more,
    }


def trial(number: int = 0, params: dict | None = None, stop: dict | None = None) -> SimpleNamespace:
    return SimpleNamespace(
        trial_id=f"t{number}",
        trainable_name="ReMIX",
        evaluated_params=params or {},
        stopping_criterion=stop or {},
    )


def display(live: bool, clock=lambda: 0.0) -> tuple[ProgressCallback, io.StringIO]:
    screen = io.StringIO()
    console = Console(file=screen, width=80, force_terminal=live, highlight=False)
    return ProgressCallback("title", console=console, live=live, clock=clock), screen


def test_rate_and_time_left_follow_from_the_results():
    progress = TrialProgress("x", {"num_env_steps_sampled_lifetime": 1000})
    progress.update(result(100, 1.0), now=1.0)
    progress.update(result(300, 2.0), now=2.0)
    assert progress.steps_per_second == pytest.approx(150)  # 300 steps in 2 s
    assert progress.seconds_left == pytest.approx(700 / 150)


def test_the_criterion_that_is_reached_first_says_the_time_left():
    progress = TrialProgress("x", {"num_env_steps_sampled_lifetime": 1000, "training_iteration": 3})
    progress.update(result(100, 1.0), now=1.0)
    assert progress.seconds_left == pytest.approx(2.0)  # 2 more iterations of 1 s; the steps would take 9 s


def test_a_restored_trial_has_no_rate_until_its_second_result():
    progress = TrialProgress("x")
    progress.update(result(1000, 10.0) | {"iterations_since_restore": 1}, now=0.0)
    assert progress.steps_per_second is None
    progress.update(result(1200, 12.0) | {"iterations_since_restore": 2}, now=2.0)
    assert progress.steps_per_second == pytest.approx(100)


def test_values_that_are_missing_or_not_numbers_stay_as_they_were():
    progress = TrialProgress("x")
    progress.update(result(1, 1.0, evaluation={"env_runners": {"episode_return_mean": 5.0}}), now=1.0)
    progress.update(result(2, 2.0, env_runners={"episode_return_mean": float("nan")}), now=2.0)
    assert progress.greedy_return == 5.0
    assert progress.training_return is None


def test_plain_lines_show_every_value_and_a_dash_for_missing_ones():
    callback, screen = display(live=False)
    callback.on_trial_result(
        1,
        [],
        trial(stop={"num_env_steps_sampled_lifetime": 400}),
        result(
            100,
            1.0,
            env_runners={"episode_return_mean": 1.5, "epsilon": 0.25},
            learners={"default_policy": {"weight_mean": 0.75}},
        ),
    )
    assert screen.getvalue() == (
        "ReMIX #1: 100 of 400 (25 %) env steps, 100 steps/s, 0:00:03 left, return 1.50, greedy –, ε 0.25, weight 0.75\n"
    )


def test_weights_are_shown_where_there_are_some():
    (live, _), (plain, lines) = display(live=True), display(live=False)
    for callback in (live, plain):
        callback.on_trial_result(1, [], trial(), result(1, 1.0))
    assert "Weight" not in [column.header for column in live.table().columns]
    assert "weight" not in lines.getvalue()
    weighed = result(2, 2.0, learners={"default_policy": {"weight_mean": 0.75}})
    live.on_trial_result(2, [], trial(), weighed)
    assert [column.header for column in live.table().columns][-1] == "Weight"
    assert [*live.table().columns[-1].cells] == ["0.75"]


def test_plain_lines_of_one_trial_come_every_few_seconds_at_most():
    times = iter([0.0, 1.0, 4.9, 5.1, 6.0])
    callback, screen = display(live=False, clock=lambda: next(times))
    for step in range(1, 5):
        callback.on_trial_result(step, [], trial(), result(step, float(step)))
    callback.on_trial_result(5, [], trial(), result(5, 5.0) | {"done": True})
    shown = [line.split()[2] for line in screen.getvalue().splitlines()]
    assert shown == ["1", "4", "5"]  # the first, the one after 5 s, and the last


def test_numbers_are_never_cut_off_at_80_columns():
    callback, screen = display(live=True)
    varied = trial(params={"weighting_config/min_weight": 0.1, "target_network_update_episodes": 200})
    varied.stopping_criterion = {"num_env_steps_sampled_lifetime": 2_500_000}
    returns = {"episode_return_mean": -1234.56}
    callback.on_trial_result(
        1,
        [],
        varied,
        result(
            1_250_000,
            10.0,
            env_runners=returns | {"epsilon": 0.995},
            evaluation={"env_runners": returns},
            learners={"default_policy": {"weight_mean": 0.75}},
        ),
    )
    Console(file=screen, width=80).print(callback.table())
    *_, row = screen.getvalue().splitlines()
    assert len(row) <= 80
    assert row.split()[-9:] == [
        "1.2M",
        "of",
        "2.5M",
        "125k",
        "0:00:10",
        "-1234.56",
        "-1234.56",
        "0.99",
        "0.75",
    ]


def test_trials_are_told_apart_by_number_and_by_what_varies():
    callback, _ = display(live=False)
    for one in (trial(0, {"seed": 3}), trial(1), trial(2)):
        callback.on_trial_start(0, [], one)
    assert [p.label for p in callback.trials.values()] == ["ReMIX #1 seed=3", "ReMIX #2", "ReMIX #3"]


def test_ends_and_failures_are_told():
    callback, screen = display(live=False)
    callback.on_trial_complete(0, [], trial(0))
    callback.on_trial_error(0, [], trial(1))
    assert screen.getvalue() == "ReMIX #1: done\nReMIX #2: failed\n"


def test_at_the_end_of_the_run_trials_without_an_end_are_marked_as_stopped():
    progress, screen = display(live=False)
    trials = [trial(0), trial(1)]
    for each in trials:
        progress.on_trial_start(0, trials, each)
    progress.on_trial_complete(0, trials, trials[0])
    progress.on_experiment_end([*trials, trial(2)])  # the last one never began
    assert screen.getvalue().splitlines() == [
        "ReMIX #1: started",
        "ReMIX #2: started",
        "ReMIX #1: done",
        "ReMIX #2: stopped",
    ]


def test_what_is_still_to_end_comes_first_then_failures_then_one_row_for_all_that_is_done():
    states = ["done", "failed", "running", "done", "starting", "done", *["failed"] * 6, "stopped"]
    trials = [TrialProgress("a#b", {}, state, n, f"seed={n}") for n, state in enumerate(states)]
    trials[0].greedy_return, trials[3].greedy_return, trials[5].training_return = 1.0, 2.0, 99.0
    shown = rows(trials)
    assert [(name, rest) for name, rest, *_ in shown] == [
        *[("a#b", f"#{n} seed={n}") for n in (2, 4, 12, 1, 6, 7, 8, 9)],
        ("", "2 more failed"),
        ("3 done, best a#b", "#3"),
    ]
    assert shown[-1][3] is trials[3]
    assert [state for *_, state, _ in shown] == ["running", "starting", "stopped", *["failed"] * 6, "done"]


def test_a_trial_that_is_done_alone_keeps_its_row():
    one = TrialProgress("ReMIX", {}, "done")
    assert rows([one]) == [("ReMIX", "#1", "done", one)]


@pytest.mark.parametrize(
    ("name", "rest", "shown"),
    [
        ("ReMIX", "#3 seed=3", "ReMIX #3 seed=3"),
        ("MyOwnAlgorithm", "#12 seed=3", "MyOwnA… #12 seed=3"),
        ("MyOwnAlgorithm", "#12 learning_rate=3", "MyO… #12 learning…"),
        ("game#1", "#12 learning_rate=3", "gam… #12 learning…"),
        ("", "4 more failed than fit", "4 more failed tha…"),
    ],
)
def test_of_long_labels_the_number_stays(name, rest, shown):
    assert fitted(name, rest, 18) == shown


def test_experiments_are_called_by_what_tells_them_apart():
    callback = ProgressCallback("title", names=["spread-qmix", "spread-qmix-slow"], live=False)
    found = []
    for number, name in enumerate(("spread-qmix", "spread-qmix-slow", "spread-qmix")):
        one = SimpleNamespace(**vars(trial(number)), experiment_dir_name=name)
        found.append(callback._progress(one).label)
    assert found == ["qmix #1", "qmix-slow #1", "qmix #2"]
    assert without_common_beginning(["one"]) == {}
    assert without_common_beginning(["a-b", "c-b"]) == {"a-b": "a-b", "c-b": "c-b"}
