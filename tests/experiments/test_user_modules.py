"""`--env my_module.make` finds modules of the current folder, and a name that nobody registered is told."""

import json
import os
import sys
from pathlib import Path

import forked
import pytest

from rllib_remix.experiments.user_modules import find_modules_in, load_class

GAME = """
from rllib_remix import parallel_env


def make(context):
    return parallel_env("two_step_game")
"""


@pytest.fixture
def game(tmp_path, monkeypatch):
    """A module that nothing has imported yet, in the current folder; what is imported of it is forgotten."""
    (tmp_path / "mygame.py").write_text(GAME)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path / "mygame.py"
    sys.modules.pop("mygame", None)


def test_the_current_folder_is_looked_at_last(game, monkeypatch):
    (game.parent / "json.py").write_text(
        "raise AssertionError('another module than the one that is installed')"
    )
    monkeypatch.delitem(sys.modules, "json")
    assert load_class("--env", "mygame.make").__module__ == "mygame"
    assert load_class("--env", "json.loads")("[1]") == [1]
    assert sys.path[-1] == str(game.parent)


def test_another_folder_is_found_by_rays_workers_too(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "/first")
    find_modules_in(tmp_path)
    assert sys.path[-1] == str(tmp_path)
    assert os.environ["PYTHONPATH"] == f"/first{os.pathsep}{tmp_path}"
    find_modules_in(tmp_path / "gone")
    assert os.environ["PYTHONPATH"] == f"/first{os.pathsep}{tmp_path}"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("mygame.mak", "mygame.py) has no 'mak'"),
        ("mygam.make", "cannot import 'mygam.make': ModuleNotFoundError: No module named 'mygam'"),
        ("broken.make", "cannot import 'broken.make': ZeroDivisionError: division by zero"),
        ("xqzvk", "unknown environment 'xqzvk'. Allowed: "),
        ("xqzvk", "Names that a script registers (register_env) are its own"),
    ],
)
def test_what_cannot_be_found_is_told_before_ray_starts(refused, game, env, message):
    (game.parent / "broken.py").write_text("1 / 0")
    assert message in refused("train", "--algo", "QMIX", "--env", env)


@pytest.mark.slow
def test_a_team_is_trained_and_played_with_a_module_of_the_current_folder(rllib, refused, game):
    config = {"train_batch_episodes": 8, "min_sample_timesteps_per_iteration": 10, "num_env_runners": 1}
    words = ["train", "--algo", "QMIX", "--env", "mygame.make", "--storage-path", ".", "--ray-num-cpus", "2"]
    words += ["--config", json.dumps(config), "--stop", json.dumps({"training_iteration": 1})]
    environment = {
        name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "PYTHONPATH")
    }
    if "PYTHONPATH" in os.environ:  # where the package comes from; never the current folder
        environment["PYTHONPATH"] = str(Path(os.environ["PYTHONPATH"].split(os.pathsep)[0]).resolve())
    done = forked.run(words, Path.cwd(), environment, timeout=240)
    assert done.returncode == 0, done.stderr
    refusal = refused("evaluate", "default", "--episodes", 2)
    assert "the checkpoint names 'mygame.make', which is code outside this package" in refusal
    assert "mygame" not in sys.modules
    assert (played := rllib("evaluate", "default", "--episodes", 2, "--env", "mygame.make")).exit_code == 0
    assert "QMIX on mygame.make, 2 greedy episodes" in played.output


@pytest.mark.slow
def test_a_team_whose_environment_a_script_registered_is_played_by_the_path_of_what_makes_it(
    rllib, refused, game, ray_session, monkeypatch
):
    from ray.tune.registry import register_env

    from rllib_remix import QMIXConfig, parallel_env

    register_env("mine", lambda context: parallel_env("two_step_game"))
    algorithm = QMIXConfig().environment("mine").training(train_batch_episodes=8).build_algo()
    algorithm.save_to_path(str(game.parent / "checkpoint"))
    algorithm.stop()
    assert (
        rllib("evaluate", "checkpoint", "--episodes", 2, "--env", "mine").exit_code == 0
    )  # here it is known
    monkeypatch.setattr("rllib_remix.playing.teams._is_registered", lambda env: False)
    for options, who in (
        ((), "the checkpoint was trained on 'mine'"),
        (("--env", "mine"), "you name 'mine'"),
    ):
        refusal = refused("evaluate", "checkpoint", "--episodes", 2, *options)
        assert f"--env: {who}, which nobody registered here" in refusal
        assert "--env my_module.make" in refusal
    assert "mygame" not in sys.modules
    played = rllib("evaluate", "checkpoint", "--episodes", 2, "--env", "mygame.make")
    assert played.exit_code == 0, played.output
