import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete, Tuple
from gymnasium.wrappers import TimeLimit

from rllib_remix.envs.checker import TeamEnvError, check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.foreign.kinds.lists import ListEnvAdapter
from rllib_remix.errors import SettingError
from tests.envs.foreign.play import played

SEEN, STATE = {"state": "observations", "episode_limit": 6}, {"episode_limit": 6}


class Pair(gym.Env):
    """Two agents see the time and are paid 1 and 3; tests change its methods."""

    def __init__(self):
        self.observation_space = Tuple([Box(0, 99, (2,)), Box(0, 99, (1,))])
        self.action_space = Tuple([Discrete(2), Discrete(3, start=1)])
        self.got = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.time = 0
        return self.see(), self.tell()

    def step(self, actions):
        self.got.append(actions)
        self.time += 1
        return self.see(), self.pay(), *self.end(), self.tell()

    def see(self):
        return tuple(np.full(k, self.time + 1, np.float32) for k in (2, 1))

    def pay(self):
        return [1.0, 3.0]

    def end(self):
        return self.time >= 6, False

    def tell(self):
        return {}


def pair(**changes):
    return type("Changed", (Pair,), changes)()


def test_copies_that_are_one_environment_are_refused():
    env = pair()
    with pytest.raises(SettingError, match="returned the same environment twice"):
        adapt(lambda copy: env, 2, SEEN)


def test_lists_are_read_in_slot_order():
    env = adapt(lambda copy: Pair(), 2, SEEN)
    assert isinstance(env, ListEnvAdapter)
    assert (env.spec.agents, env.n_actions, env.obs_dim) == (("agent_0", "agent_1"), 3, 2)
    step = played(env, [[1, 2]])[-1]
    assert step.obs[1].tolist() == [[2, 2], [2, 0]]
    assert step.avail_actions[1].tolist() == [[True, True, False], [True] * 3]
    assert step.rewards.tolist() == [4, 4]
    assert env.envs[1].env.got == [(1, 3)]  # Discrete(3, start=1)
    assert {type(action) for action in env.envs[1].env.got[0]} == {int}
    check_team_env(env)


def test_lists_need_no_ray():
    code = (
        "import sys; from tests.envs.foreign.kinds.test_lists import Pair, SEEN;"
        "from rllib_remix.envs.foreign.adapters import adapt;"
        "adapt(lambda copy: Pair(), 1, SEEN); sys.exit('ray' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("team_reward", ["sum", "mean"])
@pytest.mark.parametrize("reward", [5, np.float64(5), np.array([5.0])[0], np.array(5)])
def test_one_reward_is_the_team_s(reward, team_reward):
    env = adapt(lambda copy: pair(pay=lambda self: reward), 1, {**SEEN, "team_reward": team_reward})
    assert played(env, [[0, 0]])[-1].rewards.tolist() == [5]


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ((True, False), (True, False)),
        ((False, True), (False, True)),
        ((True, True), (True, False)),
        (([True, True], False), (True, False)),
        ((np.array([True, True]), np.array([False, False])), (True, False)),
        (([False, False], [True, True]), (False, True)),
        (([True, False], [False, True]), (False, True)),
        (([True, True], True), (True, False)),
        (([True, False], True), (False, True)),
        (([True, False], [False, False]), (False, False)),
        (([0, 0], None), (False, False)),
    ],
)
def test_an_episode_ends_by_one_flag_or_when_all_agents_are_flagged(flags, expected):
    step = played(adapt(lambda copy: pair(end=lambda self: flags), 1, SEEN), [[0, 0]])[-1]
    assert (bool(step.terminated[0]), bool(step.truncated[0])) == expected


def test_a_time_limit_truncates():
    env = adapt(lambda copy: TimeLimit(Pair(), max_episode_steps=3), 1, SEEN)
    last = played(env, [[0, 0]] * 3)[-1]
    assert (last.terminated.tolist(), last.truncated.tolist()) == ([False], [True])
    assert last.obs[0, 0].tolist() == [4, 4]


def test_an_agent_that_is_flagged_alone_acts_no_more():
    env = adapt(lambda copy: pair(end=lambda self: ([True, self.time == 3], False)), 1, SEEN)
    *_, second, third = played(env, [[1, 2], [0, 1], [0, 0]])
    assert second.obs[0].tolist() == [[0, 0], [3, 0]]
    assert second.avail_actions[0].tolist() == [[True, False, False], [True] * 3]
    assert env.envs[0].env.got == [(1, 3), (0, 2), (0, 1)]
    assert third.terminated.all()


def test_an_agent_whose_flag_is_taken_back_is_named():
    env = adapt(lambda copy: pair(end=lambda self: ([self.time == 1, False], False)), 1, SEEN)
    with pytest.raises(
        TeamEnvError, match=r"Changed, step 2 .*agent_0 was terminated before and is flagged no"
    ):
        played(env, [[0, 0], [0, 0]])


MASKS = [[1, 0], [0, 1, 1]]


@pytest.mark.parametrize(
    "changes",
    [
        {"tell": lambda self: {"avail_actions": MASKS, "won": 1}},
        {"tell": lambda self: {"action_mask": tuple(np.array(m, bool) for m in MASKS), "won": 1}},
        {"tell": lambda self: {"action_mask": np.array([[1, 0, 0], [0, 1, 1]]), "won": 1}},  # padded
        {"get_avail_actions": lambda self: MASKS, "tell": lambda self: {"won": 1}},
        {"tell": lambda self: [{"action_mask": np.array(m), "won": 1} for m in MASKS]},
    ],
)
def test_masks_are_found_wherever_they_are(changes):
    env = adapt(lambda copy: pair(**changes), 1, SEEN)
    step = played(env, [[0, 1]])[-1]
    assert step.avail_actions[0].tolist() == [[True, False, False], [False, True, True]]
    assert step.info_of(0) == {"won": 1}
    with pytest.raises(
        TeamEnvError, match=r"agent 'agent_1', step 1 .*action 0 is not available; allowed: 1, 2"
    ):
        env.step(np.array([[0, 0]]))


def test_masks_of_one_length_say_which_actions_are_an_agent_s():
    masks = [[1, 1, 1, 1], [1, 0, 0, 0]]
    space = Tuple([Discrete(3), Discrete(4)])  # in another order than the masks

    def make(copy):
        env = pair(n_actions=4, get_avail_actions=lambda self: masks)
        env.action_space = space
        return env

    env = adapt(make, 1, SEEN)
    assert env.reset(seed=0).avail_actions[0].tolist() == np.array(masks, bool).tolist()


def test_an_agent_without_any_action_is_named_unless_the_episode_is_over():
    def tell(self):
        return {"action_mask": [[self.time < 2] * 2, [self.time < 2] * 3]}

    env = adapt(lambda copy: pair(tell=tell, end=lambda self: (self.time == 2, False)), 1, SEEN)
    assert played(env, [[0, 0]] * 2)[-1].terminated.all()
    env = adapt(lambda copy: pair(tell=tell), 1, SEEN)
    with pytest.raises(TeamEnvError, match=r"agent 'agent_0', step 2 .*leaves no action available"):
        played(env, [[0, 0]] * 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"tell": lambda self: {"state": np.array([self.time, 7])}},
        {"get_state": lambda self: np.array([self.time, 7])},
        {"state": lambda self: np.array([self.time, 7])},
    ],
)
def test_the_state_is_found_wherever_it_is(changes):
    assert played(adapt(lambda copy: pair(**changes), 1, STATE), [[0, 0]])[-1].state.tolist() == [[1, 7]]


def test_no_state_where_one_is_asked_for_is_an_error_that_says_where_it_may_be():
    with pytest.raises(SettingError, match=r'Pair has no get_state\(\), state\(\) or "state" in the info'):
        adapt(lambda copy: Pair(), 1, {**STATE, "state": "environment"})


def test_one_reward_for_the_team_is_no_agents():
    def make(copy):
        return pair(pay=lambda self: 3.0)

    for which in ("sum", "mean"):
        step = played(adapt(make, 1, {**SEEN, "team_reward": which}), [[0, 0]])[-1]
        assert step.rewards.tolist() == [3.0]
    env = adapt(make, 1, {**SEEN, "episode_limit": 2})
    played(env, [[0, 0]])
    assert env.step(np.zeros((1, 2), int)).agent_returns.tolist() == [[6.0, 6.0]]
    with pytest.raises(
        TeamEnvError, match=r"one for the team, so that team_adapter\.team_reward cannot be that of an"
    ):
        played(adapt(make, 1, {**SEEN, "team_reward": "agent_1"}), [[0, 0]])


def test_one_space_holds_for_all_where_the_number_of_agents_is_known():
    def make(copy):
        env = pair(n_agents=2, see=lambda self: [np.full(2, 3.0)] * 2)
        env.observation_space, env.action_space = Box(0, 9, (2,)), Discrete(4)
        return env

    env = adapt(make, 1, SEEN)
    assert (env.n_agents, env.n_actions) == (2, 4)
    assert env.reset(seed=0).obs.tolist() == [[[3, 3], [3, 3]]]


def test_what_all_see_may_come_once():
    def make(copy):
        env = pair(agents=["x", "y"], see=lambda self: np.arange(6, dtype=np.uint8).reshape(3, 2))
        env.observation_space, env.action_space = Box(0, 9, (3, 2), np.uint8), Discrete(4)
        return env

    assert adapt(make, 1, SEEN).reset(seed=0).obs.tolist() == [[[*range(6)]] * 2]


def test_beside_a_tuple_of_observations_a_multi_discrete_has_an_action_for_each_agent():
    def make(copy):
        env = Pair()
        env.action_space = MultiDiscrete([2, 3])
        return env

    env = adapt(make, 1, SEEN)
    played(env, [[1, 2]])
    assert env.envs[0].env.got == [(1, 2)]


def test_actions_of_several_parts_are_sent_in_their_own_form():
    def make(copy):
        env = Pair()
        env.action_space = (MultiDiscrete([2, 3]), Tuple([Discrete(2), Discrete(2, start=5)]))
        return env

    env = adapt(make, 1, SEEN)
    assert env.n_actions == 6
    played(env, [[4, 3]])
    first, second = env.envs[0].env.got[0]
    assert (first.tolist(), second) == ([1, 1], (1, 6))  # 4 = 1·3 + 1, 3 = 1·2 + 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"see": lambda self: (np.ones(2),)},
            "step 0 .*the observations: got a tuple of 1, expected 2, one for each",
        ),
        (
            {"see": lambda self: {"a": 1}},
            "the observations: got {'a': 1}, of type dict, expected 2 in a tuple",
        ),
        (
            {"pay": lambda self: [1.0]},
            "step 1 .*the rewards: got a list of 1, expected 2, one for each agent",
        ),
        (
            {"pay": lambda self: "much"},
            "the rewards: got 'much', of type str, expected 2 in a list, or one number",
        ),
        ({"pay": lambda self: [1.0, np.nan]}, "copy 0, agent 'agent_1', step 1 .*the reward is nan"),
        (
            {"end": lambda self: ("no", False)},
            "terminated: got 'no', of type str, expected True, False or 2 of them",
        ),
        ({"end": lambda self: (False, [True])}, "truncated: got a list of 1, expected 2"),
        ({"tell": lambda self: "done"}, "the info: got 'done', of type str, expected a dict"),
        ({"tell": lambda self: {"action_mask": [1, 1, 1]}}, "action_mask: got a list of 3, expected 2"),
        (
            {"tell": lambda self: {"action_mask": [[1], [1, 1, 1]]}},
            r"agent 'agent_0'.* shape \(1,\), expected \(2,\)",
        ),
        (
            {"reset": lambda self, seed=None, options=None: 3},
            r"reset\(\): got 3, of type int, expected a tuple of 2",
        ),
        ({"step": lambda self, actions: (1, 2, 3, 4)}, r"step\(\): got a tuple of 4, expected a tuple of 5"),
    ],
)
def test_what_is_no_list_for_each_agent_is_named(changes, message):
    with pytest.raises(TeamEnvError, match=message):
        played(adapt(lambda copy: pair(**changes), 1, SEEN), [[0, 0]])


def test_spaces_of_unlike_lengths_are_named():
    def make(copy):
        env = Pair()
        env.action_space = Tuple([Discrete(2)] * 3)
        return env

    with pytest.raises(SettingError, match="Pair has 2 observation spaces and 3 action spaces"):
        adapt(make, 1, SEEN)


def test_an_environment_of_one_agent_is_told_so():
    class Alone(gym.Env):
        observation_space, action_space = Box(0, 1, (2,)), Discrete(2)

    with pytest.raises(
        SettingError, match=r"Alone cannot be adapted: it has one agent.*RLlib's own PPO or DQN"
    ):
        adapt(lambda copy: TimeLimit(Alone(), max_episode_steps=3), 1, SEEN)


def test_several_copies_in_one_are_told_to_come_alone():
    with pytest.raises(SettingError, match="cannot be adapted: it is several copies in one; give one copy"):
        adapt(lambda copy: gym.make_vec("CartPole-v1", num_envs=2), 1, SEEN)


@pytest.mark.parametrize("side", [2, 3])
def test_a_row_of_one_box_is_what_an_agent_sees_if_there_is_one_for_each(side):
    class Rows(Pair):
        def __init__(self):
            super().__init__()
            self.observation_space = Box(0, np.full((side, 4), [[9]] * (side - 1) + [[99]]), dtype=np.float32)

        def see(self):
            return np.arange(side * 4, dtype=np.float32).reshape(side, 4)

    env = adapt(lambda copy: Rows(), 1, SEEN)
    seen = env.reset(seed=0).obs[0]
    assert seen.tolist() == ([[0, 1, 2, 3], [4, 5, 6, 7]] if side == 2 else [list(range(12))] * 2)
    assert any("a row for each agent" in line for line in env.assumed) == (side == 2)
    step = env.step(np.array([[0, 1]]))
    assert (step.obs[0] == seen).all()
