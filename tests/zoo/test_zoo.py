"""The trained teams of the package play as well as they did when they were made."""

import json
import shlex
from pathlib import Path

import pytest

from rllib_remix import TeamPolicy
from rllib_remix.checkpoints.finding import find_checkpoint
from rllib_remix.errors import SettingError
from rllib_remix.experiments.loading import load
from rllib_remix.playing import evaluate
from rllib_remix.zoo.catalog import TEAMS, located, zoo_teams

ROOT = Path(__file__).parents[2]
EPISODES = 100
NAMES = [team.name for team in zoo_teams()]


def test_there_are_teams():
    assert {"matrix-game-cwqmix", "two-step-game-qplex"} <= set(NAMES)


@pytest.mark.parametrize("team", zoo_teams(), ids=lambda team: team.name)
def test_a_team_plays_as_it_did(team):
    """Silent changes of the acting path, of an environment or of what is read would show here."""
    result = evaluate(f"zoo:{team.name}", episodes=EPISODES, seed=1)
    # The mean of a hundred episodes, in 3 standard errors of it and of the recorded one: chance fails once in 400 times,
    # and the seed is always the same.
    width = 3 * team.deviation * (1 / EPISODES + 1 / team.episodes) ** 0.5
    assert result["episode_return_mean"] == pytest.approx(team.mean, abs=width + 1e-9)


@pytest.mark.parametrize("team", zoo_teams(), ids=lambda team: team.name)
def test_a_team_is_small_and_says_nothing_of_the_machine_that_made_it(team):
    files = sorted((TEAMS / team.name).iterdir())
    assert [file.name for file in files] == ["settings.json", "weights.safetensors", "zoo.json"]
    assert sum(file.stat().st_size for file in files) < 400_000
    text = files[0].read_text()
    assert not [path for path in ("/tmp", "/home", "/root", str(ROOT)) if path in text]


@pytest.mark.parametrize("team", zoo_teams(), ids=lambda team: team.name)
def test_the_command_that_made_a_team_trains_what_it_is_of(team, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = shlex.split(team.command)
    file, only, change = words[3], words[5], words[7]
    assert words[:3] == ["rllib", "train", "file"]
    (experiment,) = load(file, only=only, set=[change])
    settings = json.loads((TEAMS / team.name / "settings.json").read_text())
    assert settings["algorithm"] == experiment.run
    assert settings["config"]["seed"] == experiment.config["seed"]


def test_a_name_finds_a_team_wherever_a_checkpoint_is_asked_for():
    folder = TEAMS / "matrix-game-cwqmix"
    assert located("zoo:matrix-game-cwqmix") == find_checkpoint(Path("zoo:matrix-game-cwqmix")) == folder
    assert TeamPolicy.from_checkpoint("zoo:matrix-game-cwqmix").algorithm == "CWQMIX"
    assert located("a/folder") == Path("a/folder")
    for name in ("matrix-game-cwqmx", "", "../teams"):
        with pytest.raises(SettingError, match="zoo: unknown name"):
            located(f"zoo:{name}")


def test_the_list_has_every_team(rllib):
    listed = rllib("zoo", "list").stdout
    assert [line.split()[0] for line in listed.splitlines() if "± " in line] == NAMES
    assert [row["name"] for row in json.loads(rllib("zoo", "list", "--json").stdout)] == NAMES
