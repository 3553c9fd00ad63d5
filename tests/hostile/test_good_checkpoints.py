"""What the checks of strangers' checkpoints must let pass, and what playing one must not do."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from typer.testing import CliRunner

from rllib_remix.checkpoints.manifest import METADATA, write_manifest
from rllib_remix.checkpoints.portable import (
    PORTABLE,
    SETTINGS_FILE,
    WEIGHTS_FILE,
    read_settings,
    read_weights,
    write_portable,
)
from rllib_remix.cli.main import app
from rllib_remix.errors import UserError
from rllib_remix.policy import TeamPolicy
from tests.hostile import good_checkpoint as good
from tests.hostile.test_checkpoints import set_field


def in_dtype(dtype: torch.dtype) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        tensors = {name: torch.from_numpy(array).to(dtype) for name, array in good.weights().items()}
        (folder / WEIGHTS_FILE).write_bytes(safetensors.torch.save(tensors, {"format": "pt"}))

    return change


def of_the_first_version(content: dict[str, Any]) -> None:
    for name in ("skip_removed_agents", "compute_dtype"):
        del content["networks"][name]
    for name in ("config", "training_iteration", "time_total_s"):
        del content[name]


def with_the_agents_only(folder: Path) -> None:
    good.change_settings(
        folder, lambda content: [content["networks"].pop(name) for name in ("mixer", "use_q_star")]
    )
    good.change_weights(
        folder, lambda arrays: [arrays.pop(name) for name in [*arrays] if not name.startswith("agent.")]
    )


def linked_inside(name: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        (folder / "kept").mkdir()
        shutil.move(folder / name, folder / "kept" / "it")
        (folder / name).symlink_to(os.path.join("kept", "it"))

    return change


def with_networks_of_its_own(folder: Path) -> None:
    own = {
        "critic_units": [8, 8],
        "critic_rate": 0.5,
        "critic": "deep",
        "critic_shares": False,
        "critic_clip": None,
    }
    good.change_settings(folder, lambda content: content["networks"].update(own))
    arrays = {
        "critic.0.bias": np.ones(8, np.float32),
        "target_critic.head-1.weight": np.ones((2, 3), np.float16),
    }
    arrays["critic.1.num_batches_tracked"] = np.int64([7])
    good.change_weights(folder, lambda all_arrays: all_arrays.update(arrays))


def of_agents_and_a_critic(folder: Path) -> None:
    """As an actor-critic saves it: nothing of value-based networks is said."""
    with_the_agents_only(folder)
    names = (
        "use_mixer_gradient",
        "mixer_embed_dim",
        "hypernet_hidden_dim",
        "q_star_hidden_dim",
        "utility_clamp",
    )
    good.change_settings(folder, lambda content: [content["networks"].pop(name) for name in names])
    agent = {name: array for name, array in good.weights().items() if name.startswith("agent.")}
    settings = read_settings(folder)
    write_portable(folder, agent | {"critic.0.bias": np.ones(8, np.float32)}, settings)


GOOD: dict[str, Callable[[Path], object]] = {
    "as it is": lambda folder: None,
    "bfloat16": in_dtype(torch.bfloat16),
    "float16": in_dtype(torch.float16),
    "float64": in_dtype(torch.float64),
    "of the first version": lambda folder: good.change_settings(folder, of_the_first_version),
    "agents only": with_the_agents_only,
    "names of the agents": set_field("team.agents", ["agent_0", "agent_1"]),
    "no names of the agents": set_field("team.agents", []),
    "unknown fields at the top": lambda folder: good.change_settings(
        folder, lambda content: content.update(saved_at="2026-01-01T00:00:00+00:00", note={"a": [1, None, "ü"]})
    ),
    "a name that is not ASCII": set_field("algorithm", "QMIX_für_zwei"),
    "settings linked inside": linked_inside(SETTINGS_FILE),
    "weights linked inside": linked_inside(WEIGHTS_FILE),
    "no limits of the utilities": set_field("networks.utility_clamp", None),
    "networks of its own": with_networks_of_its_own,
    "of agents and a critic": of_agents_and_a_critic,
    "files of others": lambda folder: (folder / "README.md").write_text("mine"),
}  # fmt: skip


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_a_good_export_is_played_and_exported(tmp_path, change):
    folder = good.write_export(tmp_path / "export")
    change(folder)
    played = run("evaluate", folder, "--episodes", 2)
    assert played.exit_code == 0, played.output
    exported = run("export", folder, "--out", tmp_path / "out")
    assert exported.exit_code == 0, exported.output
    TeamPolicy.from_checkpoint(tmp_path / "out")


def test_a_checkpoint_is_played_as_its_export(tmp_path):
    checkpoint, export = good.write_checkpoint(tmp_path / "checkpoint"), tmp_path / "out"
    assert run("export", checkpoint, "--out", export).exit_code == 0
    assert sorted(path.name for path in export.iterdir()) == [SETTINGS_FILE, WEIGHTS_FILE]
    assert read_settings(export) == good.settings()
    one, other = TeamPolicy.from_checkpoint(checkpoint), TeamPolicy.from_checkpoint(export)
    for name, weight in one.network.state_dict().items():
        assert torch.equal(weight, other.network.state_dict()[name])
        np.testing.assert_array_equal(weight.numpy(), good.weights()[f"agent.{name}"])


def test_bfloat16_is_read_as_float32(tmp_path):
    folder = good.write_export(tmp_path / "export")
    in_dtype(torch.bfloat16)(folder)
    for name, array in read_weights(folder).items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(
            array, torch.from_numpy(good.weights()[name]).bfloat16().float().numpy()
        )


def test_a_checkpoint_whose_folder_is_a_link_is_played(tmp_path):
    good.write_checkpoint(tmp_path / "checkpoint")
    (tmp_path / "link").symlink_to(tmp_path / "checkpoint")
    assert run("evaluate", tmp_path / "link", "--episodes", 1).exit_code == 0


def test_only_the_sizes_are_looked_at_of_files_that_are_not_played(tmp_path):
    """A sparse file of 100 GB takes minutes to read."""
    folder = good.write_checkpoint(tmp_path / "checkpoint")
    (folder / "replay").write_bytes(b"")
    write_manifest(folder)
    files = json.loads((folder / "files.json").read_text()) | {"replay": [10**11, 0]}
    (folder / "files.json").write_text(json.dumps(files))
    os.truncate(folder / "replay", 10**11)
    assert run("evaluate", folder, "--episodes", 1).exit_code == 0


@pytest.mark.parametrize("where", ["env_config", "evaluation_config"])
def test_a_checkpoint_does_not_say_where_files_are_written(tmp_path, monkeypatch, where):
    folder, asked = good.write_export(tmp_path / "export"), {}
    places = {"map_name": "3m", "replay_dir": str(tmp_path / "stolen"), "replay_prefix": "../x"}
    set_field("environment", "smac")(folder)
    set_field("env_config" if where == "env_config" else "config.evaluation_config.env_config", places)(
        folder
    )

    def make(env: str, env_config: dict[str, Any], copies: int) -> None:
        asked.update(env_config)
        raise UserError("no game here")

    monkeypatch.setattr("rllib_remix.playing.teams.make_team_env", make)
    result = run("evaluate", folder, "--episodes", 1)
    assert "no game here" in result.stderr
    assert "Not taken from the checkpoint: replay_dir, replay_prefix" in result.stderr
    assert asked == {"map_name": "3m"}
    mine = {"replay_dir": str(tmp_path)}
    run("evaluate", folder, "--episodes", 1, "--env-config", json.dumps(mine))
    assert asked == {"map_name": "3m", **mine}


@pytest.mark.parametrize("name", ["client", "sc2_path"])
def test_a_program_that_a_checkpoint_names_is_not_run(refused, tmp_path, name):
    for field in ("env_config", "config.evaluation_config.env_config"):
        folder = good.write_export(tmp_path / field)
        set_field("environment", "smac")(folder)
        set_field(field, {"map_name": "3m", name: "\x1b[31m" + "x" * 5000})(folder)
        line = refused("evaluate", folder, "--episodes", 1)
        assert f"give {name} in --env-config" in line
        assert "\\x1b[31mxxx" in line


def test_code_that_a_checkpoint_names_is_not_imported(refused, tmp_path):
    for field in ("environment", "config.evaluation_config.env"):
        folder = good.write_export(tmp_path / field)
        set_field(field, "antigravity.open; rm -rf .")(folder)
        assert "add --env 'antigravity.open; rm -rf .'" in refused("evaluate", folder, "--episodes", 1)


def test_metadata_of_a_checkpoint_may_have_what_rllib_adds(tmp_path):
    folder = good.write_checkpoint(tmp_path / "checkpoint")
    content = json.loads((folder / METADATA).read_text())
    (folder / METADATA).write_text(json.dumps(content | {"is_rllib_checkpoint": True, "x": None}))
    write_manifest(folder)
    assert (folder / PORTABLE / SETTINGS_FILE).is_file()
    assert TeamPolicy.from_checkpoint(folder).algorithm == "QMIX"
