"""`rllib smac check`, on installations of empty files and, for a start, with a client that needs no game."""

import json

import pytest

from rllib_remix.envs.smac import preflight
from tests.envs.smac.conftest import FAKE, processes_of_test, temporary_folder  # noqa: F401 (fixtures)
from tests.envs.smac.test_smac_preflight import Machine


@pytest.fixture
def machine(tmp_path, monkeypatch):
    complete = Machine(tmp_path)
    monkeypatch.setenv("SC2PATH", str(complete.game))
    monkeypatch.setattr(preflight, "_package_folder", complete.package_folder)
    monkeypatch.setattr(preflight, "_version_of", complete.versions.get)
    return complete


def test_a_complete_machine_gets_a_line_for_each_item_and_exit_code_0(rllib, machine):
    result = rllib("smac", "check")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    heads = [line[:26].split(maxsplit=1) for line in lines if not line.startswith(" ")]
    assert [(state, item.strip()) for state, item in heads] == [
        ("ok", item)
        for item in (
            "system",
            "StarCraft II",
            "build",
            "maps",
            "SMAC",
            "pysc2",
            "s2clientprotocol",
            "protobuf",
        )
    ]


def test_what_is_missing_is_said_with_what_to_do_within_80_columns_and_exit_code_1(
    rllib, machine, monkeypatch
):
    (machine.maps / "3m.SC2Map").unlink()
    result = rllib("smac", "check", "--map", "3m", "--start")
    assert result.exit_code == 1
    assert "missing maps" in result.stdout
    assert "cp -r" in result.stdout
    assert "No game was started, as something is missing." in result.stdout
    monkeypatch.delenv("SC2PATH")
    result = rllib("smac", "check")
    assert result.exit_code == 1
    # Paths stay whole, so that they can be copied.
    assert all(len(line) <= 80 or max(map(len, line.split())) > 50 for line in result.stdout.splitlines())
    assert rllib("smac", "check", "--map", "8m", "--sc2-path", machine.game).exit_code == 0


def test_an_unknown_map_is_refused_with_the_nearest_name(refused):
    assert "did you mean '2s3z'" in refused("smac", "check", "--map", "2s3z_")


def test_the_version_to_be_played_must_be_there(rllib, machine):
    assert rllib("smac", "check", "--game-version", "4.10").exit_code == 0
    result = rllib("smac", "check", "--game-version", "4.6.2")
    assert result.exit_code == 1
    assert "69232" in result.stdout


@pytest.fixture
def with_fake_game(machine, monkeypatch, tmp_path, temporary_folder, processes_of_test):  # noqa: F811
    def tell(**orders):
        monkeypatch.setenv("FAKE_CLIENT", json.dumps({"folder": str(tmp_path), **orders}))

    monkeypatch.setattr("rllib_remix.cli.smac.CLIENT", FAKE)
    tell()
    return tell


def test_a_start_plays_a_step_and_tells_build_and_time(rllib, with_fake_game):
    result = rllib("smac", "check", "--map", "2s3z", "--start")
    assert result.exit_code == 0, result.output
    assert "ok      start             map 2s3z was there after" in result.stdout
    assert "StarCraft II of build 75689" in " ".join(result.stdout.split())


def test_a_failed_start_shows_the_cause_and_the_games_output(rllib, with_fake_game):
    with_fake_game(faults={"1": ["launch", 0, "die"]})
    result = rllib("smac", "check", "--start")
    assert result.exit_code == 1
    text = " ".join(result.stdout.split())
    assert "missing start" in text
    assert "its process was killed by SIGKILL" in text
    assert "    start 1 of the fake game" in result.stdout


def test_a_game_that_breaks_in_its_first_step_is_no_good(rllib, with_fake_game):
    with_fake_game(faults={"1": ["step", 0, "crash"]})
    result = rllib("smac", "check", "--start")
    assert result.exit_code == 1
    assert "broke in its first step" in " ".join(result.stdout.split())


def test_a_game_that_does_not_start_ends_an_evaluation_with_one_line(refused, with_fake_game):
    with_fake_game(faults={"1": ["launch", 0, "die"]})
    settings = {"map_name": "2s3z", "client": FAKE, "start_tries": 1, "start_interval_s": 0}
    options = ("--algo", "QMIX", "--env", "smac", "--env-config", settings, "--episodes", 1)
    assert "its process was killed by SIGKILL" in refused("evaluate", *options)
