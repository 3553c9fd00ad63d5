"""`rllib export`: what comes out is without pickle, whole, and can be played."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from rllib_remix import TeamPolicy, make_team_env
from rllib_remix.checkpoints.portable import read_weights

pytestmark = pytest.mark.slow


def test_an_exported_team_plays_as_its_checkpoint(rllib, team_checkpoint):
    result = rllib("export", team_checkpoint, "--out", "team")
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in Path("team").iterdir()) == ["settings.json", "weights.safetensors"]

    one, other = TeamPolicy.from_checkpoint("team"), TeamPolicy.from_checkpoint(team_checkpoint)
    env = make_team_env(one.environment, one.env_config, 4)
    one.reset(4), other.reset(4)
    step = env.reset(seed=0)
    for _ in range(5):
        actions = one.act(step)
        assert (actions == other.act(step)).all()
        step = env.step(actions)

    for source, file in ((team_checkpoint, "a.json"), ("team", "b.json")):
        assert rllib("evaluate", source, "--episodes", 4, "--out", file).exit_code == 0
    results = [json.loads(Path(file).read_text()) for file in ("a.json", "b.json")]
    assert results[0].pop("checkpoint") != results[1].pop("checkpoint")
    assert results[0] == results[1]


def test_without_what_learning_needs_it_plays_the_same_and_is_smaller(rllib, team_checkpoint):
    for out, *options in (("whole",), ("small", "--acting-only")):
        assert rllib("export", team_checkpoint, "--out", out, *options).exit_code == 0
    sizes = [(Path(out) / "weights.safetensors").stat().st_size for out in ("whole", "small")]
    assert sizes[1] < sizes[0] / 2
    kept = read_weights(Path("small"))
    assert kept
    assert all(name.startswith("agent.") for name in kept)
    env = make_team_env("predator_prey", TeamPolicy.from_checkpoint("small").env_config, 4)
    step = env.reset(seed=0)
    teams = [TeamPolicy.from_checkpoint(out) for out in ("whole", "small")]
    for team in teams:
        team.reset(4)
    for _ in range(5):
        one, other = (team.act(step) for team in teams)
        assert (one == other).all()
        step = env.step(one)


def test_a_team_is_written_for_onnx_and_what_was_checked_is_said(rllib, refused, team_checkpoint):
    result = rllib("export", team_checkpoint, "--out", "team.onnx", "--format", "onnx")
    assert result.exit_code == 0, result.output
    first, second, last = result.stdout.splitlines()
    assert first.startswith("QMIX on predator_prey: ")
    said = re.fullmatch(
        r"1,000 steps by onnxruntime [\d.]+: within (\S+) of the team, the same ([\d,]+) actions(, \d+ ties)?",
        second,
    )
    assert said, second
    assert float(said[1]) < 1e-5
    assert int(said[2].replace(",", "")) > 1_000
    assert last == "Written to team.onnx"
    assert Path("team.onnx").stat().st_size > 1_000
    assert "is there already" in refused("export", team_checkpoint, "--out", "team.onnx", "--format", "onnx")


def test_the_folder_must_be_new_or_empty(rllib, refused, team_checkpoint):
    Path("full").mkdir()
    Path("full", "mine.txt").write_text("mine")
    assert "is not empty" in refused("export", team_checkpoint, "--out", "full")
    assert [file.name for file in Path("full").iterdir()] == ["mine.txt"]
    assert "is a file" in refused("export", team_checkpoint, "--out", "full/mine.txt")
    assert "does not exist" in refused("export", team_checkpoint, "--out", "no/such")
    Path("empty").mkdir()
    assert rllib("export", team_checkpoint, "--out", "empty").exit_code == 0


def test_a_full_disk_leaves_nothing_behind(refused, team_checkpoint, monkeypatch):
    def full(folder, *_):
        (folder / "weights.safetensors").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rllib_remix.checkpoints.portable.write_portable", full)
    assert "No space left on device" in refused("export", team_checkpoint, "--out", "team")
    assert not [path for path in Path().iterdir() if path.name != "home"]


def test_rllibs_own_algorithm_is_exported_if_its_pickles_are_trusted(rllib, refused, ppo_checkpoint):
    assert "--trust-pickle" in refused("export", ppo_checkpoint, "--out", "ppo")
    refusal = refused("export", ppo_checkpoint, "--out", "ppo", "--trust-pickle", "--acting-only")
    assert "--acting-only: is for teams" in refusal
    assert not Path("ppo").exists()
    result = rllib("export", ppo_checkpoint, "--out", "ppo", "--trust-pickle")
    assert result.exit_code == 0, result.output
    weights = read_weights(Path("ppo"))
    assert weights["default_policy/pi.net.mlp.0.weight"].shape == (2, 8)
    assert all(np.isfinite(array).all() for array in weights.values())
    settings = json.loads(Path("ppo", "settings.json").read_text())
    assert (settings["algorithm"], settings["environment"]) == ("PPO", "CartPole-v1")
    assert settings["config"]["minibatch_size"] == 50
    assert "only its checkpoint can be played" in refused("evaluate", "ppo")
    said = refused("export", ppo_checkpoint, "--out", "ppo.onnx", "--format", "onnx", "--trust-pickle")
    assert "'onnx' is for teams of rllib_remix" in said


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"environment": "subprocess.Popen"}, "add --env subprocess.Popen"),
        ({"environment": "smac", "env_config": {"client": "os:system"}}, "give client in --env-config"),
        ({"environment": "smac", "env_config": {"sc2_path": "/games/it"}}, "'/games/it' as sc2_path"),
        ({"config": {"evaluation_config": {"env": "subprocess.Popen"}}}, "add --env subprocess.Popen"),
    ],
)
def test_code_that_a_strangers_team_names_is_not_run(rllib, refused, team_checkpoint, changed, message):
    assert rllib("export", team_checkpoint, "--out", "team").exit_code == 0
    file = Path("team", "settings.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    assert message in refused("evaluate", "team")
