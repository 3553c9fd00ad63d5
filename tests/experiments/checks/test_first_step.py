"""Mistakes of an author of an environment: each is told in one line before Ray starts, by the command that names it."""

import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from rllib_remix.errors import SettingError
from rllib_remix.experiments.checks.first_step import _try_rllib_environment, try_team_environment

GAME = """
import numpy as np
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv
from ray.rllib.env.multi_agent_env import MultiAgentEnv


class Game(ParallelEnv):
    metadata = {"name": "game"}
    possible_agents = ["a", "b"]
    max_cycles = 4
    action = Discrete(3)

    def __init__(self, size=2, render_mode=None):
        self.size = size

    def observation_space(self, agent):
        return Box(0, 9, (2,))

    def action_space(self, agent):
        return self.action

    def state(self):
        return np.zeros(3, np.float32)

    def see(self):
        return {agent: np.zeros(2, np.float32) for agent in self.agents}

    def tell(self):
        return {agent: {} for agent in self.agents}

    def pay(self):
        return {agent: 1.0 for agent in self.agents}

    def reset(self, seed=None, options=None):
        self.agents = list(self.possible_agents)
        return self.see(), self.tell()

    def step(self, actions):
        flags = {agent: False for agent in self.agents}
        return self.see(), self.pay(), flags, flags, self.tell()


def make(config):
    return Game()


def two(size, length):
    return Game()


class Mistaken(Game):
"""


# What stands in the class, or what is named in its place; settings; what the message says.
NAMES = {
    "a module that is not there": (
        "authord.Game",
        {},
        "No module named 'authord'. Did you mean 'authored.Game'?",
    ),
    "a file that is not there": (
        "authord.py:make",
        {},
        "there is no file 'authord.py'; did you mean 'authored.py'?",
    ),
    "a class that is not there": (
        "authored.Gaem",
        {},
        "authored.py) has no 'Gaem'; did you mean 'authored.Game'?",
    ),
    "a function that is not there": ("authored.py:mak", {}, "has no 'mak'; did you mean 'authored.py:make'?"),
    "no function": (
        "authored.py",
        {},
        "does not say what of it to take; allowed: authored.py:Game, authored.py:make",
    ),
    "a module that makes nothing": (
        "authored",
        {},
        "has no parallel_env, env or raw_env; allowed: what in it",
    ),
    "a function of other arguments": (
        "authored.two",
        {},
        "two(size, length) cannot be called with one argument",
    ),
    "an unknown setting": (
        "authored.Game",
        {"sise": 1},
        "unknown key 'sise'; did you mean 'size'? Allowed: size",
    ),
    "an unknown option": ("authored.Game", {"team_adapter": {"stat": "both"}}, "did you mean 'state'?"),
    "a package that is missing": ("nowhere_to_be_found.Game", {}, "No module named 'nowhere_to_be_found'"),
    "nothing of the kind": ("authored.Discrete", {"n": 2}, "Discrete cannot be adapted"),
}
BODIES = {
    "def reset(self, seed=None, options=None): self.agents = ['a', 'b']; return self.see()": "reset() returned",
    "def reset(self): return super().reset()": "reset() of Mistaken takes no `seed`",
    "def reset(self, seed=None, options=None): return {}, {}": "has no attribute 'agents'",
    "def step(self, actions): return super().step(actions)[:4]": "step() returned",
    "def step(self, actions): return actions['c']": "step() fails with KeyError: 'c' (",
    "possible_agents = []": "Mistaken has no possible_agents",
    "def observation_space(self, agent): return {'a': Box(0, 9, (2,))}[agent]": "asked for its spaces it fails with",
    "def see(self): return {agent: np.zeros(3) for agent in self.agents}": "agent 'a'",
    "def see(self): return {agent: 'seen' for agent in self.agents}": "agent 'a'",
    "def see(self): return {**super().see(), 'c': np.zeros(2)}": "hold 'c' (str), an agent that was not announced",
    "def pay(self): return {agent: float('nan') for agent in self.agents}": "nan",
    "def pay(self): return 1.0": "reward",
    "max_cycles = None": "team_adapter.episode_limit: missing",
    "action = Box(-1, 1, (2,))": "action space of agent 'a': Box",
    "def tell(self): return {a: {'action_mask': np.ones(4)} for a in self.agents}": "action_mask",
    "def tell(self): return {a: {'action_mask': np.zeros(3)} for a in self.agents}": "action_mask leaves no action",
    "def __init__(self, size=2): self.size = int('x')": "making it fails with ValueError: invalid literal",
    "def __init__(self, size=2): import sys; sys.exit('no screen')": "making it fails with SystemExit: no screen",
    "def state(self): raise NotImplementedError('no state')": "team_adapter.state: 'environment' is not possible",
    "def state(self): return 'all'": "the state of Mistaken is of type str and not an array of numbers",
}
OWN_STATE = {"team_adapter": {"state": "environment"}}


@pytest.fixture
def game(tmp_path, monkeypatch):
    """Writes authored.py in an empty current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(body="pass"):
        (tmp_path / "authored.py").write_text(f"{GAME}    {body}\n")

    yield write
    sys.modules.pop("authored", None)


@pytest.mark.parametrize("mistake", NAMES)
def test_a_mistaken_name_or_setting_is_told_before_ray_starts(refused, game, mistake):
    game()
    env, env_config, message = NAMES[mistake]
    told = refused("train", "--algo", "QMIX", "--env", env, "--env-config", env_config)
    assert message in told


@pytest.mark.parametrize("body", BODIES)
def test_a_mistake_in_an_environment_is_told_before_ray_starts(refused, game, body):
    game(body)
    told = refused("train", "--algo", "QMIX", "--env", "authored.Mistaken", "--env-config", OWN_STATE)
    assert BODIES[body] in told


def test_an_error_of_an_environment_names_the_line_of_its_code(refused, game):
    game("def step(self, actions): return 1 / 0")
    line = (GAME + "    x").count("\n") + 1
    told = refused("train", "--algo", "QMIX", "--env", "authored.Mistaken", "--env-config", OWN_STATE)
    assert "env 'authored.Mistaken': step() fails with ZeroDivisionError: division by zero (" in told
    assert f"authored.py:{line})." in told


def test_an_environment_of_rllibs_own_algorithms_takes_its_first_step_too(refused, game):
    game("def step(self, actions): return actions['c']")
    told = refused("train", "--algo", "PPO", "--env", "authored.Mistaken", "--config", {"num_env_runners": 0})
    assert "env 'authored.Mistaken': step() fails with KeyError: 'c'" in told


def test_what_a_team_can_play_is_closed_again(game):
    closed = []

    def make(config):
        import authored

        env = authored.Game()
        env.close = lambda: closed.append(env)
        return env

    game()
    sys.path.append(".")
    try_team_environment(make, {})
    assert len(closed) == 1


class Masked(gym.Env):
    """One action of 50, which changes from one environment to the next, is allowed."""

    observation_space = Box(0, 1, (1,))
    action_space = Discrete(50, start=5)

    def __init__(self, config):
        self.config = config

    def reset(self, *, seed=None, options=None):
        seen, info = {"seen": 0}, {}
        where = info if self.config.get("in_info") else seen
        where[self.config["name"]] = self.config["mask"]
        return seen, info

    def step(self, action):
        assert action == 12
        return {}, 0.0, False, False, {}


class Unmaskable(Masked):
    action_space = MultiDiscrete([3, 3])


class MaskedTeam(MultiAgentEnv):
    """Two agents, of which b has a mask in its info."""

    def __init__(self, config):
        super().__init__()
        self.possible_agents = self.agents = ["a", "b"]
        self.action_spaces = {"a": Discrete(2), "b": Discrete(50)}

    def reset(self, *, seed=None, options=None):
        return {"a": 0, "b": 0}, {"b": {"avail_actions": np.arange(50) == 33}}

    def step(self, actions):
        assert actions.keys() == {"a", "b"}
        assert actions["b"] == 33
        return {}, {}, {"__all__": True}, {"__all__": False}, {}


ONE = (np.arange(50) == 7).astype(np.float32)


@pytest.mark.parametrize(
    ("env", "config"),
    [
        (Masked, {"name": "action_mask", "mask": ONE}),
        (Masked, {"name": "avail_actions", "mask": ONE, "in_info": True}),
        (Masked, {"name": "legal_moves", "mask": [12]}),
        (Unmaskable, {"name": "action_mask", "mask": (np.ones(3, np.int8), np.ones(3, np.int8))}),
        (MaskedTeam, {}),
    ],
)
def test_the_first_step_keeps_to_action_masks_and_is_left_out_where_one_cannot_be_read(env, config):
    _try_rllib_environment(env, config)


def test_the_first_step_is_the_same_on_every_call_and_leaves_shared_spaces_alone():
    taken = []

    class Free(Masked):
        action_space = Discrete(10**6)

        def reset(self, *, seed=None, options=None):
            return 0, {}

        def step(self, action):
            taken.append(action)
            return 0, 0.0, False, False, {}

    Free.action_space.seed(1)
    for _ in range(2):
        _try_rllib_environment(Free, {})
    assert taken[0] == taken[1]
    assert Free.action_space.sample() == Discrete(10**6, seed=1).sample()


def test_a_close_that_fails_hides_no_error_of_before(game):
    game("def step(self, actions): return 1 / 0\n    def close(self): raise OSError('no close')")
    with pytest.raises(SettingError, match=r"step\(\) fails with ZeroDivisionError"):
        try_team_environment("authored.Mistaken", OWN_STATE)
    sys.modules.pop("authored")
    game("def close(self): raise OSError('no close')")
    with pytest.raises(SettingError, match=r"close\(\) fails with OSError: no close"):
        try_team_environment("authored.Mistaken", OWN_STATE)
