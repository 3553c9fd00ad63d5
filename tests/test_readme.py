"""The examples of the README and of the pages in docs/ run as they stand there."""

import json
import os
import re
import shlex
from pathlib import Path

import forked
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent


def examples(page, language):
    """The texts of all examples of a page in that language, in their order."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def run(command, folder, *more):
    """A command of a page, with an empty home and no game anywhere."""
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    environment |= {"HOME": str(folder), "TERM": "dumb", "SC2PATH": str(folder / "StarCraftII")}
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    assert program == "rllib"
    return forked.run([*arguments, *more], folder, environment, timeout=300)


def test_a_team_is_trained_on_the_simulator_of_smac(tmp_path):
    command = examples("docs/smac_sim.md", "bash")[0].replace("500000", "2000")
    trained = run(command, tmp_path, "--ray-num-cpus", "2")
    assert trained.returncode == 0, trained.stderr
    (results,) = (tmp_path / "ray_results").glob("default/QMIX_smac_sim_*/result.json")
    last = json.loads(results.read_text().splitlines()[-1])
    assert 0 <= last["env_runners"]["battle_won_mean"] <= 1
    assert 0 <= last["evaluation"]["env_runners"]["battle_won_mean"] <= 1


def test_without_starcraft_the_command_for_it_says_what_is_missing(tmp_path):
    (train,) = (text for text in examples("docs/smac.md", "bash") if text.startswith("rllib train"))
    refused = run(train, tmp_path)
    assert refused.returncode == 2
    assert "env 'smac' cannot run here" in refused.stderr
    assert "scripts/install_sc2.sh" in refused.stderr


@pytest.mark.usefixtures("ray_session")
def test_a_team_is_trained_saved_and_played_without_ray(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    training, _, playing = examples("docs/python.md", "python")
    assert training in examples("README.md", "python")
    training = training.replace("range(10)", "range(1)")
    training = training.replace("train_batch_episodes=32", "train_batch_episodes=8")
    names = {}
    exec(training, names)
    names["algorithm"].stop()
    exec(playing, {})
    assert "prey_captured" in capsys.readouterr().out
