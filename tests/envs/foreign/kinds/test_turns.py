import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from pettingzoo import AECEnv

from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.foreign import options
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.foreign.kinds.parallel_env import ParallelEnvAdapter
from rllib_remix.envs.foreign.kinds.turns import TurnsEnvAdapter
from tests.envs.foreign.play import played

OPTIONS = {"state": "observations", "episode_limit": 9}
AGENTS = ["x", "y"]


class Rows(AECEnv):
    """x and y move in turn, six times together; whoever moves pays 1, and the other earns 3."""

    metadata = {"name": "rows_v0"}  # noqa: RUF012
    render_mode = None

    def __init__(self, end="terminations"):
        self.possible_agents = list(AGENTS)
        self.agents = []
        self.end = end
        self.got = []

    def observation_space(self, agent):
        return Dict(observation=Box(0, 99, (2,)), action_mask=MultiBinary(3))

    def action_space(self, agent):
        return Discrete(3)

    def observe(self, agent):
        mask = np.array([0, 1, 1], np.int8) * (agent == self.agent_selection)
        return {
            "observation": np.array([self.time + 1, AGENTS.index(agent)], np.float32),
            "action_mask": mask,
        }

    def reset(self, seed=None, options=None):
        self.seed, self.time = seed, 0
        self.agents = list(AGENTS)
        self.agent_selection = "x"
        self.rewards, self._cumulative_rewards = dict.fromkeys(AGENTS, 0), dict.fromkeys(AGENTS, 0)
        self.terminations, self.truncations = dict.fromkeys(AGENTS, False), dict.fromkeys(AGENTS, False)
        self.infos = {agent: {"turn": 0} for agent in AGENTS}

    def step(self, action):
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self.got.append((agent, action))
        self.time += 1
        self.rewards = {other: -1.0 if other == agent else 3.0 for other in AGENTS}
        self.infos = {other: {"turn": self.time} for other in AGENTS}
        if self.time == 6:
            setattr(self, self.end, dict.fromkeys(AGENTS, True))
        self.agent_selection = AGENTS[self.time % 2]


def test_agents_that_take_turns_wait_for_each_other():
    env = adapt(lambda copy: Rows(), 2, OPTIONS)
    assert isinstance(env, TurnsEnvAdapter)
    step = played(env, [[1, 0], [0, 2]])[1]
    assert env.envs[0].env.got == [("x", 1), ("y", 2)]
    assert step.obs[0].tolist() == [[0, 0], [2, 1]]
    assert step.avail_actions[0].tolist() == [[True, False, False], [False, True, True]]
    check_team_env(env)


def test_all_rewards_of_a_turn_are_the_team_s():
    actions = [[1, 0], [0, 1]] * 3
    steps = played(adapt(lambda copy: Rows(), 1, OPTIONS), actions)
    assert [float(step.rewards[0]) for step in steps[1:]] == [2] * 6  # 3 - 1
    assert steps[-1].info_of(0) == {"turn": 6}


@pytest.mark.parametrize("end", ["terminations", "truncations"])
def test_the_end_shows_what_all_see(end):
    last = played(adapt(lambda copy: Rows(end), 1, OPTIONS), [[1, 0], [0, 1]] * 3)[-1]
    assert (bool(last.terminated[0]), bool(last.truncated[0])) == (
        end == "terminations",
        end == "truncations",
    )
    assert last.obs[0].tolist() == [[7, 0], [7, 1]]


def test_agents_that_act_together_where_the_environment_says_so_are_converted():
    class Together(Rows):
        metadata = {"name": "rows_v0", "is_parallelizable": True}  # noqa: RUF012

        def observe(self, agent):
            return {"observation": np.zeros(2, np.float32), "action_mask": np.ones(3, np.int8)}

    env = adapt(lambda copy: Together(), 1, OPTIONS)
    assert isinstance(env, ParallelEnvAdapter)
    assert played(env, [[1, 2]])[-1].rewards.tolist() == [4]  # of two turns
    assert env.envs[0].aec_env.got == [("x", 1), ("y", 2)]


def test_rllib_s_wrapper_of_turns_is_looked_into():
    from ray.rllib.env.wrappers.pettingzoo_env import PettingZooEnv

    assert isinstance(adapt(lambda copy: PettingZooEnv(Rows()), 1, OPTIONS), TurnsEnvAdapter)


def test_seeds_fit_what_games_in_c_take():
    env = adapt(lambda copy: Rows(), 8, OPTIONS)
    env.reset(seed=0)
    seeds = [copy.env.seed for copy in env.envs]
    assert len({*seeds}) == 8
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize(("cycles", "warned"), [(3, False), (2, True)])
def test_an_announced_limit_counts_cycles_in_which_all_have_a_turn(cycles, warned, caplog):
    class Limited(Rows):
        max_cycles = cycles

    options.say_own_end_is_later.cache_clear()
    env = adapt(lambda copy: Limited(), 1, {"state": "observations"})
    assert env.episode_limit == 2 * cycles
    assert f"episode_limit: {2 * cycles} env steps, from max_cycles, of 2 turns each" in env.assumed
    last = played(env, [[1, 0], [0, 1]] * cycles)[-1]
    assert (bool(last.terminated[0]), bool(last.truncated[0])) == (not warned, warned)
    hint = 'ends by itself 2 steps later, give that: {"team_adapter": {"episode_limit": 6}}'
    assert (hint in caplog.text) == warned
