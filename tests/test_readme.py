"""The README's examples run as they stand there."""

import json
import os
import re
import shlex
from pathlib import Path

import forked
import pytest

pytestmark = pytest.mark.slow

README = Path(__file__).parent.parent / "README.md"


def examples(heading, language):
    section = README.read_text(encoding="utf-8").split(f"### {heading}\n")[1].split("\n### ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, flags=re.DOTALL)


def example(heading):
    return examples(heading, "python")[0]


def run(command, folder, *more):
    """A command of the README, with an empty home and no game anywhere."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment |= {"HOME": str(folder), "TERM": "dumb", "SC2PATH": str(folder / "StarCraftII")}
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    assert program == "rllib"
    return forked.run([*arguments, *more], folder, environment, timeout=300)


def test_a_team_is_trained_on_the_simulator_of_smac(tmp_path):
    command = examples("Play SMAC", "bash")[0].replace("500000", "2000")
    trained = run(command, tmp_path, "--ray-num-cpus", "2")
    assert trained.returncode == 0, trained.stderr
    (results,) = (tmp_path / "ray_results").glob("default/QMIX_smac_sim_*/result.json")
    last = json.loads(results.read_text().splitlines()[-1])
    assert 0 <= last["env_runners"]["battle_won_mean"] <= 1
    assert 0 <= last["evaluation"]["env_runners"]["battle_won_mean"] <= 1


def test_without_starcraft_the_command_for_it_says_what_is_missing(tmp_path):
    refused = run(examples("Play SMAC", "bash")[1], tmp_path)
    assert refused.returncode == 2
    assert "env 'smac' cannot run here" in refused.stderr
    assert "scripts/install_sc2.sh" in refused.stderr


@pytest.mark.usefixtures("ray_session")
def test_a_team_is_trained_saved_and_played_without_ray(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    training = example("Train from Python").replace("range(10)", "range(1)")
    training = training.replace("train_batch_episodes=32", "train_batch_episodes=8")
    names = {}
    exec(training, names)
    names["algorithm"].stop()
    exec(example("Use the trained team without Ray"), {})
    assert "prey_captured" in capsys.readouterr().out
