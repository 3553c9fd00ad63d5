"""Misspelt algorithms and settings are refused without RLlib, and nothing that exists is."""

import subprocess
import sys

import pytest

from rllib_remix.algorithms.table import ALGORITHMS, RLLIB_ALGORITHMS, get_algorithm_config
from rllib_remix.errors import SettingError
from rllib_remix.experiments.checks import spelling

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
        ("QMIZ", "lr", "--algo: unknown name 'QMIZ'; did you mean 'QMIX'?"),
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


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_setting_of_every_algorithm_passes(name):
    settings = [key for key in get_algorithm_config(name).to_dict() if not key.startswith("__")]
    spelling.check_setting_names("config", name, settings)


def test_every_algorithm_passes(monkeypatch):
    monkeypatch.delitem(sys.modules, "ray.tune", raising=False)
    for name in [*ALGORITHMS, *RLLIB_ALGORITHMS, "my_module.Mine", object]:
        spelling.check_algorithm_name(name)
    with pytest.raises(SettingError, match="'REMIX'; did you mean 'ReMIX'"):
        spelling.check_algorithm_name("REMIX")


def test_what_ray_may_know_is_left_to_it():
    import ray.tune  # noqa: F401

    spelling.check_algorithm_name("RegisteredByTheUser")
    spelling.check_setting_names("config", "PPO", ["anything"])


def test_where_rllibs_source_is_not_found_nothing_is_refused_here(monkeypatch):
    monkeypatch.setattr(spelling, "_rllib", lambda: "")
    spelling.check_setting_names("config", "QMIX", ["zzz"])
