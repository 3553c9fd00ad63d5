"""What the screen says when a run has ended."""

from pathlib import Path

import pytest

from rllib_remix.cli.ending import next_commands, table
from rllib_remix.running.outcomes import Outcome

LONG = "ReMIX_a_rather_long_name_of_an_environment_5a3b2_000"


def outcome(number, folder="/results/search", **found):
    name = f"{LONG}{number:02d}"
    return Outcome(name, f"{folder}/{name}", f"{folder}/{name}/checkpoint_000009", **found)


def test_a_table_of_trials_fits_80_columns_and_tells_them_apart():
    trials = [
        outcome(0, label="ReMIX #1 seed=1", env_steps=123_456, training_return=1234.567, greedy_return=-1e9),
        outcome(1, label="ReMIX #2 seed=2 and a very long rest of it", error="ValueError: no"),
        Outcome("ended_before_5a3b2_00002", "/results/search/x", None),
    ]
    head, *lines = table(trials).splitlines()
    assert {len(line) for line in (head, *lines)} == {80}
    assert lines[0].split() == [
        "00000",
        "ReMIX",
        "#1",
        "seed=1",
        "123k",
        "1234.57",
        "-1.00e+09",
        "checkpoint_000009",
    ]
    assert lines[1].startswith("failed: 00001 ReMIX #2 seed=2 a… ")
    assert lines[1].split()[-4:] == ["–", "–", "–", "checkpoint_000009"]
    assert lines[2].split() == ["ended_before_5a3b2_00002", "–", "–", "–", "–"]


@pytest.mark.parametrize(
    ("returns", "best"),
    [
        ([(5.0, 1.0), (1.0, 3.0), (9.0, None)], 1),  # by the greedy return, where there is one
        ([(5.0, None), (7.0, None), (6.0, None)], 1),
        ([(None, None), (None, None), (None, None)], 0),
    ],
)
def test_the_trial_that_plays_best_is_the_one_to_evaluate_and_is_named(returns, best):
    trials = [outcome(i, training_return=a, greedy_return=b) for i, (a, b) in enumerate(returns)]
    assert f"Checkpoint:  {trials[best].checkpoint}  (of {trials[best].name})" in next_commands(trials)


def test_the_best_of_a_search_is_its_own_by_whatever_it_compares():
    trials = [outcome(0, greedy_return=9.0), outcome(1, greedy_return=1.0, is_best=True)]
    assert any(line.startswith(f"Checkpoint:  {trials[1].checkpoint}") for line in next_commands(trials))


def test_trials_that_failed_are_the_best_only_if_all_did():
    failed = outcome(0, greedy_return=9.0, error="ValueError: no")
    unsaved = Outcome("b", "/results/search/b", None, greedy_return=8.0)
    saved = outcome(2, greedy_return=1.0)
    assert any(str(saved.checkpoint) in line for line in next_commands([failed, unsaved, saved]))
    assert any(str(failed.checkpoint) in line for line in next_commands([failed, unsaved]))
    assert not any(line.startswith("Checkpoint") for line in next_commands([unsaved]))


def test_pictures_are_drawn_of_all_experiments_wherever_they_are(tmp_path):
    one, two = tmp_path / "a" / "one", tmp_path / "two words"
    for folder in (one, two):
        folder.mkdir(parents=True)
    trials = [outcome(0, str(one), env_steps=1.0), outcome(1, str(one)), outcome(2, str(two))]
    lines = next_commands(trials)
    assert lines[:2] == [f"Results:     {one}", f"Results:     {two}"]
    assert f"Plot:        rllib plot curves {one} '{two}'" in lines
    assert any(line.startswith(f"TensorBoard: tensorboard --logdir {tmp_path}") for line in lines)
    assert not any(
        line.startswith("Plot") for line in next_commands([outcome(0, str(one))])
    )  # nothing to draw


def test_of_results_elsewhere_nothing_is_said_that_needs_them_here():
    lines = next_commands([outcome(0, "bucket/results", env_steps=1.0)])
    assert not Path("bucket/results").exists()
    assert [line.split(":")[0] for line in lines] == ["Results", "Checkpoint"]
