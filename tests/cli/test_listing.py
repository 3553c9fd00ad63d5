"""What the command says of itself: lists, versions, help, completion, and names that it had before."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from ray.rllib.algorithms import registry

from rllib_remix import __version__, make_team_env
from rllib_remix.algorithms.table import ALGORITHMS, RLLIB_ALGORITHMS
from rllib_remix.cli.completion import complete_algorithms, complete_environments, complete_examples
from rllib_remix.cli.main import ORDER
from rllib_remix.envs.registry import TEAM_ENVS

RLLIB = Path(sys.executable).parent / "rllib"
COMMANDS = [(name,) for name in ORDER] + [("train", "file"), ("example", "run"), ("plot", "curves")]


def test_every_algorithm_is_listed_ours_first(rllib):
    assert {name.rpartition(".")[2] for name in RLLIB_ALGORITHMS} == registry.ALGORITHMS.keys()
    lines = [line.split()[0] for line in rllib("algorithms").stdout.splitlines() if line.startswith(" ")]
    assert lines == [*ALGORITHMS, *RLLIB_ALGORITHMS]
    assert [entry["name"] for entry in json.loads(rllib("algorithms", "--json").stdout)] == lines


def test_the_settings_of_an_algorithm_are_shown_in_groups_with_its_own_defaults(rllib):
    shown = json.loads(rllib("algorithms", "ReMIX", "--json").stdout)
    assert (shown["name"], shown["text"], shown["team"]) == ("ReMIX", ALGORITHMS["ReMIX"].text, True)
    groups = {group["title"]: {e["name"]: e for e in group["settings"]} for group in shown["groups"]}
    assert list(groups) == [
        *(
            "Preset",
            "Networks",
            "Loss",
            "Replay",
            "Sequences",
            "Loop",
            "Computing",
            "RLlib's settings",
            "weighting_config of remix",
        ),
    ]
    assert groups["Loss"]["weighting"]["default"] == "remix"
    assert groups["RLlib's settings"]["grad_clip"]["default"] == 10.0
    assert groups["Loss"]["td_lambda"] == {
        "name": "td_lambda",
        "type": "float",
        "range": "[0, 1]",
        "default": 0.6,
        "text": "λ of the λ-return; 0 is one-step. 0.6 in both papers, table 2.",
    }
    assert groups["weighting_config of remix"]["min_weight"]["range"] == "(0, 1]"


def test_the_settings_of_an_algorithm_fit_80_columns(rllib):
    text = rllib("algorithms", "ReMIX").stdout
    assert text.startswith(f"ReMIX: {ALGORITHMS['ReMIX'].text}\n\nPreset: ")
    assert "\n  td_lambda = 0.6  (float: [0, 1])\n      λ of the λ-return; 0 is one-step." in text
    assert "\n  utility_clamp = null  (" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_of_rllibs_own_algorithms_it_is_said_where_their_settings_are(rllib):
    assert "arguments of PPOConfig's methods" in rllib("algorithms", "PPO").stdout
    assert json.loads(rllib("algorithms", "PPO", "--json").stdout)["groups"] == []


def test_settings_of_an_unknown_algorithm_are_refused_with_the_nearest_name(refused):
    assert "algorithms: unknown name 'REMIX'; did you mean 'ReMIX'?" in refused("algorithms", "REMIX")


def test_every_environment_is_listed_with_the_settings_that_it_has_without_any(rllib):
    entries = {entry["name"]: entry for entry in json.loads(rllib("envs", "--json").stdout)}
    assert entries.keys() == TEAM_ENVS.keys()
    assert all(entry["text"] for entry in entries.values())
    for name in TEAM_ENVS.keys() - {"smac", "smacv2"}:
        spec = make_team_env(name).spec
        assert make_team_env(name, entries[name]["settings"]).spec == spec
    text = rllib("envs").stdout
    assert 'map_name="8m"' in text
    assert "CartPole-v1" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_of_one_environment_it_is_shown_what_it_is_to_a_team(rllib):
    text = rllib("envs", "two_step_game").stdout
    assert text.startswith("two_step_game: rllib_remix.envs.matrix_games.TwoStepGame\n")
    for line in ("Agents       2: agent_0, agent_1", "Limit        2 env steps", "in 2 env steps"):
        assert line in text
    shown = json.loads(rllib("envs", "predator_prey", "--env-config", {"episode_limit": 3}, "--json").stdout)
    assert (shown["n_agents"], shown["obs_dim"], shown["state_dim"]) == (8, 50, 200)
    assert (shown["episode_limit"], shown["episode_len"]) == (3, 3)
    assert 1 <= shown["actions_available_mean"] < shown["n_actions"] == 6


GAME = """
from rllib_remix import parallel_env


def make(config):
    return parallel_env("predator_prey", episode_limit=3, **config)
"""


def test_of_an_environment_of_others_its_spaces_and_the_options_given_are_shown(rllib, tmp_path):
    (tmp_path / "game.py").write_text(GAME)
    config = {"num_predators": 2, "team_adapter": {"state": "observations"}}
    text = rllib("envs", "game.py:make", "--env-config", config).stdout
    assert text.startswith("game.py:make: rllib_remix.envs.parallel.TeamParallelEnv\n")
    for line in (
        "2: agent_0, agent_1",
        "agent_0 … agent_1  sees Dict(",
        "acts Discrete(6)",
        "state: observations",
    ):
        assert line in text
    assert "State              100 numbers" in text


def test_a_class_of_a_file_is_shown_with_the_file_that_it_is_in(rllib, tmp_path):
    own = "from rllib_remix.envs.matrix_games import TwoStepGame\n\n\nclass Mine(TwoStepGame):\n    pass\n"
    (tmp_path / "game.py").write_text(own)
    assert rllib("envs", "game.py:Mine").stdout.startswith("game.py:Mine: game.py:Mine\n")


def test_an_environment_that_is_not_there_or_has_no_such_setting_is_told(refused):
    assert "--env: unknown environment 'predatorprey'; did you mean 'predator_prey'?" in refused(
        "envs", "predatorprey"
    )
    assert "unknown key 'sise'" in refused("envs", "predator_prey", "--env-config", {"sise": 1})


def test_the_versions_are_shown(rllib):
    assert rllib("--version").stdout == f"rllib_remix {__version__}, Ray {metadata.version('ray')}\n"


def test_rollout_says_what_it_is_called_now(refused):
    message = refused("rollout", "some folder", "--run", "PPO", "--steps", 10, "--no-render")
    assert message.endswith("use: rllib evaluate 'some folder' --run PPO --steps 10 --no-render")


def test_the_help_shows_commands_in_the_order_of_use(rllib):
    shown = rllib("--help").stdout.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in shown] == list(ORDER)
    assert not any(line.endswith("...") for line in shown)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_fits_80_columns_and_names_every_option_whole(rllib, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    result = rllib(*command, "--help")
    assert result.exit_code == 0
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert "…" not in "".join(
        line.split("  ")[1] for line in result.stdout.splitlines() if line.startswith("  -")
    )


def test_the_shell_can_complete_names():
    assert [name for name, _ in complete_algorithms("Re")] == ["ReMIX", "ReMERNQMIX"]
    assert complete_environments("") == list(TEAM_ENVS)
    assert {"CartPole-v1"} <= set(complete_environments("Cart"))
    assert complete_examples("matrix_game/r") == ["matrix_game/remix"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("rllib eval", ["evaluate"]),
        ("rllib evaluate --algo PP", ["PPO"]),
        ("rllib evaluate --env two", ["two_step_game"]),
        ("rllib example run matrix_game/r", ["matrix_game/remix"]),
    ],
)
def test_tab_is_answered_by_the_installed_command(words, offered):
    environment = {"_RLLIB_COMPLETE": "complete_bash", "COMP_WORDS": words}
    environment["COMP_CWORD"] = str(len(words.split()) - 1)
    done = subprocess.run([RLLIB], env=os.environ | environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == offered, done.stderr


@pytest.mark.slow
def test_no_list_loads_ray_or_torch():
    code = (
        "import sys\nfrom rllib_remix.cli.main import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "print([name for name in ('ray', 'torch') if name in sys.modules])"
    )
    for command in (["--help"], ["evaluate", "--help"], ["algorithms"], ["envs"], ["example", "list"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *command], capture_output=True, text=True, timeout=60
        )
        assert done.stdout.endswith("[]\n"), (command, done.stdout, done.stderr)
