"""`export_onnx` writes a checked file, whole, or nothing at all; and what runs the file needs neither PyTorch nor us."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from rllib_remix import TeamPolicy
from rllib_remix.errors import UserError
from rllib_remix.onnx_export import checking, exporting, runners
from rllib_remix.onnx_export.exporting import export_onnx
from tests.hostile import good_checkpoint as good
from tests.onnx_export.teams import shown, team_actions, team_of, write_team

DRIVE = Path(__file__).with_name("drive_onnx.py")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    """The check has a thousand; what it finds is tested in test_checking.py."""
    monkeypatch.setattr(checking.check_beside, "__kwdefaults__", {"steps": 20})


def about(file):
    return {entry.key: entry.value for entry in onnx.load(file).metadata_props}


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_and_its_export_give_the_same_file(tmp_path):
    one = export_onnx(good.write_checkpoint(tmp_path / "c"), tmp_path / "one.onnx")
    other = export_onnx(good.write_export(tmp_path / "e"), tmp_path / "other.onnx")
    assert one.file.read_bytes() == other.file.read_bytes()
    assert (one.algorithm, one.environment) == ("QMIX", "matrix_game")
    sizes = [len(values.flat) for name, values in good.weights().items() if name.startswith("agent.")]
    assert one.weights == sum(sizes)
    assert (one.checked.steps, one.checked.runner.split()[0]) == (20, "onnxruntime")
    assert listing(tmp_path) == ["c", "e", "one.onnx", "other.onnx"]


def test_the_file_says_what_its_team_is(tmp_path):
    layout = json.loads(json.dumps(team_layout()))
    write_team(tmp_path / "e", "groups", algorithm="VDAC", layout=layout, stochastic_policy=True)
    export_onnx(tmp_path / "e", tmp_path / "team.onnx")
    assert about(tmp_path / "team.onnx") == {
        "algorithm": "VDAC",
        "environment": "a_game",
        "agents": '["ann", "bob", "cyd"]',
        "groups": "[0, 1, 0]",
        "n_agents": "3",
        "n_actions": "4",
        "obs_dim": "5",
        "obs_shape": "[]",
        "hidden_dim": "8",
        "episode_limit": "9",
        "agent_layout": json.dumps(layout),
        "first_step": "hidden: zeros; previous_action: -1; time: 0",
    }
    outputs = [each.name for each in onnx.load(tmp_path / "team.onnx").graph.output]
    assert outputs == ["logits", "action", "next_hidden"]


def team_layout():
    """Of unlike agents: cyd sees less, and does less."""
    entry = {"observation_key": None, "mask_key": None, "first_action": 0}
    return [
        entry | spaces | {"agents": agents}
        for agents, spaces in ((["ann", "bob"], spaces_of_size(5, 4)), (["cyd"], spaces_of_size(3, 2)))
    ]


def spaces_of_size(obs_size, n_actions):
    return {
        "observation_space": {"space": "Box", "shape": [obs_size], "dtype": "float32"},
        "action_space": {"space": "Discrete", "n": n_actions, "start": 0},
        "obs_size": obs_size,
        "n_actions": n_actions,
    }


def test_it_runs_without_pytorch_and_without_the_package_and_plays_as_the_team(tmp_path):
    spec, _, _ = team_of(observe_time=True, share_parameters=[0, 1, 0])
    write_team(tmp_path / "e", observe_time=True, share_parameters=[0, 1, 0])
    export_onnx(tmp_path / "e", tmp_path / "team.onnx")
    policy, steps = TeamPolicy.from_checkpoint(tmp_path / "e"), list(shown(spec, 30))
    expected = [team_actions(policy, *step).tolist() for step in steps]
    np.savez(tmp_path / "steps.npz", obs=[obs for obs, _ in steps], masks=[masks for _, masks in steps])
    command = [sys.executable, str(DRIVE), "team.onnx", "steps.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected


# What is refused


@pytest.fixture
def checkpoint(tmp_path):
    return good.write_checkpoint(tmp_path / "checkpoint")


def refused(checkpoint, out, message):
    before = sorted(checkpoint.parent.rglob("*"))
    with pytest.raises(UserError, match=message):
        export_onnx(checkpoint, out)
    assert sorted(checkpoint.parent.rglob("*")) == before


def test_a_place_that_cannot_be_is_refused_before_anything_is_read(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr("rllib_remix.checkpoints.team.read_team_weights", lambda *_: pytest.fail("was read"))
    (tmp_path / "mine.onnx").write_text("mine")
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "link.onnx").symlink_to("mine.onnx")
    refused(checkpoint, tmp_path / "mine.onnx", r"--out: '.*mine.onnx' is there already; give a new file")
    refused(checkpoint, tmp_path / "link.onnx", "is there already")
    refused(checkpoint, tmp_path / "folder.onnx", "is a folder; give a new file")
    refused(checkpoint, tmp_path / "team", r"must end in \.onnx; got 'team'")
    refused(checkpoint, tmp_path / "no" / "team.onnx", "folder '.*no' does not exist")
    refused(checkpoint, checkpoint / "team.onnx", "is inside the checkpoint")
    refused(checkpoint, tmp_path / f"{'x' * 300}.onnx", "--out: cannot write")
    assert (tmp_path / "mine.onnx").read_text() == "mine"


def test_a_missing_package_is_named_with_what_installs_it_before_anything_is_read(
    checkpoint, tmp_path, monkeypatch
):
    monkeypatch.setattr(runners, "find_spec", lambda name: None)
    monkeypatch.setattr(exporting, "find_checkpoint", lambda _: pytest.fail("was looked for"))
    refused(
        checkpoint,
        tmp_path / "team.onnx",
        r"not installed: onnx; pip install onnx onnxruntime \(or rllib_remix\[onnx\]",
    )


def test_a_package_that_is_broken_is_named(checkpoint, tmp_path, monkeypatch):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "onnxruntime.py").write_text("import a_library_that_is_gone")
    monkeypatch.syspath_prepend(tmp_path / "broken")
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    refused(
        checkpoint, tmp_path / "team.onnx", "onnxruntime cannot be imported .*pip install onnx onnxruntime"
    )
    monkeypatch.setitem(sys.modules, "onnx.helper", None)
    refused(
        checkpoint,
        tmp_path / "team.onnx",
        "'onnx' needs a package that cannot be imported .*pip install onnx",
    )


def test_rllibs_own_algorithms_are_refused_without_a_word_about_pickles(tmp_path):
    folder = tmp_path / "checkpoint_000000"
    folder.mkdir()
    (folder / "rllib_checkpoint.json").write_text('{"type": "algorithm", "checkpoint_version": "2.1"}')
    refused(
        folder, tmp_path / "team.onnx", "--format: 'onnx' is for teams of rllib_remix.*allowed: safetensors"
    )


def test_agents_that_no_file_can_hold_are_refused(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_BYTES", 600)
    refused(checkpoint, tmp_path / "team.onnx", "not possible for agents of 652 bytes; allowed: 600")


def test_a_file_that_does_otherwise_than_the_team_is_not_written(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "rllib_remix.onnx_export.graph._inputs",
        lambda graph, network, _: graph.add("Concat", *["observation"] * network.encoder.in_features, axis=1),
    )
    refused(checkpoint, tmp_path / "team.onnx", "does otherwise than the team at step 0 of 20")


def test_too_little_memory_is_said(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(checking, "new_stepper", fault_of(MemoryError()))
    refused(checkpoint, tmp_path / "team.onnx", "there is not enough memory for the team of '.*checkpoint'")


def fault_of(what):
    def fail(*_):
        if isinstance(what, BaseException):
            raise what
        os.kill(os.getpid(), what)

    return fail


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (OSError(28, "No space left on device"), UserError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (signal.SIGTERM, SystemExit),
    ],
    ids=["full disk", "ctrl-c", "terminated"],
)
def test_a_fault_while_it_is_written_leaves_nothing_behind(
    checkpoint, tmp_path, monkeypatch, fault, expected
):
    monkeypatch.setattr("rllib_remix.files.durable.os.replace", fault_of(fault))
    with pytest.raises(expected):
        export_onnx(checkpoint, tmp_path / "team.onnx")
    assert listing(tmp_path) == ["checkpoint"]


def test_what_came_into_its_place_meanwhile_is_kept(checkpoint, tmp_path, monkeypatch):
    check = checking.check_beside

    def slow(*arguments, **settings):
        (tmp_path / "team.onnx").write_text("mine")
        return check(*arguments, **settings)

    monkeypatch.setattr(checking, "check_beside", slow)
    with pytest.raises(UserError, match="is there already"):
        export_onnx(checkpoint, tmp_path / "team.onnx")
    assert (tmp_path / "team.onnx").read_text() == "mine"
    assert listing(tmp_path) == ["checkpoint", "team.onnx"]
