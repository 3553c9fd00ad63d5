import subprocess
import sys

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from pettingzoo import ParallelEnv
from ray.rllib.env.multi_agent_env import MultiAgentEnv

from rllib_remix.envs.checker import TeamEnvError, check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.foreign.kinds.multi_agent_env import MultiAgentEnvAdapter
from rllib_remix.envs.foreign.kinds.parallel_env import ParallelEnvAdapter
from rllib_remix.envs.parallel import parallel_env
from rllib_remix.envs.registry import make_team_env
from rllib_remix.errors import SettingError
from rllib_remix.rollout.building import build_team_env

SIZES = {"ant": 3, "bee": 2}  # numbers in the agents' observations
ACTIONS = {"ant": 2, "bee": 4}


class Meadow(ParallelEnv):
    """Two unlike agents: `script[agent][t]` tells what happens to it at step t, "terminated" or "truncated"."""

    metadata = {"name": "meadow"}  # noqa: RUF012
    max_cycles = 6

    def __init__(self, script=None, mask=None, dtype=np.float32):
        self.possible_agents = list(SIZES)
        self.agents = []
        self.script = script or {}
        self.mask = mask
        self.observation_spaces = {a: Box(0, 9, (k,), dtype) for a, k in SIZES.items()}
        self.action_spaces = {a: Discrete(k) for a, k in ACTIONS.items()}
        self.dtype = dtype
        self.received = []

    def observation_space(self, agent):
        return self.observation_spaces[agent]

    def action_space(self, agent):
        return self.action_spaces[agent]

    def reset(self, seed=None, options=None):
        self.seed = seed
        self.agents = self.possible_agents.copy()
        self.time = 0
        return self._observe(), self._infos()

    def step(self, actions):
        self.received.append(actions)
        self.time += 1
        flags = {a: self.script.get(a, {}).get(self.time, "") for a in self.agents}
        if self.time == self.max_cycles:
            flags = {a: flag or "truncated" for a, flag in flags.items()}
        observations, infos = self._observe(), self._infos()
        self.agents = [a for a, flag in flags.items() if not flag]
        rewards = {a: {"ant": 1.0, "bee": 3.0}[a] for a in flags}
        terminations = {a: flag == "terminated" for a, flag in flags.items()}
        truncations = {a: flag == "truncated" for a, flag in flags.items()}
        return observations, rewards, terminations, truncations, infos

    def _observe(self):
        return {a: np.full(SIZES[a], self.time + 1, self.dtype) for a in self.agents}

    def _infos(self):
        return {a: {} if self.mask is None else {"action_mask": self.mask[a]} for a in self.agents}

    def state(self):
        return np.array([self.time, len(self.agents)])


class Hive(MultiAgentEnv):
    """RLlib agents that take turns: "even" is observed at even times, "odd" at odd times, both at the end."""

    def __init__(self, end="terminated", where="info"):
        super().__init__()
        self.possible_agents = self.agents = ["even", "odd"]
        self.end, self.where = end, where
        inner = {"observation": Discrete(5), "action_mask": MultiBinary(3)}
        if where == "observation":
            inner["state"] = Box(0, 9, (1,))
        self.observation_spaces = {a: Dict(inner) for a in self.agents}
        self.action_spaces = {a: Discrete(3, start=10) for a in self.agents}
        self.received = []

    def reset(self, *, seed=None, options=None):
        self.time = 0
        return self._observe(["even"]), self._infos()

    def step(self, action_dict):
        self.received.append(action_dict)
        self.time += 1
        over = self.time == 4
        observations = self._observe(self.agents if over else [self.agents[self.time % 2]])
        ends = {"terminated": False, "truncated": False, self.end: over}
        flags = {"__all__": ends["terminated"]}, {"__all__": ends["truncated"]}
        return observations, dict.fromkeys(action_dict, 2.0), *flags, self._infos()

    def _observe(self, agents):
        own = {"state": np.array([self.time], np.float32)} if self.where == "observation" else {}
        return {
            a: {"observation": self.time, "action_mask": np.array([0, 1, 1], np.int8), **own} for a in agents
        }

    def _infos(self):
        return {"__common__": {"state": np.array([self.time, 7.0])}} if self.where == "info" else {}


def broken(method, change):
    """A Meadow whose `method` returns `change(self, result)`."""

    def changed(self, *args, **kwargs):
        return change(self, getattr(Meadow, method)(self, *args, **kwargs))

    return type("Broken", (Meadow,), {method: changed})


def played(env, joint_actions, seed=0):
    """Copies of the steps of one episode."""
    steps = [env.reset(seed=seed)]
    for actions in joint_actions:
        steps[-1] = type(steps[-1])(*(np.copy(part) for part in steps[-1][:6]), steps[-1].info)
        steps.append(env.step(np.tile(actions, (env.num_envs, 1))))
    return steps


def test_the_kind_of_environment_picks_the_adapter():
    assert isinstance(adapt(lambda copy: Meadow()), ParallelEnvAdapter)
    assert isinstance(adapt(lambda copy: Hive(), options={"episode_limit": 9}), MultiAgentEnvAdapter)


@pytest.mark.parametrize("env", [object(), MultiAgentEnv])
def test_another_kind_of_environment_is_named(env):
    with pytest.raises(SettingError, match=f"{type(env).__name__} cannot be adapted.*Allowed: a PettingZoo"):
        adapt(lambda copy: env)


def test_parallel_environments_do_not_load_ray():
    code = (
        "import sys; from rllib_remix.envs.foreign.adapters import adapt; from rllib_remix.envs.parallel import parallel_env;"
        "adapt(lambda copy: parallel_env('matrix_game')); sys.exit('ray' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("end", ["terminated", "truncated"])
@pytest.mark.parametrize("where", ["info", "observation"])
def test_adapted_rllib_environments_keep_the_contract(end, where):
    check_team_env(adapt(lambda copy: Hive(end, where), 2, {"episode_limit": 4}), episodes=3)


@pytest.mark.parametrize("state", ["environment", "observations"])
@pytest.mark.parametrize(
    "script", [{}, {"ant": {2: "terminated"}}, {"ant": {2: "truncated"}, "bee": {4: "terminated"}}]
)
def test_adapted_parallel_environments_keep_the_contract(state, script):
    check_team_env(adapt(lambda copy: Meadow(script), 2, {"state": state}), episodes=3)


def test_smaller_agents_are_padded_with_zeros_and_unavailable_actions():
    env = adapt(lambda copy: Meadow(), 2)
    step = env.reset(seed=0)
    assert (env.n_agents, env.n_actions, env.obs_dim, env.state_dim, env.episode_limit) == (2, 4, 3, 2, 6)
    assert step.obs[1].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert step.avail_actions[1].tolist() == [[True, True, False, False], [True] * 4]
    assert step.state.tolist() == [[0, 2], [0, 2]]


@pytest.mark.parametrize(("team_reward", "expected"), [("sum", 4), ("mean", 2)])
def test_the_team_reward_is_the_sum_or_the_mean(team_reward, expected):
    step = played(adapt(lambda copy: Meadow(), 1, {"team_reward": team_reward}), [[0, 0]])[-1]
    assert step.rewards.tolist() == [expected]  # the agents receive 1 and 3


def test_an_agent_that_died_keeps_its_place_and_its_actions_are_not_sent():
    env = adapt(lambda copy: Meadow({"ant": {1: "terminated"}}))
    step = played(env, [[1, 3], [0, 2]])[-1]
    assert step.obs[0].tolist() == [[0, 0, 0], [3, 3, 0]]
    assert step.avail_actions[0, 0].tolist() == [True, False, False, False]
    assert env.envs[0].received == [{"ant": 1, "bee": 3}, {"bee": 2}]
    assert step.rewards.tolist() == [3]  # only the bee is left


@pytest.mark.parametrize(
    ("script", "terminated", "truncated"),
    [
        ({"ant": {2: "terminated"}, "bee": {2: "terminated"}}, True, False),
        ({"ant": {1: "terminated"}, "bee": {2: "terminated"}}, True, False),
        ({"ant": {1: "terminated"}, "bee": {2: "truncated"}}, False, True),
        ({"ant": {1: "truncated"}, "bee": {2: "terminated"}}, False, True),
        ({"ant": {1: "terminated"}}, False, False),
        ({}, False, False),
    ],
)
def test_an_episode_ends_with_its_last_agent(script, terminated, truncated):
    step = played(adapt(lambda copy: Meadow(script)), [[0, 0], [0, 0]])[-1]
    assert (bool(step.terminated[0]), bool(step.truncated[0])) == (terminated, truncated)


def test_the_last_observation_of_a_truncated_episode_is_shown():
    step = played(adapt(lambda copy: Meadow()), [[0, 0]] * 6)[-1]
    assert step.truncated.all()
    assert step.obs[0].tolist() == [[7, 7, 7], [7, 7, 0]]


@pytest.mark.parametrize("death", [2, 6])
def test_an_agent_that_died_shows_nothing_when_the_others_are_truncated(death):
    step = played(adapt(lambda copy: Meadow({"ant": {death: "terminated"}})), [[0, 0]] * 6)[-1]
    assert step.truncated.all()
    assert step.obs[0].tolist() == [[0, 0, 0], [7, 7, 0]]  # the ant died: only the bee would act again


def test_the_episode_limit_truncates_and_the_next_step_resets():
    env = adapt(lambda copy: Meadow(), 1, {"episode_limit": 2})
    steps = played(env, [[0, 0]] * 3)
    assert steps[2].truncated.tolist() == [True]
    assert steps[2].obs[0, 0].tolist() == [3, 3, 3]
    assert steps[3].obs[0, 0].tolist() == [1, 1, 1]
    assert steps[3].rewards.tolist() == [0]
    assert not steps[3].truncated.any()
    assert len(env.envs[0].received) == 2


def test_rllib_agents_that_are_not_observed_wait():
    env = adapt(lambda copy: Hive(), 1, {"episode_limit": 9})
    first, second, *_, last = played(env, [[1, 0], [0, 2], [1, 0], [0, 1]])
    assert first.obs[0].tolist() == [[1, 0, 0, 0, 0], [0] * 5]  # one-hot of the time
    assert first.avail_actions[0].tolist() == [[False, True, True], [True, False, False]]
    assert second.obs[0].tolist() == [[0] * 5, [0, 1, 0, 0, 0]]
    assert second.rewards.tolist() == [2]
    assert env.envs[0].received[:2] == [{"even": 11}, {"odd": 12}]  # Discrete(3, start=10)
    assert last.terminated.tolist() == [True]


def test_an_rllib_agent_that_terminates_does_not_act_on_its_last_observation():
    class Sting(Hive):
        def step(self, action_dict):
            observations, rewards, terminateds, *rest = super().step(action_dict)
            return observations, rewards, {**terminateds, "odd": self.time == 1}, *rest

    step = played(adapt(lambda copy: Sting(), 1, {"episode_limit": 9}), [[1, 0]])[-1]
    assert step.obs[0, 1].tolist() == [0] * 5  # although "odd" was observed
    assert step.avail_actions[0, 1].tolist() == [True, False, False]


@pytest.mark.parametrize(("where", "expected"), [("info", [3, 7]), ("observation", [3])])
def test_the_state_of_rllib_environments_is_found(where, expected):
    env = adapt(lambda copy: Hive(where=where), 1, {"episode_limit": 9})
    assert played(env, [[1, 0], [0, 1], [1, 0]])[-1].state[0].tolist() == expected


def test_no_state_is_an_error_that_names_the_option_if_it_is_asked_for():
    class Stateless(Meadow):
        state = ParallelEnv.state

    with pytest.raises(
        SettingError, match=r'Stateless has no state\(\).*team_adapter=\{"state": "observations"\}'
    ):
        adapt(lambda copy: Stateless(), 1, {"state": "environment"})
    with pytest.raises(SettingError, match=r'Hive has no .*"__common__".*"observations"'):
        adapt(lambda copy: Hive(where="nowhere"), 1, {"episode_limit": 9, "state": "both"})
    env = adapt(lambda copy: Stateless(), 1, {"state": "observations"})
    assert env.reset().state.tolist() == [[1, 1, 1, 1, 1, 0]]  # 3 of the ant, 2 of the bee, 1 of padding


def test_a_state_that_fails_is_an_error_with_its_reason():
    failing = broken("state", lambda env, state: {}["key"])
    with pytest.raises(SettingError, match=r"state\(\) of Broken fails with KeyError: 'key'"):
        adapt(lambda copy: failing())
    wordy = broken("state", lambda env, state: {"time": env.time})
    with pytest.raises(SettingError, match="the state of Broken is of type dict and not an array of numbers"):
        adapt(lambda copy: wordy())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stat": "observations"}, "team_adapter: unknown key 'stat'; did you mean 'state'"),
        ({"state": "observation"}, "team_adapter.state: .*'observation'; did you mean 'observations'"),
        (
            {"team_reward": "max"},
            "team_adapter.team_reward: .*'max'.*Allowed: sum, mean, or an agent: ant, bee",
        ),
        ({"team_reward": "bea"}, "team_adapter.team_reward: .*'bea'; did you mean 'bee'"),
        (
            {"team_reward": 1},
            "team_adapter.team_reward: 1 is of type int; allowed: 'sum', 'mean' or the name of",
        ),
        ({"episode_limit": 0}, "team_adapter.episode_limit: 0 is not allowed"),
    ],
)
def test_an_option_that_cannot_be_is_named(options, message):
    with pytest.raises(SettingError, match=message):
        adapt(lambda copy: Meadow(), 1, options)


def test_an_unknown_episode_limit_must_be_given():
    with pytest.raises(SettingError, match=r"team_adapter\.episode_limit: missing, and Hive announces none"):
        adapt(lambda copy: Hive())


@pytest.mark.parametrize(("dtype", "kept"), [("uint8", "uint8"), ("int8", "int8"), ("float64", "float32")])
def test_compact_dtypes_are_kept(dtype, kept):
    env = adapt(lambda copy: Meadow(dtype=np.dtype(dtype).type), 1, {"state": "observations"})
    step = env.reset()
    assert step.obs.dtype == step.state.dtype == kept


def test_masks_come_from_infos_too():
    env = adapt(lambda copy: Meadow(mask={"ant": [0, 1], "bee": np.array([1, 0, 0, 1])}))
    assert env.reset().avail_actions[0].tolist() == [[False, True, False, False], [True, False, False, True]]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([0, 0, 0, 0], "leaves no action"),
        ([1, 1], r"action_mask has shape \(2,\), expected \(4,\)"),
        ([1, 0.5, 1, 1], "0 .unavailable. and 1"),
    ],
)
def test_a_mask_that_cannot_be_is_named_with_its_place(mask, message):
    env = adapt(lambda copy: Meadow(mask={"ant": [1, 1], "bee": mask if copy else [1, 1, 1, 1]}), 2)
    with pytest.raises(
        TeamEnvError, match=f"Meadow, copy 1, agent 'bee', step 0 of the episode: .*{message}"
    ):
        env.reset()


def spoil(part, value):
    """A step whose dict number `part` holds `value` for the bee from step 2 on."""

    def change(env, result):
        if env.time >= 2:
            result[part]["bee"] = value
        return result

    return broken("step", change)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (spoil(0, np.zeros(3)), r"copy 0, agent 'bee', step 2 .*shape \(3,\), expected \(2,\)"),
        (spoil(0, np.array([0, np.nan])), "copy 0, agent 'bee', step 2 .*NaN"),
        (spoil(0, ["a", "b"]), "copy 0, agent 'bee', step 2 .*no number"),
        (spoil(1, np.nan), "copy 0, agent 'bee', step 2 .*the reward is nan"),
        (broken("step", lambda env, result: result[:4]), r"Broken.step\(\) returned \(dict, dict, dict, dict\), expected"),
        (broken("state", lambda env, state: state[: 2 - (env.time == 2)]), "copy 0, step 2 .*state has 1 numbers, expected 2"),
        (broken("state", lambda env, state: state * (np.nan if env.time == 2 else 1)), "copy 0, step 2 .*state holds NaN"),
        (
            broken("state", lambda env, state: state.astype(np.float32 if env.time == 2 else np.uint8)),
            "copy 0, step 2 .*state changed from uint8 to float32",
        ),
    ],
)  # fmt: skip
def test_what_a_broken_environment_returns_is_named_with_its_place(kind, message):
    env = adapt(lambda copy: kind())
    with pytest.raises(TeamEnvError, match=message):
        played(env, [[0, 0], [0, 0]])


def test_values_that_the_compact_space_cannot_hold_are_named():
    odd = broken("reset", lambda env, result: ({a: o + 0.5 for a, o in result[0].items()}, result[1]))
    with pytest.raises(TeamEnvError, match=r"agent 'ant'.*uint8, cannot hold"):
        adapt(lambda copy: odd(dtype=np.uint8)).reset()


def test_a_truncated_episode_without_last_observation_is_an_error():
    silent = broken("step", lambda env, result: ({}, *result[1:]) if env.time == 6 else result)
    with pytest.raises(TeamEnvError, match=r"step 6 .*truncated without any last observation"):
        played(adapt(lambda copy: silent()), [[0, 0]] * 6)


@pytest.mark.parametrize("action", [-1, 2, 4])
def test_an_action_that_is_not_available_is_named(action):
    env = adapt(lambda copy: Meadow())
    env.reset()
    with pytest.raises(
        TeamEnvError, match=f"agent 'ant', step 0 .*action {action} is not available; allowed: 0, 1"
    ):
        env.step(np.array([[action, 0]]))


@pytest.mark.parametrize(
    ("observation_space", "action_space", "message"),
    [
        (Box(0, 1, (2,)), Box(0, 1, (2,)), "action space of agent 'ant': Box.*must be Discrete"),
        (None, Discrete(2), "observation space of agent 'ant': None is not allowed; it must be Box"),
        (
            Dict({"observations": Box(0, 1, (2,)), "action_mask": MultiBinary(2)}),
            Discrete(2),
            "unknown key 'observations'; did you mean 'observation'",
        ),
    ],
)
def test_spaces_that_a_team_cannot_have_are_named(observation_space, action_space, message):
    env = Meadow()
    env.observation_spaces["ant"], env.action_spaces["ant"] = observation_space, action_space
    with pytest.raises(SettingError, match=message):
        adapt(lambda copy: env)


def test_copies_must_be_alike_and_distinct():
    one = Meadow()
    with pytest.raises(SettingError, match="returned the same environment twice"):
        adapt(lambda copy: one, 2)
    with pytest.raises(SettingError, match="copy 1 differs from copy 0"):
        adapt(lambda copy: Meadow(dtype=(np.uint8, np.float32)[copy]), 2)


def test_copies_may_have_classes_of_their_own():
    def make(copy):
        class Local(Meadow):
            pass

        return Local()

    assert adapt(make, 2).num_envs == 2


def test_copies_must_be_of_the_same_kind():
    def make(copy):
        return Hive() if copy else Meadow()

    with pytest.raises(SettingError, match="copy 1 differs from copy 0 in its kind"):
        adapt(make, 2)


def test_the_seed_of_a_copy_depends_on_the_seed_and_the_copy_alone():
    def seeds(num_envs, seed):
        env = adapt(lambda copy: Meadow(), num_envs)
        env.reset(seed=seed)
        return [single.seed for single in env.envs]

    assert seeds(3, seed=5)[:2] == seeds(2, seed=5)
    assert len({*seeds(3, seed=5), *seeds(3, seed=6)}) == 6


def test_a_resumed_run_goes_on_with_the_same_seeds():
    env, resumed = adapt(lambda copy: Meadow(), 2), adapt(lambda copy: Meadow(), 2)
    env.reset(seed=1)
    first = [single.seed for single in env.envs]
    resumed.set_state(env.get_state())
    env.reset()
    resumed.reset()
    assert [single.seed for single in env.envs] != first
    assert [single.seed for single in env.envs] == [single.seed for single in resumed.envs]


@pytest.mark.parametrize("name", ["two_step_game", "predator_prey"])
def test_our_environments_adapted_back_play_the_same_episode(name):
    adapted = adapt(lambda copy: parallel_env(name), 1, {"team_reward": "mean"})
    native = make_team_env(name)
    theirs = adapted.reset(seed=4)
    ours = native.reset(seed=np.random.SeedSequence(4, spawn_key=(0, 0)).generate_state(1)[0])
    rng = np.random.default_rng(0)
    while True:
        for field in ("obs", "state", "avail_actions", "rewards", "terminated", "truncated"):
            np.testing.assert_array_equal(getattr(theirs, field), getattr(ours, field), err_msg=field)
            assert getattr(theirs, field).dtype == getattr(ours, field).dtype
        if ours.terminated[0] or ours.truncated[0]:
            break
        actions = (ours.avail_actions * rng.random(ours.avail_actions.shape)).argmax(axis=-1)
        theirs, ours = adapted.step(actions), native.step(actions)


def test_the_picture_comes_from_the_copy():
    env = adapt(lambda copy: parallel_env("matrix_game", render_mode="rgb_array"), 2)
    env.reset()
    assert env.render(1).shape == (96, 96, 3)
    with pytest.raises(NotImplementedError, match='render_mode="rgb_array"'):
        adapt(lambda copy: Hive(), 1, {"episode_limit": 9}).render()


def test_environments_that_pettingzoo_ships_work():
    pytest.importorskip("pygame")
    from pettingzoo.classic import rps_v2
    from pettingzoo.sisl import pursuit_v5

    def pursuit(copy):
        return pursuit_v5.parallel_env(x_size=8, y_size=8, n_evaders=3, n_pursuers=3, max_cycles=10)

    def scissors(copy):
        return rps_v2.parallel_env(max_cycles=5)

    check_team_env(adapt(pursuit, 2, {"episode_limit": 10}))
    check_team_env(adapt(scissors, 2, {"state": "observations"}))


class Closing(Meadow):
    """Counts in `open` how many are open; copies of `fails` fail to close."""

    def __init__(self, open_, copy, *, fails=(), differs=None, broken=None):
        if copy == broken:
            raise OSError("no land")
        super().__init__()
        self.open, self.copy, self.fails = open_, copy, fails
        if copy == differs:
            self.possible_agents = ["ant"]
        open_.add(copy)

    def close(self):
        self.open.discard(self.copy)
        if self.copy in self.fails:
            raise OSError(f"copy {self.copy} is stuck")


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        ({"differs": 2}, {}),
        ({"broken": 2}, {}),
        ({"fails": (0,)}, {"team_reward": "wasp"}),
        ({}, {"stat": 1}),
    ],
)
def test_what_was_made_is_closed_where_a_team_is_refused(settings, options):
    left = set()

    def make(config):
        return Closing(left, config.vector_index, **settings)

    with pytest.raises((SettingError, OSError), match=r"copy 2 differs|no land|wasp|stat"):
        build_team_env(make, {"team_adapter": options}, 3)
    assert not left


def test_a_copy_that_fails_to_close_leaves_no_other_open():
    left = set()
    env = adapt(lambda copy: Closing(left, copy, fails=(0, 1)), 3)
    with pytest.raises(OSError, match="copy 0 is stuck"):
        env.close()
    assert not left
