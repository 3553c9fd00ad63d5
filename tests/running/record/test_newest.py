"""The newest of Tune's records is known by what is in it and by how runs began, not by the local time in its name."""

import json
from fnmatch import fnmatch
from pathlib import Path

import pytest
from ray.tune.execution.experiment_state import _find_newest_experiment_checkpoint

from rllib_remix.running.record.newest import find_record, note_beginning, put_last

NOON = 1_780_000_000.0  # seconds since 1970, in UTC


@pytest.fixture
def run(tmp_path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def write(run: Path, session: str, began: float) -> Path:
    """A session's files as Tune writes them."""
    (run / f"search_gen_state-{session}.json").write_text(f"searcher of {began}")
    (run / f"searcher-state-{session}.pkl").write_text(f"state of {began}")
    record = run / f"experiment_state-{session}.json"
    record.write_text(json.dumps({"trial_data": [], "runner_data": {}, "stats": {"start_time": began}}))
    return record


def found(run: Path) -> str | None:
    return find_record(str(run.parent), run.name)


def test_the_record_of_the_process_that_began_last_is_the_newest_whatever_its_name(run):
    write(run, "2026-05-28_20-00-00", NOON)
    newer = write(run, "2026-05-28_09-00-00", NOON + 60)  # 11 time zones to the west
    assert found(run) == str(newer)


def test_a_damaged_record_is_the_oldest(run):
    whole = write(run, "2026-05-28_09-00-00", NOON)
    write(run, "2026-05-28_20-00-00", NOON + 60).write_text('{"stats"')
    assert found(run) == str(whole)


def test_a_new_run_is_the_newest_although_the_clock_was_set_back(run):
    write(run, "2026-05-28_20-00-00", NOON)
    note_beginning(str(run.parent), run.name)
    assert found(run) is None  # It has written nothing yet.
    newer = write(run, "2026-05-28_09-00-00", NOON - 3600)
    assert found(run) == str(newer)


def test_a_resumed_run_goes_on_with_what_it_resumed_until_it_writes_itself(run):
    write(run, "2026-05-28_21-00-00", NOON - 60)  # another run's
    resumed = write(run, "2026-05-28_20-00-00", NOON)
    note_beginning(str(run.parent), run.name, resumed=str(resumed))
    assert found(run) == str(resumed)
    newer = write(run, "2026-05-28_09-00-00", NOON - 3600)
    assert found(run) == str(newer)


def test_tune_takes_the_record_that_is_put_last_and_what_belongs_to_it(run):
    write(run, "2026-05-28_20-00-00", NOON)
    write(run, "2026-05-28_20-00-00_", NOON + 1)
    newer = write(run, "2026-05-28_09-00-00", NOON + 60)
    content = newer.read_text()
    moved = put_last(str(newer), str(run.parent), run.name)
    assert _find_newest_experiment_checkpoint(str(run)) == moved
    assert Path(moved).read_text() == content
    for pattern in ("search_gen_state-*.json", "searcher-state-*.pkl"):
        newest = max(path.name for path in run.iterdir() if fnmatch(path.name, pattern))
        assert (run / newest).read_text().endswith(f"of {NOON + 60}")
    assert len(list(run.iterdir())) == 9
    assert put_last(moved, str(run.parent), run.name) == moved
    assert found(run) == moved


def test_an_address_is_read_and_written_like_a_folder(run):
    address = f"file://{run.parent}"
    older = write(run, "2026-05-28_20-00-00", NOON)
    note_beginning(address, run.name)
    newer = write(run, "2026-05-28_09-00-00", NOON - 60)
    assert find_record(address, run.name) == str(newer)
    moved = put_last(str(newer), address, run.name)
    assert find_record(address, run.name) == moved
    assert older.is_file()


def test_where_there_is_no_run_there_is_no_record(run):
    assert found(run) is None
    assert find_record(str(run.parent), "missing") is None
    note_beginning(str(run.parent), "new")
    assert found(run.parent / "new") is None
    (run / "rllib_records.json").write_text("{")
    record = write(run, "2026-05-28_20-00-00", NOON)
    assert found(run) == str(record)
