"""A trial of an earlier version goes on with the settings that it began with."""

import json
import tarfile
from pathlib import Path

import pytest

import tests.team
from rllib_remix import ReMIXConfig
from rllib_remix.running.record.first_settings import keep_first_settings

PACKED = Path(tests.team.__file__).parent / "checkpoint_of_a_trial.tar.gz"
SIZES = {"agent_hidden_dim": 4, "mixer_embed_dim": 2, "hypernet_hidden_dim": 2, "q_star_hidden_dim": 4}
# What that trial was given; all else were defaults.
GIVEN = {**SIZES, "env": "matrix_game", "train_batch_episodes": 8, "replay_buffer_capacity": 16}
THEN = {
    "encoder": "mlp",
    "normalize_observations": False,
    "zero_initial_values": False,
    "td_trace": "peng",
    "truncated_value": "last",
    "limit_targets": False,
    "rollout_episodes_per_update": 8,
    "target_network_update_episodes": 200,
    "tau": 1.0,
    "normalize_rewards": False,
}


@pytest.fixture
def checkpoint(tmp_path):
    with tarfile.open(PACKED) as packed:
        packed.extractall(tmp_path, filter="data")
    return tmp_path / "checkpoint_000002"


def test_defaults_of_then_are_kept_and_said(checkpoint):
    config, said = dict(GIVEN), []
    keep_first_settings("ReMIX", config, checkpoint, said.append)
    assert config == {**GIVEN, **THEN}
    assert len(said) == 1
    assert said[0].endswith(f"goes on with the settings that it began with: {_listed(THEN)}.")


def test_what_the_trial_was_given_counts(checkpoint):
    config = {**GIVEN, "td_trace": "watkins", "rollout_episodes_per_update": 4}
    keep_first_settings("ReMIX", config, checkpoint, lambda text: None)
    assert (config["td_trace"], config["rollout_episodes_per_update"]) == ("watkins", 4)


def test_what_a_preset_says_need_not_be_kept(checkpoint):
    config, said = {**GIVEN, "preset": "papers"}, []
    keep_first_settings("ReMIX", config, checkpoint, said.append)
    assert config == {**GIVEN, "preset": "papers", "encoder": "mlp"}
    assert len(said) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, {"target_network_update_interval": 200, "tau": 1.0}),
        ({"preset": "papers"}, {}),
        ({"target_network_update_episodes": 400}, {"tau": 1.0}),
    ],
)
def test_a_trial_whose_whole_target_copies_had_an_interval_beside_episodes_goes_on(checkpoint, given, kept):
    before = {name: False for name in ("normalize_rewards", "normalize_observations")}
    then = json.loads(json.dumps(ReMIXConfig().training(**SIZES, **given).to_dict(), default=str))
    then |= {"target_network_update_interval": 200, "tau": 1.0} | before
    (checkpoint / "portable" / "settings.json").write_text(json.dumps({"config": then}))
    config = SIZES | given
    keep_first_settings("ReMIX", config, checkpoint, lambda text: None)
    assert config == SIZES | given | kept | ({} if "preset" in given else before)
    ReMIXConfig().update_from_dict({**config, "env": "matrix_game"}).validate()


def test_of_other_algorithms_and_of_what_cannot_be_read_nothing_is_known(checkpoint):
    for algorithm, content in (
        ("PPO", "{}"),
        ("ReMIX", "{}"),
        ("ReMIX", "no JSON"),
        ("ReMIX", '{"config": 3}'),
    ):
        (checkpoint / "portable" / "settings.json").write_text(content)
        config, said = dict(GIVEN), []
        keep_first_settings(algorithm, config, checkpoint, said.append)
        assert (config, said) == (GIVEN, [])


def test_a_trial_of_this_version_is_left_as_it_is(checkpoint):
    settings = json.loads(json.dumps(ReMIXConfig().training(**SIZES).to_dict(), default=str))
    (checkpoint / "portable" / "settings.json").write_text(json.dumps({"config": settings}))
    config, said = dict(SIZES), []
    keep_first_settings("ReMIX", config, checkpoint, said.append)
    assert (config, said) == (SIZES, [])


def _listed(settings):
    return ", ".join(f"{name} {value!r}" for name, value in settings.items())
