"""An algorithm's settings are written once, in groups; a config needs no more than the name of the group."""

import inspect
from dataclasses import dataclass
from typing import ClassVar

import pytest

from rllib_remix.algorithms.qmix_config import QMIXConfig
from rllib_remix.errors import SettingError
from rllib_remix.settings import Count, Interval
from rllib_remix.team.config import TeamAlgorithmConfig
from rllib_remix.team.settings.groups import SettingGroup, setting
from rllib_remix.team.settings.networks import NetworkSettings


@dataclass(kw_only=True)
class DuelingSettings(SettingGroup):
    """The dueling mixer.

    More about it.
    """

    title: ClassVar[str] = "Dueling"

    num_heads: int = setting(4, Count(1, 64), "of the attention. 4 in the paper.")
    head_sizes: list[int] = setting([8, 8], None, "units of each head.")
    advantage_floor: float | None = setting(None, Interval(0, 1), "least share of an advantage.")

    def check(self) -> None:
        super().check()
        if len(self.head_sizes) > self.num_heads:
            raise SettingError(f"head_sizes: {self.head_sizes!r} are more than num_heads, {self.num_heads}.")


class DuelingConfig(QMIXConfig):
    """QMIX's settings, and some more."""

    groups = (*QMIXConfig.groups, DuelingSettings)


def config() -> DuelingConfig:
    return DuelingConfig().environment("matrix_game")


def test_the_settings_of_an_added_group_are_attributes_with_their_defaults():
    first, second = config(), config()
    assert (first.num_heads, first.head_sizes, first.advantage_floor) == (4, [8, 8], None)
    first.head_sizes.append(8)
    assert second.head_sizes == [8, 8]
    assert not hasattr(QMIXConfig(), "num_heads")


def test_training_takes_them_beside_all_others():
    changed = config().training(num_heads=2, td_lambda=0.5, lr=0.01)
    assert (changed.num_heads, changed.td_lambda, changed.lr) == (2, 0.5, 0.01)
    changed.validate()
    again = DuelingConfig().update_from_dict(changed.to_dict())
    assert (again.num_heads, again.td_lambda) == (2, 0.5)
    with pytest.raises(SettingError, match=r"training\(\): unknown key 'num_heads'"):
        QMIXConfig().training(num_heads=2)


def test_unknown_names_are_refused_with_the_nearest_and_all_there_are():
    with pytest.raises(
        SettingError, match=r"unknown key 'num_head'; did you mean 'num_heads'\?.*advantage_floor"
    ):
        config().training(num_head=2)
    with pytest.raises(SettingError, match="unknown key 'num_head'; did you mean 'num_heads'"):
        config().update_from_dict({"num_head": 2})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_heads": 0}, r"num_heads: 0 is not allowed; it must be an integer in \[1, 64\]"),
        ({"num_heads": None}, "num_heads: None is of type NoneType"),
        ({"advantage_floor": 2}, r"advantage_floor: 2 is not allowed; it must be a number in \[0, 1\]"),
        ({"num_heads": 1}, r"head_sizes: \[8, 8\] are more than num_heads, 1"),
        ({"td_lambda": 2}, "td_lambda: 2 is not allowed"),
    ],
)
def test_they_are_checked_beside_all_others(settings, message):
    with pytest.raises(SettingError, match=message):
        config().training(**settings).validate()


def test_the_signature_and_the_help_of_training_have_them():
    parameters = inspect.signature(DuelingConfig.training).parameters
    assert list(parameters)[-4:] == ["num_heads", "head_sizes", "advantage_floor", "kwargs"]
    assert parameters["advantage_floor"].annotation == "float | None"
    assert parameters["num_heads"].annotation == "int"
    assert parameters["num_heads"].kind is inspect.Parameter.KEYWORD_ONLY
    assert list(inspect.signature(config().training).parameters) == [*parameters][1:]
    text = inspect.getdoc(DuelingConfig.training)
    assert "    Dueling: The dueling mixer.\n" in text
    assert "        num_heads (int: 1 … 64; default 4): of the attention. 4 in the paper.\n" in text
    assert "td_lambda (float: [0, 1]; default 0.6): λ" in text
    assert "num_heads" not in QMIXConfig.training.__doc__


def test_they_are_described_in_a_group_of_their_own():
    groups = {group.title: group for group in config().training(num_heads=2).described_settings()}
    group = groups["Dueling"]
    assert group.text == "The dueling mixer."
    assert [(entry.name, entry.default, entry.kind) for entry in group.settings] == [
        ("num_heads", 2, "int: 1 … 64"),
        ("head_sizes", [8, 8], "list[int]"),
        ("advantage_floor", None, "float | None: [0, 1]"),
    ]


def test_a_training_method_of_a_class_between_is_kept():
    class Loud(QMIXConfig):
        def training(self, **kwargs):
            self.said = sorted(kwargs)
            return super().training(**kwargs)

    class Louder(Loud):
        groups = (*Loud.groups, DuelingSettings)

    louder = Louder().training(num_heads=2, td_lambda=0.5)
    assert (louder.said, louder.num_heads, louder.td_lambda) == (["num_heads", "td_lambda"], 2, 0.5)


def test_two_groups_with_the_same_setting_are_refused():
    with pytest.raises(TypeError, match="groups: two of them have the setting 'agent_hidden_dim'"):

        class Twice(QMIXConfig):
            groups = (*QMIXConfig.groups, NetworkSettings)


def test_a_group_on_another_can_have_settings_before_those_of_that_one():
    @dataclass(kw_only=True)
    class More(DuelingSettings):
        """More."""

        last: int = setting(1, Count(0), "the last.")
        second: int = setting(2, Count(0), "the second.", before="head_sizes")
        third: int = setting(3, Count(0), "the third.", before="head_sizes")

    names = [entry.name for entry in More.settings()]
    assert names == ["num_heads", "second", "third", "head_sizes", "advantage_floor", "last"]


def test_every_setting_says_what_it_is_for():
    for entry in QMIXConfig.own_settings():
        assert entry.text.endswith("."), entry.name
        assert entry.allowed is not None or entry.name == "weighting_config", entry.name


def test_by_default_nothing_is_drawn_by_priority_and_no_share_is_recent():
    shared = TeamAlgorithmConfig()
    assert not shared.draws_by_priority()
    assert (shared.priority_measure(), shared.default_recent_share()) == ("", 0.0)
    assert shared.recent_episodes_per_batch() == 0
    assert shared.replay_settings()["alpha"] == 0.0
    assert shared.training(recent_episodes_share=0.25).recent_episodes_per_batch() == 8
