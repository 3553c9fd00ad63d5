import pytest

from rllib_remix.errors import SettingError
from rllib_remix.models.groups.agent import recurrent_agent
from rllib_remix.models.groups.assignment import GroupPlaces, Sharing, agent_groups, are_groups

AGENTS = ("scout_0", "scout_1", "tank")


def groups(share, agents=AGENTS) -> tuple[int, ...]:
    return agent_groups({"share_parameters": share}, 3, agents)


def test_all_share_unless_it_is_said():
    assert agent_groups({}, 3) == groups(True) == groups(None) == (0, 0, 0)
    assert groups(False) == groups(False, ()) == (0, 1, 2)
    assert agent_groups({"share_parameters": False}, 1) == (0,)


def test_groups_by_name_are_numbered_as_their_agents_come():
    assert groups({"tanks": ["tank"], "scouts": ["scout_1", "scout_0"]}) == (0, 0, 1)
    assert groups({"a": ("scout_1",), "b": ["scout_0", "tank"]}) == (0, 1, 0)
    assert groups([0, 1, 0], ()) == (0, 1, 0)  # as a checkpoint has it


@pytest.mark.parametrize(
    ("share", "message"),
    [
        (
            {"a": ["scout_0", "scout_2"], "b": ["tank"]},
            "share_parameters, agents of 'a': unknown name 'scout_2'; did you mean 'scout_",
        ),
        (
            {"a": ["scout_0"], "b": ["tank"]},
            "share_parameters: 'scout_1' is in no group; every agent must be in one. Groups: a, b.",
        ),
        ({"a": ["scout_0"], "b": ["x"]}, "unknown name 'x'. Allowed: scout_0, scout_1, tank."),
    ],
)
def test_groups_that_are_not_of_the_team_are_told_by_name(share, message):
    with pytest.raises(SettingError) as error:
        groups(share)
    assert message in str(error.value)


def test_groups_by_name_need_names():
    with pytest.raises(SettingError, match="names of the agents are not known"):
        groups({"a": ["scout_0"], "b": ["tank"]}, ())


@pytest.mark.parametrize("value", [True, False, {"a": ["x"], "b": ["y", "z"]}, {"a": ("x",), "b": ("y",)}])
def test_what_it_may_be(value):
    Sharing().check("share_parameters", value)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1, "1 is not allowed; it must be true, false, or {group: [agents]}"),
        ("all", "'all' is not allowed"),
        ([0, 1], "[0, 1] is not allowed"),
        ({"a": "x", "b": "y"}, "is not allowed; it must be"),
        ({"a": [], "b": ["y"]}, "is not allowed; it must be"),
        ({"a": [1], "b": ["y"]}, "is not allowed; it must be"),
        ({" ": ["x"], "b": ["y"]}, "is not allowed; it must be"),
        ({}, "one group of all agents is true, no groups are false"),
        ({"a": ["x", "y"]}, "one group of all agents is true"),
        ({"a": ["x", "y"], "b": ["x"]}, "agent 'x' is in 'a' and in 'b'; it must be in one group, once"),
        ({"a": ["x", "x"], "b": ["y"]}, "agent 'x' is twice in 'a'; it must be in one group, once"),
    ],
)
def test_what_it_may_not_be_is_told(value, message):
    with pytest.raises(SettingError) as error:
        Sharing().check("share_parameters", value)
    assert message in str(error.value)
    assert str(error.value).startswith("share_parameters: ")


@pytest.mark.parametrize("value", [[0], [0, 0], [0, 1, 0, 2]])
def test_a_list_of_a_checkpoint(value):
    assert are_groups(value)


@pytest.mark.parametrize("value", [None, True, (0, 1), [], [1, 0], [0, 2], [0, True], [0, -1], [0, 1.0], {}])
def test_no_list_of_a_checkpoint(value):
    assert not are_groups(value)


def test_the_agents_of_a_group_stand_together():
    places = GroupPlaces((0, 1, 1, 0, 1))
    assert (places.count, places.largest) == (2, 3)
    assert places.of_agents == (0, 3, 4, 1, 5)


def test_agents_that_see_images_share_their_parameters():
    with pytest.raises(SettingError, match="share_parameters: agents that see images share their parameters"):
        recurrent_agent((0, 1), 4 * 5 * 3, 5, image_shape=(4, 5, 3))
    recurrent_agent((0, 0), 7 * 7 * 3, 5, image_shape=(7, 7, 3))
