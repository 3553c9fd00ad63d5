"""Who is played, what the mixer sees, and which numbers reach the results, in environments of others."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiBinary
from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv

from rllib_remix.envs.checker import TeamEnvError, check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.errors import SettingError
from tests.envs.foreign.games import AGENTS, OPTIONS, Of, Zoo, changed

BOTH = pytest.mark.parametrize("base", [Of, Zoo])


def adapted(base, options=OPTIONS, **methods):
    return adapt(lambda copy: changed(base, **methods), 1, options)


def played(env, steps=6):
    """The steps of random available actions, copied."""
    rng, shown = np.random.default_rng(0), [env.reset(seed=0)]
    for _ in range(steps):
        last = shown[-1]
        actions = np.array(
            [[rng.choice(np.flatnonzero(mask)) for mask in copy] for copy in last.avail_actions]
        )
        kept = [np.copy(part) for part in last[:6]]
        shown[-1] = type(last)(*kept, {name: values.copy() for name, values in last.info.items()})
        shown.append(env.step(actions))
    return shown


# The state beside what agents see


def seen(self, *, obs="obs", mask=None, state=lambda agent, time: np.full(3, time)):
    masks = {} if mask is None else {mask: np.array([1, 0, 1], np.int8)}
    return {agent: {obs: np.full(2, 7.0), "state": state(agent, self.time), **masks} for agent in AGENTS}


STATE_SPACE = {"state": Box(0, 99, (3,))}
LIMIT = {"episode_limit": 6}


@BOTH
@pytest.mark.parametrize("obs", ["obs", "observation"])
@pytest.mark.parametrize("mask", [None, "action_mask", "avail_actions"])
def test_agents_see_obs_the_mixer_gets_the_state_and_masks_have_either_name(base, obs, mask):
    masks = {} if mask is None else {mask: MultiBinary(3)}
    space = Dict({obs: Box(0, 9, (2,)), **STATE_SPACE, **masks})
    env = adapted(base, LIMIT, space=space, see=lambda self: seen(self, obs=obs, mask=mask))
    check_team_env(env)
    assert (env.obs_dim, env.state_dim) == (2, 3)
    step = played(env, 2)[-1]
    assert step.obs[0].tolist() == [[7, 7], [7, 7]]
    assert step.state[0].tolist() == [2, 2, 2]
    assert step.avail_actions[0, 0].tolist() == [True, mask is None, True]


def test_a_discrete_state_is_one_hot_and_a_nested_observation_is_flat():
    inner = Dict(near=Box(0, 9, (1,)), far=Box(0, 9, (2,)))
    env = adapted(
        Of,
        LIMIT,
        space=Dict(obs=inner, state=Discrete(9)),
        see=lambda self: {
            agent: {
                "obs": {"near": np.ones(1, np.float32), "far": np.zeros(2, np.float32)},
                "state": self.time,
            }
            for agent in AGENTS
        },
    )
    assert env.obs_dim == 3
    assert played(env, 2)[-1].state[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_a_dict_without_any_of_these_names_is_flattened():
    space = Dict(near=Box(0, 9, (1,)), far=Box(0, 9, (2,)))
    see = {agent: {"near": np.ones(1, np.float32), "far": np.zeros(2, np.float32)} for agent in AGENTS}
    assert adapted(Of, space=space, see=lambda self: see).obs_dim == 3


@BOTH
@pytest.mark.parametrize(
    ("space", "message"),
    [
        (Dict(obs=Box(0, 1, (2,)), stat=Box(0, 1, (3,))), "unknown key 'stat'; did you mean 'state'"),
        (Dict(obs=Box(0, 1, (2,)), avail_action=MultiBinary(3)), "did you mean 'avail_actions'"),
        (Dict(obs=Box(0, 1, (2,)), observation=Box(0, 1, (2,))), "'observation' and 'obs', which mean the same"),
        (Dict(obs=Box(0, 1, (2,)), action_mask=MultiBinary(3), avail_actions=MultiBinary(3)), "which mean the same"),
        (Dict(obs=Box(0, 1, (2,)), action_mask=MultiBinary(4)), r"'action_mask' has shape \(4,\); it must be \(3,\)"),
        (Dict(state=Box(0, 1, (2,)), action_mask=MultiBinary(3)), "it must have 'obs' or 'observation'"),
    ],
)  # fmt: skip
def test_a_dict_space_with_a_key_that_would_be_lost_is_refused(base, space, message):
    with pytest.raises(SettingError, match=f"observation space of agent 'a': .*{message}"):
        adapted(base, space=space)


@BOTH
def test_a_key_that_only_the_observation_has_is_named_with_its_place(base):
    def see(self):
        return {agent: {"obs": np.ones(2), "sight": 3} for agent in AGENTS}

    env = adapted(base, space=Dict(obs=Box(0, 9, (2,))), see=see)
    with pytest.raises(TeamEnvError, match=r"copy 0, agent 'a', step 0 .*unknown key 'sight'"):
        env.reset()


@BOTH
def test_a_mask_that_the_space_promises_must_come(base):
    def see(self):
        return {agent: {"obs": np.ones(2)} for agent in AGENTS}

    env = adapted(base, space=Dict(obs=Box(0, 9, (2,)), avail_actions=MultiBinary(3)), see=see)
    with pytest.raises(TeamEnvError, match=r"agent 'a', step 0 .*no 'avail_actions', though its space has"):
        env.reset()


@BOTH
def test_states_that_differ_between_agents_are_refused_with_both_agents(base):
    def see(self):
        return seen(self, state=lambda agent, time: np.full(3, time + (agent == "b" and time == 2)))

    env = adapted(base, LIMIT, space=Dict(obs=Box(0, 9, (2,)), **STATE_SPACE), see=see)
    with pytest.raises(
        TeamEnvError, match=r"step 2 .*agents 'a' and 'b' observe differs; a team has one state"
    ):
        check_team_env(env)
    concatenated = adapted(base, OPTIONS, space=Dict(obs=Box(0, 9, (2,)), **STATE_SPACE), see=see)
    check_team_env(concatenated)


def test_state_spaces_that_differ_between_agents_are_refused():
    def unlike(self, config=None):
        Of.__init__(self)
        self.observation_spaces = {
            agent: Dict(obs=Box(0, 9, (2,)), state=Box(0, 9, (size,))) for size, agent in enumerate(AGENTS, 1)
        }

    with pytest.raises(SettingError, match=r"space under 'state' of agent 'b' .* that of agent 'a'"):
        adapt(lambda copy: type("Unlike", (Of,), {"__init__": unlike})(), 1, LIMIT)


# Ids that were not announced


@BOTH
@pytest.mark.parametrize(
    ("method", "what", "at"), [("see", "observations", 0), ("pay", "rewards", 1), ("end", "terminateds", 1), ("cut", "truncateds", 1), ("tell", "infos", 0)]
)  # fmt: skip
@pytest.mark.parametrize(
    ("wrong", "told"), [("B", r"'B' \(str\).*nearest announced one is 'b' \(str\)"), (0, r"0 \(int\).*announced: 'a'")]
)  # fmt: skip
def test_an_id_that_was_not_announced_is_named_with_the_nearest(base, method, what, at, wrong, told):
    value = {"see": np.ones(2), "pay": 1.0, "tell": {}}.get(method, False)

    def also(self):
        own = getattr(base, method)(self)
        return own | {wrong: value}

    env = adapted(base, **{method: also})
    with pytest.raises(TeamEnvError, match=f"copy 0, step {at} .*: the {what} hold {told}"):
        check_team_env(env)


@BOTH
def test_numbers_for_names_look_alike_and_are_refused_with_their_types(base):
    def numbered(self, config=None):
        base.__init__(self)
        self.possible_agents = ["0", "1"]
        self.observation_spaces = dict.fromkeys(("0", "1"), self.space)
        self.action_spaces = dict.fromkeys(("0", "1"), self.actions)

    methods = {"__init__": numbered, "see": lambda self: {0: np.ones(2), 1: np.ones(2)}}
    env = adapt(lambda copy: type("Numbered", (base,), methods)(), 1, OPTIONS)
    with pytest.raises(
        TeamEnvError, match=r"0 \(int\), .* not announced; the nearest announced one is '0' \(str\)"
    ):
        env.reset()


def test_an_unknown_agent_in_the_list_of_those_who_act_is_named():
    env = adapted(Zoo, listed=lambda self: ["a", "c"] if self.time else list(AGENTS))
    with pytest.raises(
        TeamEnvError, match=r"step 1 .*`agents` hold 'c' \(str\), an agent that was not announced"
    ):
        played(env, 1)


def test_an_episode_in_which_nobody_is_in_play_is_refused():
    with pytest.raises(TeamEnvError, match=r"nobody is in play after reset\(\); no agent is observed"):
        adapted(Of, see=lambda self: {}).reset()
    with pytest.raises(
        TeamEnvError, match=r"nobody is in play after reset\(\); the environment's `agents` are empty"
    ):
        adapted(Zoo, listed=lambda self: []).reset()


def test_an_agent_that_acts_and_is_not_observed_is_named():
    env = adapted(Zoo, see=lambda self: {"a": np.ones(2)})
    with pytest.raises(TeamEnvError, match=r"agent 'b', step 0 .*it acts next, but nothing is observed"):
        env.reset()


# Agents that leave and come back


def gone_between(first, last):
    """Agent a is away after the steps first … last - 1."""
    return lambda self: [agent for agent in Zoo.listed(self) if agent == "b" or not first <= self.time < last]


def test_a_pettingzoo_agent_that_comes_back_is_played_again():
    env = adapted(Zoo, listed=gone_between(2, 4))
    steps = played(env)
    sent = [sorted(actions) for actions in env.envs[0].got]
    assert sent == [["a", "b"], ["a", "b"], ["b"], ["b"], ["a", "b"], ["a", "b"]]
    assert steps[2].obs[0].tolist() == [[0, 0], [3, 3]]
    assert steps[4].obs[0].tolist() == [[5, 5], [5, 5]]
    assert steps[-1].terminated[0]
    check_team_env(env)


def test_rllib_s_wrapper_does_not_hide_that_an_agent_came_back():
    zoo = changed(Zoo, listed=gone_between(2, 4))
    check_team_env(adapt(lambda copy: ParallelPettingZooEnv(zoo), 1, OPTIONS))
    assert ["b"] in [sorted(actions) for actions in zoo.got]


def test_an_episode_goes_on_when_every_agent_has_been_away_once():
    def listed(self):
        away = {2: "a", 3: "b"}.get(self.time)  # a comes back just when b leaves
        return [agent for agent in Zoo.listed(self) if agent != away]

    steps = played(adapted(Zoo, listed=listed))
    assert [bool(step.terminated[0]) for step in steps] == [False] * 6 + [True]


def test_agents_that_are_flagged_one_by_one_and_stay_in_the_list_are_refused():
    env = adapted(
        Zoo, listed=lambda self: list(AGENTS), end=lambda self: {"a": self.time == 2, "b": self.time == 3}
    )
    with pytest.raises(TeamEnvError, match=r"step 3 .* were flagged, but in different steps"):
        played(env)


def test_agents_that_a_finished_environment_leaves_in_its_list_do_not_keep_it_alive():
    env = adapted(
        Zoo, listed=lambda self: list(AGENTS), end=lambda self: dict.fromkeys(AGENTS, self.time >= 3)
    )
    assert played(env, 3)[-1].terminated[0]


@pytest.mark.parametrize("kind", ["terminated", "truncated"])
def test_an_rllib_agent_that_comes_back_is_refused_with_its_step(kind):
    def flagged(self):
        return {"a": self.time == 2, "__all__": False}

    flags = {"end": flagged} if kind == "terminated" else {"cut": flagged}
    steps = {"see": lambda self: Of.see(self) if self.time != 3 else {"b": np.ones(2)}, "length": 9}
    env = adapted(Of, **flags, **steps)
    played(env, 3)
    with pytest.raises(
        TeamEnvError, match=f"agent 'a', step 4 .*observed again, but was {kind} before, which is final"
    ):
        check_team_env(env)


def test_an_rllib_agent_may_be_shown_a_last_time():
    steps = played(adapted(Of, end=lambda self: {"a": self.time == 6, "__all__": self.time == 6}))
    assert steps[-1].obs[0].tolist() == [[7, 7], [7, 7]]


# Masks without any action

MASKED = Dict(observation=Box(0, 99, (2,)), action_mask=Box(0, 1, (3,), np.int8))


def with_masks(may):
    """Observations of which the mask is all `may(agent, time)`."""

    def see(self):
        return {
            agent: {
                "observation": np.full(2, self.time),
                "action_mask": np.full(3, may(agent, self.time), np.int8),
            }
            for agent in AGENTS
        }

    return {"space": MASKED, "see": see}


@BOTH
@pytest.mark.parametrize("limit", [6, 5])
def test_after_the_last_step_nobody_needs_an_action(base, limit):
    env = adapted(base, {**OPTIONS, "episode_limit": limit}, **with_masks(lambda agent, time: time < limit))
    last = played(env, limit)[-1]
    assert last.terminated[0] if limit == 6 else last.truncated[0]
    assert last.avail_actions[0].tolist() == [[True, False, False]] * 2
    assert last.obs[0].tolist() == [[limit, limit]] * 2
    check_team_env(env)


def test_an_rllib_agent_without_an_action_waits_and_sees_on():
    env = adapted(Of, **with_masks(lambda agent, time: AGENTS[time % 2] == agent))
    steps = played(env, 3)
    assert [list(actions) for actions in env.envs[0].got] == [["a"], ["b"], ["a"]]
    assert steps[1].avail_actions[0].tolist() == [[True, False, False], [True, True, True]]
    assert steps[1].obs[0].tolist() == [[1, 1], [1, 1]]
    check_team_env(env)


@BOTH
def test_a_step_in_which_nobody_has_an_action_is_refused(base):
    env = adapted(base, **with_masks(lambda agent, time: time != 3))
    with pytest.raises(TeamEnvError, match=r"step 3 .*action_mask leaves no action available"):
        check_team_env(env)


def test_an_environment_that_wants_the_action_of_one_who_waits_is_told_so():
    def step(self, actions):
        _ = actions["a"], actions["b"]
        return Of.step(self, actions)

    env = adapted(Of, step=step, **with_masks(lambda agent, time: agent == "a" or time != 2))
    with pytest.raises(
        TeamEnvError, match=r"agent 'b', step 2 .*step\(\) asks for its action, but .*leaves no action"
    ):
        check_team_env(env)


def test_a_mistake_of_the_environment_with_its_own_keys_stays_its_own():
    env = adapted(Of, pay=lambda self: {}["treasure"])
    with pytest.raises(KeyError, match="treasure"):
        played(env, 1)


def test_turn_based_games_of_pettingzoo_are_played():
    pytest.importorskip("pygame")
    from pettingzoo.classic import tictactoe_v3
    from pettingzoo.utils.conversions import turn_based_aec_to_parallel

    env = adapt(
        lambda copy: turn_based_aec_to_parallel(tictactoe_v3.raw_env()), 2, {**OPTIONS, "episode_limit": 9}
    )
    check_team_env(env)
    assert [len(np.flatnonzero(mask.sum(-1) > 1)) for mask in env.reset(seed=0).avail_actions] == [1, 1]


# Infos


@BOTH
def test_numbers_in_infos_are_values_of_the_step(base):
    def tell(self):
        own = {"won": self.time == 3, "name": "x", "path": np.zeros(2), 7: 1.0, "action_mask": [1, 1, 1]}
        return {
            "a": {**own, "kills": np.int64(4), "one": np.array([2.5])},
            "b": {**own, "kills": np.array(2)},
        }

    steps = played(adapted(base, tell=tell), 3)
    assert steps[2].info_of(0) == {"won": 0.0, "kills": 3.0, "one": 2.5}
    assert steps[3].info_of(0)["won"] == 1.0
    check_team_env(adapted(base, tell=tell))


@BOTH
def test_what_is_told_of_the_whole_team_counts_alone(base):
    env = adapted(
        base, tell=lambda self: {"a": {"won": 0}, "__common__": {"won": True, "time": self.time}, "b": None}
    )
    assert played(env, 2)[-1].info_of(0) == {"won": 1.0, "time": 2.0}


@BOTH
def test_a_value_that_is_not_told_any_more_is_gone_and_no_other_copy_has_it(base):
    env = adapt(
        lambda copy: changed(
            base, tell=lambda self: {"a": {"won": 1} if copy == 0 and self.time == 2 else {}}
        ),
        2,
        OPTIONS,
    )
    steps = played(env, 3)
    assert [[step.info_of(copy) for copy in (0, 1)] for step in steps] == [
        [{}, {}], [{}, {}], [{"won": 1.0}, {}], [{}, {}]
    ]  # fmt: skip


def test_names_without_end_are_cut_off_with_a_warning(caplog):
    env = adapted(
        Of, {**OPTIONS, "episode_limit": 999}, length=999, tell=lambda self: {"a": {f"at_{self.time}": 1}}
    )
    steps = played(env, 300)
    assert len(steps[-1].info) == 200
    assert caplog.text.count("are left out") == 1


def test_names_of_what_is_reported_anyway_are_left_out():
    env = adapted(Of, tell=lambda self: {"a": {"episode_return": 5, "episode_len": 6, "fine": 1}})
    assert played(env, 1)[-1].info_of(0) == {"fine": 1.0}
