import json
import os
import subprocess
import sys

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv
from ray.rllib.env.multi_agent_env import MultiAgentEnv
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv

from rllib_remix.envs.checker import TeamEnvError, check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.foreign.agent_order import announced_agents
from rllib_remix.envs.parallel import TeamParallelEnv
from rllib_remix.envs.registry import make_team_env
from rllib_remix.envs.team_env import TeamSpec, other_agents
from rllib_remix.errors import SettingError

OPTIONS = {"state": "observations", "episode_limit": 2}
SHIPS = ("tug", "ferry", "barge", "pilot")  # in no alphabetical order


class Harbour(ParallelEnv):
    """Each ship sees its own number, so that it can be told in which slot it sits."""

    metadata = {"name": "harbour"}  # noqa: RUF012
    max_cycles = 2

    def __init__(self, ships=SHIPS):
        self.possible_agents = ships
        self.agents = []

    def observation_space(self, agent):
        return Box(0, 9, (1,))

    def action_space(self, agent):
        return Discrete(2)

    def _see(self):
        return {ship: np.full(1, SHIPS.index(ship), np.float32) for ship in SHIPS}

    def reset(self, seed=None, options=None):
        self.agents = list(SHIPS)
        return self._see(), {}

    def step(self, actions):
        self.agents = []
        return self._see(), dict.fromkeys(SHIPS, 1.0), dict.fromkeys(SHIPS, True), {}, {}


class Renamed(ParallelPettingZooEnv):
    """A user's class on top of RLlib's wrapper."""


class OwnWrapper(MultiAgentEnv):
    """A wrapper that makes the same mistake as RLlib's, with other means."""

    def __init__(self, env):
        super().__init__()
        self.env = env
        self.agents = self.possible_agents = list({*env.possible_agents})

    def get_observation_space(self, agent):
        return self.env.observation_space(agent)

    def get_action_space(self, agent):
        return self.env.action_space(agent)

    def reset(self, *, seed=None, options=None):
        return self.env.reset(seed=seed)

    def step(self, actions):
        observations, rewards, ends, cuts, infos = self.env.step(actions)
        return observations, rewards, ends | {"__all__": True}, cuts, infos


class OfIds(OwnWrapper):
    """Lists its agents as RLlib's base class does: from a set of ids."""

    def __init__(self, env):
        self._agent_ids = {*env.possible_agents}
        MultiAgentEnv.__init__(self)
        self.inside = env

    env = property(lambda self: Inside(self.inside))


class Inside:
    """A PettingZoo environment whose agents nobody sees."""

    def __init__(self, env):
        self.observation_space, self.action_space = env.observation_space, env.action_space
        self.reset, self.step = env.reset, env.step


MAKERS = {
    "a list": Harbour,
    "a tuple": lambda: Harbour(tuple(SHIPS)),
    "a set": lambda: Harbour({*SHIPS}),
    "the keys of a dict": lambda: Harbour({ship: 1 for ship in {*SHIPS}}.keys()),
    "RLlib's wrapper": lambda: ParallelPettingZooEnv(Harbour()),
    "a class of RLlib's wrapper": lambda: Renamed(Harbour()),
    "a wrapper of somebody": lambda: OwnWrapper(Harbour()),
    "RLlib's set of ids": lambda: OfIds(Harbour()),
}
SORTED = {"a set", "the keys of a dict", "RLlib's set of ids"}


def slots(make):
    """The agents' names, and which ship sits in which slot by what it sees."""
    env = adapt(lambda copy: make(), 1, OPTIONS)
    return list(env.spec.agents), [SHIPS[int(seen)] for seen in env.reset(seed=0).obs[0, :, 0]]


@pytest.mark.parametrize("kind", MAKERS)
def test_agents_sit_in_the_order_of_the_environment_or_sorted_where_it_has_none(kind):
    expected = sorted(SHIPS) if kind in SORTED else list(SHIPS)
    assert slots(MAKERS[kind]) == (expected, expected)


@pytest.mark.slow
def test_the_order_is_the_same_in_every_process():
    code = (
        "import json; from tests.envs.foreign.test_agent_order import MAKERS, slots;"
        "print(json.dumps([slots(make) for make in MAKERS.values()]), [*{'tug', 'ferry', 'barge', 'pilot'}])"
    )
    told, orders = [], set()
    for seed in "1234":
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        slots_told, _, order = done.stdout.strip().partition("]]] ")
        told.append(json.loads(slots_told + "]]]"))
        orders.add(order)
    assert len(orders) > 1  # the processes do order sets in different ways
    assert all(of_process == told[0] for of_process in told)


def test_numbers_in_names_count_as_numbers():
    env = Harbour({f"ship_{number}" for number in range(12)})
    assert announced_agents(env) == [f"ship_{number}" for number in range(12)]
    assert announced_agents(Harbour({10, 9, 2})) == [2, 9, 10]


def test_an_array_of_agents_is_a_list():
    assert announced_agents(Harbour(np.array(["b", "a"]))) == ["b", "a"]


@pytest.mark.parametrize(
    ("announced", "message"),
    [
        ("agents", "'agents', of type str; allowed: a list"),
        (4, "4, of type int; allowed: a list"),
        ((ship for ship in SHIPS), "of type generator; allowed: a list"),
        ([["tug"]], r"the agent \['tug'\], of type list; allowed: strings and numbers"),
        (["0", 0], r"'0' \(str\), 0 \(int\), which have one name"),
        (["tug", "tug"], "which have one name"),
        (["tug", "__all__"], "'__all__' .*is no name of an agent"),
        ([], "has no possible_agents"),
        (None, "has no possible_agents"),
    ],
)
def test_agents_that_cannot_be_are_named(announced, message):
    with pytest.raises(SettingError, match=f"Harbour .*{message}|Harbour announces are {message}"):
        adapt(lambda copy: Harbour(announced), 1, OPTIONS)


def test_an_agent_without_spaces_is_named_with_its_type():
    class Lost(Harbour):
        def observation_space(self, agent):
            return {"tug": Box(0, 9, (1,))}[agent]

    with pytest.raises(SettingError, match=r"Lost announces the agent 'ferry' \(str\).* KeyError: 'ferry'"):
        adapt(lambda copy: Lost(), 1, OPTIONS)


def test_our_environments_name_their_agents_and_their_views_take_the_names_over():
    env = make_team_env("matrix_game")
    assert env.spec.agents == ("agent_0", "agent_1")
    view = TeamParallelEnv(adapt(lambda copy: Harbour(), 1, OPTIONS))
    assert view.possible_agents == list(SHIPS)


@pytest.mark.parametrize(
    "names", [["one"], ["one", "one"], ["a", "b", "a"], [1, 2], [["a"], ["b"]], "ab", 2, len]
)
def test_names_that_are_not_one_for_each_agent_are_refused(names):
    env = make_team_env("matrix_game")
    env.agent_names = names
    with pytest.raises(SettingError, match=r"agent_names of MatrixGame: .*(2 different|a list of) strings"):
        _ = env.spec
    with pytest.raises(TeamEnvError, match="agent_names of MatrixGame"):
        check_team_env(env)


def test_teams_with_unlike_agents_differ_and_unknown_ones_fit_any():
    spec = TeamSpec(2, 3, 4, 5, 6, "float32", "float32", ("a", "b"))
    assert spec.fits(TeamSpec.from_saved(json.loads(json.dumps(spec._asdict()))))
    assert not spec.fits(spec._replace(agents=("b", "a")))
    assert not spec.fits(spec._replace(agents=("a", "c")))
    assert not spec.fits(spec._replace(obs_dim=5))
    old = {name: value for name, value in spec._asdict().items() if name != "agents"}
    assert spec.fits(TeamSpec.from_saved(old))
    assert other_agents(["b", "a"], ("a", "b")) == "the same agents in another order: b, a there, a, b here"
    assert other_agents(["b", "c"], ("a", "b")).startswith("other agents")
