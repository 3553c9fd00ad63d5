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
        outcome(0, env_steps=123_456, training_return=1234.567, greedy_return=-1234.567),
        outcome(1, error="ValueError: no"),
        Outcome("short", "/results/search/short", None),
    ]
    first, second, third = table(trials).splitlines()[1:]
    assert first.split()[1:] == ["123k", "1234.57", "-1234.57", "checkpoint_000009"]
    assert second.split()[1:] == ["–", "–", "–", "failed"]
    assert first.split()[0].endswith("_00000")
    assert second.split()[0].endswith("_00001")
    assert third.split() == ["short", "–", "–", "–", "–"]
    assert {len(line) for line in table(trials).splitlines()} == {80}


@pytest.mark.parametrize(
    ("returns", "best"),
    [
        ([(5.0, 1.0), (1.0, 3.0), (9.0, None)], 1),  # by the greedy return, where there is one
        ([(5.0, None), (7.0, None), (6.0, None)], 1),
        ([(None, None), (None, None), (None, None)], 2),
    ],
)
def test_the_trial_that_plays_best_is_the_one_to_evaluate(returns, best):
    trials = [outcome(i, training_return=a, greedy_return=b) for i, (a, b) in enumerate(returns)]
    lines = next_commands(trials)
    assert f"Checkpoint:  {trials[best].checkpoint}" in lines


def test_trials_that_failed_or_saved_nothing_are_not_the_best():
    failed = outcome(0, greedy_return=9.0, error="ValueError: no")
    unsaved = Outcome("b", "/results/search/b", None, greedy_return=8.0)
    saved = outcome(2, greedy_return=1.0)
    assert f"Checkpoint:  {saved.checkpoint}" in next_commands([failed, unsaved, saved])
    assert not any(line.startswith("Checkpoint") for line in next_commands([failed, unsaved]))


def test_pictures_are_drawn_of_all_experiments(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two words"
    for folder in (one, two):
        folder.mkdir()
    lines = next_commands([outcome(0, str(one)), outcome(1, str(one)), outcome(2, str(two))])
    assert lines[:2] == [f"Results:     {one}", f"Results:     {two}"]
    assert f"Plot:        rllib plot curves {one} '{two}'" in lines
    assert f"TensorBoard: tensorboard --logdir {tmp_path}" in lines


def test_of_results_elsewhere_nothing_is_said_that_needs_them_here():
    lines = next_commands([outcome(0, "bucket/results")])
    assert not Path("bucket/results").exists()
    assert [line.split(":")[0] for line in lines] == ["Results", "Checkpoint"]
