"""Logs follow what the loggers write, and are rewound when a trial starts again."""

import json

from rllib_remix.running.callbacks.result_logs import append_what_is_new, rewind


def write_logs(folder, iterations, *, cut_off=False):
    rows = [json.dumps({"training_iteration": i}) + "\n" for i in iterations]
    (folder / "result.json").write_text("".join(rows) + ('{"training_it' if cut_off else ""))
    table = ["a,training_iteration\n", *(f"x,{i}\n" for i in iterations)]
    (folder / "progress.csv").write_text("".join(table) + ("x" if cut_off else ""))


def iterations(folder):
    rows = [json.loads(line) for line in (folder / "result.json").read_text().splitlines()]
    table = (folder / "progress.csv").read_text().splitlines()[1:]
    assert [int(line.split(",")[1]) for line in table] == [row["training_iteration"] for row in rows]
    return [row["training_iteration"] for row in rows]


def test_rows_after_the_checkpoint_and_a_row_that_was_cut_off_are_removed(tmp_path):
    write_logs(tmp_path, range(1, 8), cut_off=True)
    rewind(tmp_path, 5)
    assert iterations(tmp_path) == [1, 2, 3, 4, 5]


def test_logs_that_end_at_the_checkpoint_stay_as_they_are(tmp_path):
    write_logs(tmp_path, range(1, 4))
    before = (tmp_path / "result.json").stat().st_ino
    rewind(tmp_path, 3)
    rewind(tmp_path, float("inf"))
    assert (tmp_path / "result.json").stat().st_ino == before


def test_without_a_checkpoint_the_logs_begin_anew(tmp_path):
    write_logs(tmp_path, range(1, 4))
    rewind(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


def test_only_the_new_part_of_a_log_is_written(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    write_logs(source, range(1, 3))
    (source / "params.json").write_text("{}")
    append_what_is_new(source, target)
    inode = (target / "result.json").stat().st_ino
    write_logs(source, range(1, 6))
    (source / "params.json").write_text('{"lr": 1}')
    append_what_is_new(source, target)
    assert iterations(target) == [1, 2, 3, 4, 5]
    assert (target / "result.json").stat().st_ino == inode
    assert (target / "params.json").read_text() == '{"lr": 1}'


def test_logs_without_a_row_are_rewound_too(tmp_path):
    (tmp_path / "progress.csv").touch()
    (tmp_path / "result.json").write_text("{")
    rewind(tmp_path, 3)
    assert [file.read_text() for file in tmp_path.iterdir()] == [""]
