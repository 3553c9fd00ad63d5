"""Weights and settings without pickle."""

import numpy as np
import pytest

from rllib_remix.checkpoints.portable import (
    as_json,
    find_portable,
    read_settings,
    read_weights,
    write_portable,
)
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.policy import TeamPolicy


def test_weights_and_settings_come_back(tmp_path):
    weights = {"agent.w": np.arange(6, dtype=np.float32).reshape(2, 3).T, "steps": np.int64([7])}
    write_portable(tmp_path / "portable", weights, {"team": {"n_agents": 2}})
    folder = find_portable(tmp_path)
    assert folder == tmp_path / "portable"
    assert find_portable(folder) == folder
    for name, array in read_weights(folder).items():
        np.testing.assert_array_equal(array, weights[name])
    assert read_settings(folder) == {"team": {"n_agents": 2}}


def test_damaged_files_are_value_errors(tmp_path):
    write_portable(tmp_path, {"w": np.zeros(3, np.float32)}, {})
    (tmp_path / "weights.safetensors").write_bytes(b"no weights")
    (tmp_path / "settings.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"weights\.safetensors"):
        read_weights(tmp_path)
    with pytest.raises(ValueError, match="no object"):
        read_settings(tmp_path)


def test_only_what_json_can_hold_is_kept():
    kept = as_json({"lr": 0.1, "range": (1, 2), "class": int, "nan": float("nan"), "_private": 1})
    assert kept == {"lr": 0.1, "range": (1, 2)}


@pytest.mark.parametrize(
    "value",
    [2**64, float("inf"), {1: 1, "1": 2}, "x" * 2**20, [0.5] * 10**5, lambda: None, {(1, 2): 3}],
    ids=["large integer", "infinite", "key twice", "long text", "many numbers", "function", "key a tuple"],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, value):
    kept = as_json({"env_config": {"a": value}, "lr": 0.1})
    assert kept == {"lr": 0.1}
    deep = []
    for _ in range(70):
        deep = [deep]
    assert as_json({"deep": deep}) == {}


def test_settings_that_are_written_can_be_read_back(tmp_path):
    largest = {str(number): [0.125] * 25_000 for number in range(4)}
    kept = as_json(
        largest | {"text": "ü\x1b\ud800", "large": 2**64 - 1, "nested": {"a": [None, True, {"b": 1}]}}
    )
    assert kept.keys() >= largest.keys()
    write_portable(tmp_path, {}, {"config": kept})
    assert read_settings(tmp_path) == {"config": kept}


def test_a_pickle_in_the_place_of_weights_is_refused_and_not_run(tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    spec = {
        "n_agents": 2, "n_actions": 3, "obs_dim": 4, "state_dim": 5, "episode_limit": 6,
        "obs_dtype": "uint8", "state_dtype": "uint8",
    }  # fmt: skip
    networks = {
        "agent_hidden_dim": 8, "observe_last_action": True, "observe_agent_id": True, "utility_clamp": None,
    }  # fmt: skip
    write_portable(tmp_path, {}, {"team": spec, "networks": networks, "algorithm": "QMIX"})
    (tmp_path / "weights.safetensors").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(CheckpointError, match="cannot be read"):
        TeamPolicy.from_checkpoint(tmp_path)
    assert not (tmp_path / "ran").exists()
