"""The newest checkpoint is told by what records say: a change of time zone, or of the clock, does not matter."""

import json
import os
import time
from pathlib import Path

import pytest

from rllib_remix.checkpoints import clock as record_clock
from rllib_remix.checkpoints.clock import RecordClock
from rllib_remix.checkpoints.finding import find_checkpoint
from rllib_remix.checkpoints.manifest import METADATA

NOON = 1_780_000_000.0  # seconds since 1970, in UTC


def trial(experiment: Path, number: int, at: float) -> Path:
    """A trial's folder, named by local time as Tune does it."""
    local = time.strftime("%Y-%m-%d_%H-%M-%S", time.localtime(at))
    folder = experiment / f"QMIX_game_{number:05}_{number}_{local}"
    folder.mkdir(parents=True)
    return folder


def save(folder: Path, number: int, **says: object) -> Path:
    checkpoint = folder / f"checkpoint_{number:06}"
    checkpoint.mkdir()
    (checkpoint / METADATA).write_text(json.dumps({"team": {}} | says))
    os.utime(checkpoint, (NOON - number, NOON - number))  # as a copy may have it
    return checkpoint


def test_of_two_runs_the_later_is_taken_after_a_flight_to_the_west(tmp_path, time_zone):
    time_zone("Pacific/Kiritimati")
    save(trial(tmp_path, 0, NOON), 40, training_iteration=40, saved_at=NOON)
    time_zone("Pacific/Midway")
    newest = save(trial(tmp_path, 1, NOON + 60), 1, training_iteration=1, saved_at=NOON + 60)
    assert sorted(tmp_path.iterdir())[-1] == newest.parent  # by number; by local time it is not
    assert find_checkpoint(tmp_path) == newest


def test_checkpoints_that_do_not_say_when_are_told_by_the_trials_last_result(tmp_path, time_zone):
    time_zone("Pacific/Kiritimati")
    older = save(trial(tmp_path, 0, NOON), 7)
    time_zone("Pacific/Midway")
    newer = save(trial(tmp_path, 1, NOON + 60), 2)
    rows = "".join(json.dumps({"timestamp": int(NOON) + i}) + "\n" for i in range(3))
    (older.parent / "result.json").write_text(rows)
    (newer.parent / "result.json").write_text(rows + json.dumps({"timestamp": int(NOON) + 60}) + '\n{"cut')
    assert find_checkpoint(tmp_path) == newer


def test_within_a_trial_the_clock_does_not_matter(tmp_path):
    folder = trial(tmp_path, 0, NOON)
    for number in (9, 10, 11):
        newest = save(folder, number, training_iteration=number, saved_at=NOON - 3600 * number)
    assert find_checkpoint(tmp_path) == newest
    assert find_checkpoint(folder) == newest


def test_names_that_are_not_tunes_are_ordered_by_iteration(tmp_path):
    for name, iteration in (("checkpoint_best", 30), ("checkpoint_z", 4), ("checkpoint_000009", 9)):
        (tmp_path / name).mkdir()
        (tmp_path / name / METADATA).write_text(json.dumps({"training_iteration": iteration}))
    assert find_checkpoint(tmp_path).name == "checkpoint_best"


@pytest.mark.parametrize(
    "content", ["", "[" * 100_000, "[]", '{"saved_at": "now"}', '{"saved_at": NaN}', '{"saved_at": 1e999}']
)
def test_damaged_checkpoints_stop_nothing(tmp_path, content):
    damaged = save(trial(tmp_path, 0, NOON), 50)
    (damaged / METADATA).write_text(content)
    whole = save(trial(tmp_path, 1, NOON), 3, training_iteration=3, saved_at=NOON)
    assert find_checkpoint(tmp_path) == whole


def test_a_later_run_is_later_although_the_clock_was_set_back(tmp_path, monkeypatch):
    monkeypatch.setattr(record_clock.time, "time", lambda: NOON)
    save(trial(tmp_path, 0, NOON), 3, saved_at=RecordClock(tmp_path).now())
    (tmp_path / "no_checkpoint").mkdir()
    (trial(tmp_path, 7, NOON) / "checkpoint_000001").mkdir()  # half removed
    monkeypatch.setattr(record_clock.time, "time", lambda: NOON - 7200)
    clock = RecordClock(tmp_path)
    first, second = clock.now(), clock.now()
    assert NOON < first < second < NOON + 1
    newest = save(trial(tmp_path, 1, NOON - 7200), 0, saved_at=first)
    assert find_checkpoint(tmp_path) == newest
    monkeypatch.setattr(record_clock.time, "time", lambda: NOON + 3600)
    assert clock.now() == NOON + 3600


def test_without_an_experiment_the_clock_is_the_computers(monkeypatch):
    monkeypatch.setattr(record_clock.time, "time", lambda: NOON)
    assert RecordClock(None).now() == NOON
