"""Every setting that RLlib had up to Ray 2.41 has a fate in the table, and the fate is true."""

import inspect
import json
from pathlib import Path

import pytest

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.errors import UserError
from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.checks.setting_names import check_rllib_settings
from rllib_remix.experiments.old.algorithms import GONE
from rllib_remix.experiments.old.fates import Dropped, Kept, Refused, Renamed, Translated
from rllib_remix.experiments.old.models import MODEL_FATES, model_defaults
from rllib_remix.experiments.old.replay import REPLAY_FATES
from rllib_remix.experiments.old.settings import translate_config
from rllib_remix.experiments.old.settings_of_algorithms import FATES_BY_ALGORITHM, TEAM
from rllib_remix.experiments.old.table import fate_of

# Names by algorithm ("common" are those of all), as Ray 1.13, 2.7 and 2.41 had them.
NAMES = json.loads((Path(__file__).parent / "setting_names.json").read_text())
ALGORITHMS = ("PPO", "APPO", "IMPALA", "DQN", "SAC", "CQL", "MARWIL", "BC", "DreamerV3", "QMIX")
# RLlib's own name of ε in IMPALA was RMSProp's; the table is by algorithm where names meant different things.
SOMETHING = "something that no setting is"


def settings_of(run):
    """Name and fate of every setting that the algorithm had, after renaming."""
    algorithm = "team" if run == "QMIX" else run
    for name in [*NAMES["common"], *NAMES[run]]:
        fate, now = fate_of(algorithm, name), name
        while isinstance(fate, Renamed):
            now = fate.name
            fate = fate_of(algorithm, now)
        yield name, now, fate, algorithm


@pytest.mark.parametrize("run", ALGORITHMS)
def test_every_old_setting_has_a_fate(run):
    algorithm = "team" if run == "QMIX" else run
    assert [name for name in [*NAMES["common"], *NAMES[run]] if fate_of(algorithm, name) is None] == []
    assert len(NAMES["common"]) > 250


def test_every_key_of_old_models_and_replay_buffers_has_a_fate():
    assert set(NAMES["model"]) == set(MODEL_FATES)
    special = {"type", "prioritized_replay", "learning_starts", "min_size_for_sampling"}
    assert set(NAMES["replay_buffer_config"]) - set(REPLAY_FATES) == special
    assert [name for name in NAMES["multiagent"] if fate_of("PPO", name) is None] == []


@pytest.mark.parametrize("run", ALGORITHMS)
def test_what_is_kept_or_renamed_is_a_setting_of_now(run):
    _, _, default = find_algorithm(run)
    kept = [now for _, now, fate, _ in settings_of(run) if isinstance(fate, Kept)]
    if isinstance(default, QMIXConfig):
        assert [name for name in kept if not default._knows(name)] == []
    else:
        check_rllib_settings(run, default, kept)


def test_a_setting_of_now_is_no_old_one_that_is_refused():
    now = [name for name in inspect.signature(QMIXConfig.training).parameters if fate_of(TEAM, name)]
    assert "tau" in now
    assert [name for name in now if not isinstance(fate_of(TEAM, name), Kept)] == []


def test_what_model_keys_become_is_a_key_of_now():
    now = {fate.name if isinstance(fate, Renamed) else name for name, fate in MODEL_FATES.items()
           if isinstance(fate, Kept | Renamed)}  # fmt: skip
    assert now <= set(model_defaults())


@pytest.mark.parametrize("run", ALGORITHMS)
def test_what_is_refused_is_named_with_what_to_use(run):
    refused = [(name, fate) for name, _, fate, _ in settings_of(run) if isinstance(fate, Refused)]
    assert len(refused) > 40
    for name, fate in refused:
        with pytest.raises(UserError) as error:
            translate_config("config", {name: SOMETHING}, run)
        assert str(error.value) == f"config: {name}: {SOMETHING!r} cannot be taken over; {fate.instead}."


@pytest.mark.parametrize("run", ALGORITHMS)
def test_what_asks_for_nothing_is_left_out(run):
    for name, _, fate, _ in settings_of(run):
        for value in fate.harmless if isinstance(fate, Refused) else ():
            config, notes = translate_config("config", {name: value}, run)
            assert config == ({"lr": None} if run == "CQL" else {})
            assert notes == (
                [] if value is None else [f"config: {name} is left out: {value!r} asks for nothing."]
            )


@pytest.mark.parametrize("run", ALGORITHMS)
def test_what_is_dropped_is_noted(run):
    for name, _, fate, _ in settings_of(run):
        if isinstance(fate, Dropped):
            config, notes = translate_config("config", {name: SOMETHING}, run)
            assert notes == [f"config: {name} is left out: {fate.reason}."]
            assert name not in config


@pytest.mark.parametrize("run", ALGORITHMS)
def test_what_is_renamed_is_noted(run):
    for name, now, fate, _ in settings_of(run):
        if name != now and isinstance(fate, Kept | None):
            config, notes = translate_config("config", {name: 1}, run)
            assert config[now] == 1
            assert notes == [f"config: {name} is read as {now}."]


@pytest.mark.parametrize("run", ALGORITHMS)
def test_a_structure_that_nothing_understands_is_refused_by_the_name_of_its_setting(run):
    """The translated ones: none raises what Python says."""
    names = [name for name, _, fate, _ in settings_of(run) if isinstance(fate, Translated)]
    for name in names:
        for value in (object(), [[[]]], {"no such key": SOMETHING}, float("nan"), "", -1):
            message = refusal(name, value, run)
            assert message is None or name in message


def refusal(name, value, run):
    """What is said about a setting; None if it is taken over. Anything but UserError is a fault."""
    try:
        translate_config("config", {name: value}, run)
    except UserError as error:
        return str(error)
    return None


def test_tables_of_algorithms_are_of_those_that_are_there():
    from ray.rllib.algorithms.registry import ALGORITHMS as RLLIB

    assert set(FATES_BY_ALGORITHM) - {"team"} <= set(RLLIB)


@pytest.mark.parametrize("gone", sorted(GONE))
def test_algorithms_that_are_gone_are_told_with_what_to_use(gone):
    assert gone in NAMES["gone"]
    with pytest.raises(UserError) as error:
        translate_config("config", {"num_workers": 1}, gone)
    assert f"{gone} is gone from RLlib; use " in str(error.value)
    _, _, ppo = find_algorithm("PPO")
    for name in NAMES["gone"][gone]:  # none of their settings goes elsewhere unseen
        with pytest.raises(UserError, match=f"unknown key '{name}'"):
            check_rllib_settings("config", ppo, [name])
