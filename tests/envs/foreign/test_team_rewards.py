"""What a team is paid: by the agent whose action it was, and out of the rewards that were given."""

from itertools import product

import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete
from pettingzoo import ParallelEnv

from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.matrix_games import MatrixGame


@pytest.mark.parametrize("agents", [2, 3])
def test_the_first_axis_of_a_payoff_is_the_first_agents_action(agents):
    payoff = np.arange(3**agents, dtype=np.float32).reshape((3,) * agents)  # no two alike
    for actions in product(range(3), repeat=agents):
        game = MatrixGame(payoff)
        game.reset()
        assert game.step(np.array([actions])).rewards.tolist() == [payoff[actions]]


class PaidInTurn(ParallelEnv):
    """Three agents; at step t all but number t receive t + 1, 10·(t + 1), 100·(t + 1), and at step 3 nobody does."""

    metadata = {"name": "paid_in_turn"}  # noqa: RUF012
    max_cycles = 4
    possible_agents = ["a", "b", "c"]  # noqa: RUF012

    def observation_space(self, agent):
        return Box(0, 1, (1,), np.float32)

    def action_space(self, agent):
        return Discrete(2)

    def reset(self, seed=None, options=None):
        self.agents, self.time = list(self.possible_agents), 0
        return self._seen(), {agent: {} for agent in self.agents}

    def step(self, actions):
        paid = {
            agent: float(10**index * (self.time + 1))
            for index, agent in enumerate(self.possible_agents)
            if index != self.time and self.time < 3
        }
        self.time += 1
        flags = dict.fromkeys(self.agents, False)
        ends = dict.fromkeys(self.agents, self.time == self.max_cycles)
        seen, infos = self._seen(), {agent: {} for agent in self.agents}
        if self.time == self.max_cycles:
            self.agents = []
        return seen, paid, flags, ends, infos

    def _seen(self):
        return {agent: np.zeros(1, np.float32) for agent in self.agents}

    def state(self):
        return np.zeros(1, np.float32)


@pytest.mark.parametrize(
    ("team_reward", "expected"),
    # Each time of two agents; b is the one that is not paid at the second step.
    [("sum", [110.0, 202.0, 33.0, 0.0]), ("mean", [55.0, 101.0, 16.5, 0.0]), ("b", [10.0, 0.0, 30.0, 0.0])],
)
def test_a_team_reward_is_over_the_rewards_that_were_given(team_reward, expected):
    env = adapt(lambda _: PaidInTurn(), options={"team_reward": team_reward})
    env.reset()
    assert [float(env.step(np.zeros((1, 3), int)).rewards[0]) for _ in range(4)] == expected


def test_what_each_agent_received_is_told_of_every_episode_that_is_over():
    env = adapt(lambda _: PaidInTurn(), num_envs=2, options={"team_reward": "mean"})
    env.reset()
    for _ in range(2):  # the second episode begins at 0
        for _ in range(4):
            step = env.step(np.zeros((2, 3), int))
        # a is paid at steps 2 and 3, b at 1 and 3, c at 1 and 2.
        assert step.truncated.all()
        assert step.agent_returns.tolist() == [[2 + 3, 10 + 30, 100 + 200]] * 2
        step = env.step(np.zeros((2, 3), int))
