"""A team that is read at once shows the same as one that is read agent by agent."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary, Tuple
from pettingzoo import ParallelEnv
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from rllib_remix.envs.checker import TeamEnvError
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.foreign.batches import Batches
from rllib_remix.envs.foreign.rosters import plain_rewards
from rllib_remix.envs.team_env import random_actions
from tests.envs.foreign.games import AGENTS, OPTIONS, Of, Zoo, changed

STATES = {"state": "observations", "episode_limit": 9}
REWARDS = (float, int, np.float32, np.float64, lambda number: np.array([number]))


class Wild:
    """Agents die, leave and (of PettingZoo's) come back, in an order of its own; what they show differs from game to game."""

    def __init__(self, game):
        super().__init__()
        rng = np.random.default_rng(game)
        self.possible_agents = [f"a{index}" for index in range(int(rng.integers(1, 5)))]
        self.masks = ("none", "seen", "told", "some told")[rng.integers(4)]
        self.talks, self.reward = bool(rng.integers(2)), REWARDS[rng.integers(len(REWARDS))]
        self.quiet, self.dtype = float(rng.choice([0, 0.3, 0.9])), rng.choice([np.float32, np.float64])
        shape, grows = ((2,), (2, 3), ())[rng.integers(3)], bool(rng.integers(2))
        self.kinds = {}
        for index, agent in enumerate(self.possible_agents):
            own = (2 + index,) if grows and len(shape) == 1 else shape
            space = Box(0, 9, own, np.uint8 if game % 7 == 0 else np.float32)
            space = MultiBinary(3) if game % 11 == 0 else space
            actions = Discrete(2 + index * grows, start=int(rng.integers(3)))
            if self.masks == "seen":
                space = Dict(observation=space, action_mask=Box(0, 1, (int(actions.n),), np.int8))
            self.kinds[agent] = space, actions
        self.observation_spaces = {agent: spaces[0] for agent, spaces in self.kinds.items()}
        self.action_spaces = {agent: spaces[1] for agent, spaces in self.kinds.items()}
        self.agents, self.got = list(self.possible_agents), []

    def observation_space(self, agent):
        return self.kinds[agent][0]

    def action_space(self, agent):
        return self.kinds[agent][1]

    def reset(self, *, seed=None, options=None):
        self.rng, self.gone = np.random.default_rng(seed), set()
        self.agents, self.time = list(self.possible_agents), 0
        return self.see(self.agents), self.tell(self.agents)

    def see(self, agents):
        if self.rng.random() < 0.3:
            agents = agents[::-1]
        return {agent: self.sight_of(agent) for agent in agents}

    def sight_of(self, agent):
        space, actions = self.kinds[agent]
        inner = space["observation"] if self.masks == "seen" else space
        seen = self.rng.integers(0, 2, inner.shape).astype(
            self.dtype if inner.dtype.kind == "f" else inner.dtype
        )
        if self.masks != "seen":
            return seen.tolist() if self.rng.random() < 0.1 else seen
        return {"observation": seen, "action_mask": self.mask(actions)}

    def mask(self, actions):
        mask = self.rng.integers(0, 2, actions.n).astype(self.rng.choice([np.int8, bool]))
        mask[self.rng.integers(actions.n)] = 1
        return mask

    def tell(self, agents):
        infos = {agent: {} for agent in agents if self.rng.random() < 0.9}
        for agent, info in infos.items():
            if self.masks == "told" or (self.masks == "some told" and self.rng.random() < 0.8):
                info["action_mask"] = self.mask(self.kinds[agent][1])
            if self.talks and self.rng.random() < 0.5:
                info["luck"] = self.rng.random()
        return infos if infos and self.rng.random() < 0.7 else infos or {}

    def step(self, actions):
        self.got.append(list(actions.items()))
        self.time += 1
        played = list(self.agents)
        died = [agent for agent in played if self.rng.random() > 0.8 + self.quiet / 5]
        self.agents = [agent for agent in played if agent not in died]
        rewards = {agent: self.reward(self.rng.normal()) for agent in played}
        flags = {agent: agent in died for agent in played}
        return self.see(self.shown(played)), rewards, flags, self.cut(played), self.tell(played)


class WildZoo(Wild, ParallelEnv):
    metadata = {"name": "wild"}  # noqa: RUF012

    def shown(self, played):
        back = [agent for agent in self.possible_agents if agent not in played and self.rng.random() < 0.1]
        self.agents += back
        if self.agents and self.rng.random() < 0.05:
            left = self.agents.pop()  # without a flag
            return [agent for agent in played if agent != left] + [a for a in back if a != left]
        return played + back

    def cut(self, played):
        return {agent: self.rng.random() < 0.02 for agent in played}


class WildRLlib(Wild, MultiAgentEnv):
    def shown(self, played):
        return played

    def cut(self, played):
        return {"__all__": bool(self.rng.random() < 0.05 or not self.agents)}


def played(make, game, *, at_once, steps=40):
    """All that 3 copies show, what reached them, and how many steps were read at once."""
    env = adapt(lambda copy: make(game), 3, STATES)
    if not at_once:
        env._batches._is_possible = False
    rng, seen, count = np.random.default_rng(game), [], 0
    step = env.reset(game)
    for _ in range(steps):
        arrays = (*step[:6], *(step.info[name] for name in sorted(step.info)))
        seen.append([array.tobytes() for array in arrays])
        count += sum(roster is not None for roster in env._rosters)
        try:
            step = env.step(random_actions(step.avail_actions, rng))
        except TeamEnvError as error:
            seen.append(str(error))
            break
    return seen, [copy.got for copy in env.envs], count


@pytest.mark.parametrize("make", [WildZoo, WildRLlib])
def test_a_team_read_at_once_shows_and_does_the_same_as_agent_by_agent(make):
    counts = []
    for game in range(40):
        seen, got, count = played(make, game, at_once=True)
        each_seen, each_got, none = played(make, game, at_once=False)
        assert seen == each_seen, game
        assert got == each_got, game
        assert none == 0
        counts.append(count)
    assert np.mean(np.array(counts) > 20) > 0.4  # so that it was tried


@pytest.mark.parametrize("base", [Zoo, Of])
def test_an_ordinary_team_is_read_at_once_whatever_the_type_of_its_dicts(base, monkeypatch):
    from collections import defaultdict

    env = adapt(
        lambda _: changed(base, pay=lambda self: defaultdict(int, dict.fromkeys(AGENTS, np.float32(1)))),
        2,
        OPTIONS,
    )
    env.reset(0)
    monkeypatch.setattr(env, "_take_step", lambda copy, result: pytest.fail("agent by agent"))
    for _ in range(4):
        step = env.step(np.zeros((2, 2), int))
    assert step.rewards.tolist() == [2, 2]
    assert step.obs[0].tolist() == [[5, 5], [5, 5]]


@pytest.mark.parametrize(
    ("strange", "why"),
    [
        (np.array([1, None], object), "no number"),
        (np.array(["1", "2"]), "no number"),
        (np.array([1, 2j]), "no number"),
        (np.ones((2, 1)), "shape"),
        (np.ones(3), "shape"),
        (np.array([1, np.nan]), "NaN"),
        (np.array([1, 1e300]), "NaN"),
    ],
)
def test_what_one_agent_shows_amiss_is_not_read_over_among_the_others(strange, why):
    def see(self):
        return {"a": np.zeros(2, np.float32), "b": strange if self.time == 2 else np.zeros(2, np.float32)}

    env = adapt(lambda _: changed(Zoo, see=see), 2, OPTIONS)
    env.reset(0)
    env.step(np.zeros((2, 2), int))
    with pytest.raises(TeamEnvError, match=f"copy 0, agent 'b', step 2 of the episode: .*{why}"):
        env.step(np.zeros((2, 2), int))


def test_numbers_beyond_a_small_integer_type_are_not_cut_off():
    space = Box(0, 255, (2,), np.uint8)
    seen = {"a": np.array([1, 300]), "b": np.zeros(2, np.uint8)}
    env = adapt(
        lambda _: changed(Zoo, observation_space=lambda self, agent: space, see=lambda self: seen), 1, OPTIONS
    )
    with pytest.raises(TeamEnvError, match="cannot hold"):
        env.reset(0)


def test_rewards_are_plain_only_if_each_is_finite_and_their_sum_too():
    assert plain_rewards((1.5, np.float32(2), 3)) == [1.5, 2.0, 3.0]
    for rewards in (
        (1.0, np.nan),
        (np.inf, -np.inf),
        (1e39, -1e39),
        (3e38, 3e38),
        (True,),
        (None,),
        (10**400,),
    ):
        assert plain_rewards(rewards) is None


def test_no_batch_is_made_of_spaces_that_differ_in_kind():
    spaces = {"a": Discrete(3), "b": Box(0, 1, (2,))}
    env = adapt(
        lambda _: changed(
            Zoo,
            observation_space=lambda self, agent: spaces[agent],
            see=lambda self: {"a": 1, "b": np.ones(2)},
        ),
        1,
        OPTIONS,
    )
    assert isinstance(env._batches, Batches)
    assert env.reset(0).obs[0].tolist() == [[0, 1, 0], [1, 1, 0]]


class Foragers(gym.Env):
    """Two agents of gymnasium's kind, with one entry for each in every list."""

    observation_space = Tuple((Box(0, 9, (2,)), Box(0, 9, (2,))))
    action_space = Tuple((Discrete(3), Discrete(3)))

    def reset(self, *, seed=None, options=None):
        self.time = 0
        return self.see(), {}

    def see(self):
        return tuple(np.full(2, self.time + slot, np.float32) for slot in range(2))

    def step(self, actions):
        self.time += 1
        over = self.flag(self.time == 4)
        return self.see(), [float(self.time), 0.5], over, self.flag(False), {}

    flag = bool


def test_lists_of_one_flag_are_read_at_once_and_show_what_lists_of_flags_show(monkeypatch):
    class Flagged(Foragers):
        def flag(self, value):
            return [bool(value)] * 2

    shown = []
    for make in (Foragers, Flagged):
        env = adapt(lambda _, make=make: make(), 2, OPTIONS)
        step = env.reset(0)
        for _ in range(12):
            shown.append([array.tobytes() for array in step[:6]])
            step = env.step(np.ones((2, 2), int))
    assert shown[:12] == shown[12:]
    env = adapt(lambda _: Foragers(), 2, OPTIONS)
    env.reset(0)
    monkeypatch.setattr(env, "_take_step", lambda copy, result: pytest.fail("agent by agent"))
    assert env.step(np.ones((2, 2), int)).rewards.tolist() == [1.5, 1.5]


def test_who_leaves_without_a_flag_but_is_still_shown_does_not_act_on():
    def end(self):
        self.agents = ["a"] if self.time >= 2 else list(AGENTS)
        return dict.fromkeys(AGENTS, False)

    env = adapt(lambda _: changed(Zoo, end=end), 1, OPTIONS)
    env.reset(0)
    for _ in range(3):
        step = env.step(np.zeros((1, 2), int))
    assert step.obs[0].tolist() == [[4, 4], [0, 0]]
    assert step.avail_actions[0].tolist() == [[True] * 3, [True, False, False]]
    assert [sorted(sent) for sent in env.envs[0].got] == [["a", "b"], ["a", "b"], ["a"]]
