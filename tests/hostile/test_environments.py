"""Foreign environments that return nonsense in one place: named by us, with the place, and not by Python."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from rllib_remix.envs.checker import TeamEnvError, check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.errors import SettingError
from tests.envs.foreign.games import AGENTS, OPTIONS, Of, Zoo, changed
from tests.hostile.limits import MAX_MESSAGE, PYTHON_WORDS, limited

pytestmark = pytest.mark.battery

LONG = "x" * 5000
VALUES = {
    "None": None,
    "text": "high",
    "long text": LONG,
    "bytes": b"1",
    "list": [1, 2, 3],
    "ragged list": [[1, 2], [3]],
    "empty list": [],
    "set": {1},
    "dict": {"x": 1},
    "long dict": dict.fromkeys(range(2000), LONG),
    "object": object(),
    "class": int,
    "function": len,
    "nan": float("nan"),
    "infinity": float("inf"),
    "huge float": 1e300,
    "huge integer": 10**400,
    "complex": 1j,
    "array of text": np.array(["1", "2"]),
    "array of objects": np.array([None, {}]),
    "empty array": np.zeros(0),
    "array of 3": np.zeros(3),
    "matrix": np.zeros((2, 2)),
    "array of nan": np.full(2, np.nan),
    "array of huge floats": np.full(2, 1e300),
    "date": np.datetime64("2020-01-01"),
}
# Numbers that mean what they say, in every place in which a number can stand.
ONES = {
    "array of one": np.array([1.0]),
    "integer": 1,
    "bool": True,
    "fraction": Fraction(1),
    "numpy": np.float64(1),
}
PLACES = ("see", "pay", "end", "cut", "tell")
# What need not be refused: nobody is paid or told, and infos may hold anything.
HARMLESS = {("pay", "None"), ("end", "None"), ("cut", "None"), ("tell", "None"), ("tell", "dict")}
HARMLESS |= {("tell", "long dict"), *((place, "array of one") for place in ("end", "cut"))}


def spoilt(base, place, value, *, whole, after):
    """An environment that returns `value` for one agent, or in the place of the dict, from a step on."""

    def method(self):
        own = getattr(base, place)(self)
        if self.time < after:
            return own
        return value if whole else own | {"b": value}

    return adapt(lambda copy: changed(base, **{place: method}), 1, OPTIONS)


def refusal(play):
    """The message of what the checker says, None if it says nothing."""
    with limited():
        try:
            play()
        except (TeamEnvError, SettingError) as error:
            message = str(error)
        else:
            return None
    assert len(message) <= MAX_MESSAGE, message[:300]
    assert not any(words in message for words in PYTHON_WORDS if words != "NoneType"), message
    return message


@pytest.mark.parametrize(
    ("base", "place", "kind"),
    [*itertools.product([Of, Zoo], PLACES, VALUES)],
    ids=lambda value: str(value)[-12:],
)
def test_nonsense_of_one_agent_is_named_with_copy_agent_and_step(base, place, kind):
    message = refusal(lambda: check_team_env(spoilt(base, place, VALUES[kind], whole=False, after=2)))
    if (place, kind) in HARMLESS:
        assert message is None, message
    else:
        assert message is not None
        assert "copy 0, agent 'b', step 2" in message, message


@pytest.mark.parametrize(
    ("base", "place", "kind"),
    [*itertools.product([Of, Zoo], PLACES, VALUES)],
    ids=lambda value: str(value)[-12:],
)
def test_nonsense_in_the_place_of_a_dict_is_named(base, place, kind):
    message = refusal(lambda: check_team_env(spoilt(base, place, VALUES[kind], whole=True, after=2)))
    assert message is not None
    expected = "was not announced" if "dict" in kind else "step() returned"
    assert expected in message, message


@pytest.mark.parametrize(("base", "kind"), [*itertools.product([Of, Zoo], ONES)])
def test_every_kind_of_number_is_a_reward(base, kind):
    env = spoilt(base, "pay", ONES[kind], whole=False, after=0)
    env.reset(seed=0)
    assert env.step(np.zeros((1, 2), int)).rewards.tolist() == [2.0]


@pytest.mark.parametrize(("base", "kind"), [*itertools.product([Of, Zoo], VALUES)])
def test_agents_that_are_nonsense_are_named(base, kind):
    def announces(self, config=None):
        base.__init__(self)
        self.possible_agents = VALUES[kind]
        self.agents = []

    message = refusal(lambda: adapt(lambda copy: type("Odd", (base,), {"__init__": announces})(), 1, OPTIONS))
    assert message is not None
    assert message.startswith("env: "), message


@pytest.mark.parametrize(("base", "kind"), [*itertools.product([Of, Zoo], VALUES)])
def test_spaces_that_are_nonsense_are_named(base, kind):
    spaces = {"space": VALUES[kind]}, {"actions": VALUES[kind]}
    for changes, what in zip(spaces, ("observation", "action"), strict=True):
        message = refusal(lambda changes=changes: adapt(lambda copy: changed(base, **changes), 1, OPTIONS))
        assert message is not None
        assert f"{what} space of agent 'a'" in message, message


@pytest.mark.parametrize("options", [5, "state", ["state"], {"state": None}, {"stat": 1}])
def test_options_that_are_nonsense_are_named(options):
    message = refusal(lambda: adapt(lambda copy: Of(), 1, options))
    assert message is not None
    assert message.startswith("team_adapter"), message


@pytest.mark.parametrize("value", [None, 5, [["a"]]])
def test_a_list_of_those_who_act_that_is_none_is_named(value):
    listed = {"listed": lambda self: value if self.time == 2 else list(AGENTS)}

    def end(self):
        self.agents = self.listed()
        return {}

    listed["end"] = end
    message = refusal(lambda: check_team_env(adapt(lambda copy: changed(Zoo, **listed), 1, OPTIONS)))
    assert message is not None
    assert "step 2" in message, message


def test_an_environment_of_the_old_kind_is_told_what_reset_takes():
    for base in (Of, Zoo):
        with pytest.raises(SettingError, match=r"reset\(\) of Changed takes no `seed`; define it as"):
            adapt(lambda copy, base=base: changed(base, reset=lambda self: ({}, {})), 1, OPTIONS)
