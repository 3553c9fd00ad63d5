"""Misspelt algorithms and settings are refused without RLlib, and nothing that exists is."""

import subprocess
import sys

import pytest

from rllib_remix.algorithms.table import ALGORITHMS, RLLIB_ALGORITHMS, get_algorithm_config
from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.checks import spelling
from rllib_remix.experiments.loading import read

COMMAND = """
import sys
from rllib_remix.cli.main import main
sys.argv = ["rllib", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    print(end.code, *sorted({"ray", "torch", "numba"} & sys.modules.keys()))
"""
FILE = "one: {{run: {run}, env: predator_prey, stop: {{training_iteration: 1}}, config: {{{key}: 1}}}}"


def end_of(*words):
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *map(str, words)], capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip(), done.stderr


@pytest.mark.parametrize("of_file", [False, True], ids=["options", "file"])
@pytest.mark.parametrize(
    ("run", "key", "said"),
    [
        ("QMIZ", "lr", ": unknown name 'QMIZ'; did you mean 'QMIX'?"),
        ("QMIX", "train_batch_episode", "unknown key 'train_batch_episode'; did you mean 'train_batch_episodes'?"),
        ("COMA", "num_env_runer", "unknown key 'num_env_runer'; did you mean 'num_env_runners'?"),
    ],
)  # fmt: skip
def test_the_command_refuses_a_misspelt_name_and_loads_nothing_for_it(tmp_path, of_file, run, key, said):
    words = ["train", "--algo", run, "--env", "predator_prey", "--set", f"config.{key}=1"]
    if of_file:
        (tmp_path / "file.yaml").write_text(FILE.format(run=run, key=key))
        words = ["train", "file", tmp_path / "file.yaml"]
    out, err = end_of(*words)
    assert out == "2"
    assert said in err
    assert ("experiment 'one': " in err) is of_file


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_setting_of_every_algorithm_passes(name):
    settings = [key for key in get_algorithm_config(name).to_dict() if not key.startswith("__")]
    spelling.check_setting_names("config", name, settings)


def test_every_algorithm_passes(monkeypatch):
    monkeypatch.delitem(sys.modules, "ray.tune", raising=False)
    for name in [*ALGORITHMS, *RLLIB_ALGORITHMS, "my_module.Mine", object]:
        spelling.check_algorithm_name("--algo", name)
    with pytest.raises(SettingError, match="'REMIX'; did you mean 'ReMIX'"):
        spelling.check_algorithm_name("--algo", "REMIX")


def test_what_ray_may_know_is_left_to_it():
    import ray.tune  # noqa: F401

    spelling.check_algorithm_name("--algo", "RegisteredByTheUser")
    spelling.check_setting_names("config", "PPO", ["anything"])


@pytest.mark.parametrize(
    ("run", "key", "guess"),
    [
        ("QMIX", "clip_rang", "did you mean 'clip_rewards'? "),  # and not MAPPO's clip_range
        ("MAPPO", "clip_rang", "did you mean 'clip_range'? "),
        ("QMIX", "num_env_runer", "did you mean 'num_env_runners'? "),
        ("QMIX", "entropy_coef", ""),  # an actor-critic has it
        ("VDAC", "entropy_coef", "did you mean 'entropy_coefficient'? "),
    ],
)
def test_only_settings_of_the_algorithm_are_suggested(run, key, guess):
    with pytest.raises(UserError) as caught:
        spelling.check_setting_names("config", run, [key])
    assert str(caught.value).startswith(f"config: unknown key {key!r}; {guess}`rllib algorithms {run}`")


def test_of_a_file_only_what_will_be_run_is_checked(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "ray.tune", raising=False)
    one = {"run": "QMIX", "env": "matrix_game", "stop": {"training_iteration": 1}}
    file = {"one": one, "other": {**one, "run": "QMIZ"}}
    assert [each.name for each in read(file, only="one")] == ["one"]
    with pytest.raises(SettingError, match="experiment 'other': run: unknown name 'QMIZ'"):
        read(file)
    # The module of a class path may register the other name.
    (tmp_path / "mine_that_registers.py").write_text("class Mine: pass")
    monkeypatch.syspath_prepend(tmp_path)
    file["first"] = {**one, "run": "mine_that_registers.Mine"}
    assert len(read(file)) == 3


@pytest.mark.parametrize("missing", ["_source_of", "_source_of_rllib"])
def test_where_sources_are_not_found_nothing_is_refused_here(monkeypatch, missing):
    monkeypatch.setattr(spelling, missing, lambda *_: "")
    spelling.check_setting_names("config", "QMIX", ["zzz"])
