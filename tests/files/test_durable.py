"""Files and folders are whole or not there."""

import os

import pytest

from rllib_remix.files import durable
from rllib_remix.files.durable import new_folder_aside, put_in_place, remove_leftovers, write_whole


def test_a_file_is_replaced_at_once(tmp_path):
    write_whole(tmp_path / "a", b"one")
    write_whole(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a"]


def test_a_file_stays_as_it_was_when_the_new_one_cannot_be_written(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    write_whole(tmp_path / "a", b"one")
    monkeypatch.setattr(durable.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_takes_its_place_and_the_old_one_goes(tmp_path):
    for content in ("one", "two"):
        aside = new_folder_aside(tmp_path)
        (aside / "file").write_text(content)
        put_in_place(aside, tmp_path / "folder")
    assert (tmp_path / "folder" / "file").read_text() == "two"
    assert os.listdir(tmp_path) == ["folder"]


def test_the_old_folder_stays_when_the_new_one_cannot_take_its_place(tmp_path):
    aside = new_folder_aside(tmp_path)
    put_in_place(aside, tmp_path / "folder")
    (tmp_path / "folder" / "file").touch()
    with pytest.raises(FileNotFoundError):
        put_in_place(tmp_path / "missing", tmp_path / "folder")
    assert (tmp_path / "folder" / "file").exists()


def test_what_a_killed_process_left_is_removed(tmp_path):
    (new_folder_aside(tmp_path) / "file").touch()
    (tmp_path / ".aside_12345678_index.json").touch()
    (tmp_path / "kept").touch()
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == ["kept"]
