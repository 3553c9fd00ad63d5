"""Evaluation from Python, without the command."""

import json

import pytest

from rllib_remix import playing
from rllib_remix.errors import SettingError, UserError
from rllib_remix.playing.results_file import write_json

UNTRAINED = {"algorithm": "QMIX", "env": "matrix_game"}


def test_python_gets_what_the_command_writes_with_out(rllib, tmp_path):
    options = ("--algo", "QMIX", "--env", "predator_prey", "--env-config", {"episode_limit": 3}, "--seed", 4)
    assert rllib("evaluate", *options, "--episodes", 5, "--out", "command.json").exit_code == 0
    result = playing.evaluate(
        None, 5, algorithm="QMIX", env="predator_prey", env_config={"episode_limit": 3}, seed=4
    )
    write_json("--out", tmp_path / "python.json", result)
    assert (tmp_path / "python.json").read_bytes() == (tmp_path / "command.json").read_bytes()
    assert result["num_episodes"] == 5
    assert result["episodes"]["lengths"] == [3] * 5


def test_32_episodes_are_played_unless_steps_or_episodes_are_given():
    assert playing.evaluate(None, **UNTRAINED)["num_episodes"] == 32
    assert playing.evaluate(None, steps=7, **UNTRAINED)["num_env_steps"] == 7
    assert playing.evaluate(None, episodes=2, **UNTRAINED)["num_episodes"] == 2


def test_nothing_is_printed_and_every_episode_is_told(capsys):
    told = []
    playing.evaluate(None, 3, **UNTRAINED, on_episode=lambda played: told.append(len(played.returns)))
    assert told == [1, 2, 3]
    assert capsys.readouterr() == ("", "")


def test_settings_may_name_the_environment_and_are_left_as_they_were():
    config = {"env": "matrix_game", "explore": True}
    result = playing.evaluate(None, 2, algorithm="QMIX", config=config)
    assert (result["environment"], result["explore"]) == ("matrix_game", True)
    assert config == {"env": "matrix_game", "explore": True}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checkpoint": None}, "CHECKPOINT: none given"),
        ({"checkpoint": "no/such"}, "does not exist"),
        ({"checkpoint": None, **UNTRAINED, "episodes": 0, "steps": 0}, "one of them must be above 0"),
        ({"checkpoint": None, **UNTRAINED, "config": {"lrr": 1}}, "did you mean 'lr'"),
        (
            {"checkpoint": None, "algorithm": "QMIX", "env": "predator_prey", "steps": 3},
            "no episode ended",
        ),
    ],
)
def test_what_cannot_be_played_is_an_error_and_no_exit(arguments, message):
    with pytest.raises((UserError, SettingError), match=message):
        playing.evaluate(**arguments)


def test_an_animation_collects_the_first_episode_and_is_written_when_it_is_asked_to(tmp_path):
    animation = playing.Animation(tmp_path / "episode.gif")
    game = {"algorithm": "QMIX", "env": "predator_prey", "env_config": {"episode_limit": 3}}
    playing.evaluate(None, 2, **game, animation=animation)
    assert not animation.wants_more
    assert not (tmp_path / "episode.gif").exists()
    assert "Animation of one episode" in animation.write()
    assert (tmp_path / "episode.gif").read_bytes().startswith(b"GIF89a")


@pytest.mark.slow
def test_a_trial_folder_gives_its_newest_checkpoint_as_json_can_hold_it(team_checkpoint):
    result = playing.evaluate(str(team_checkpoint.parent), episodes=2)
    assert result["checkpoint"] == str(team_checkpoint)
    assert result["algorithm"] == "QMIX"
    assert json.loads(json.dumps(result["episodes"]["lengths"])) == [7, 7]
