import numpy as np
import pytest

from rllib_remix.envs.checker import TeamEnvError, check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.foreign.kinds.vmas import VmasTeam
from rllib_remix.envs.team_env import random_actions
from rllib_remix.errors import SettingError
from rllib_remix.experiments.checks.first_step import try_team_environment
from rllib_remix.rollout.building import build_team_env

vmas = pytest.importorskip("vmas")

SMALL = {"max_steps": 5, "n_agents": 2}


def make(num_envs=3, **settings):
    return vmas.make_env("balance", num_envs=num_envs, continuous_actions=False, **{**SMALL, **settings})


def played(env, steps, seed=0):
    rng, step = np.random.default_rng(0), env.reset(seed=seed)
    shown = [step.obs.copy()]
    for _ in range(steps):
        step = env.step(random_actions(step.avail_actions, rng))
        shown.append(step.obs.copy())
    return step, np.array(shown)


def test_all_copies_of_a_scenario_are_one_environment():
    env = build_team_env("vmas:balance", SMALL, 3)
    assert isinstance(env, VmasTeam)
    assert (env.num_envs, env.n_agents, env.n_actions, env.episode_limit) == (3, 2, 9, 5)
    assert env.state_dim == 2 * env.obs_dim
    check_team_env(env)


@pytest.mark.parametrize(
    ("env", "settings"), [("vmas:balance", SMALL), (lambda context: make(context.num_envs), {})]
)
def test_the_first_step_before_a_training_is_taken_by_all_copies(env, settings):
    try_team_environment(env, settings, 8)


@pytest.mark.parametrize("settings", [{}, {"dict_spaces": True}, {"terminated_truncated": True}])
def test_an_environment_that_a_user_made_is_taken_as_it_is(settings):
    env = adapt(lambda copy: make(**settings), 3)
    same = played(env, 8)[1] == played(adapt(lambda copy: make(), 3), 8)[1]
    assert same.all()


def test_the_horizon_truncates_and_the_next_step_begins_anew():
    env = adapt(lambda copy: make(), 3)
    last, _ = played(env, 5)
    assert (last.truncated.tolist(), last.terminated.tolist()) == ([True] * 3, [False] * 3)
    step = env.step(np.full((3, 2), 99))  # not looked at
    assert not (step.truncated | step.terminated).any()
    assert step.rewards.tolist() == [0] * 3


def test_copies_end_and_begin_by_themselves():
    env = adapt(lambda copy: make(), 3)
    env.reset(seed=0)
    own = env.env.scenario.done
    env.env.scenario.done = lambda: own() | (env.env.steps == 2) & (np.arange(3) == 1)
    step = [env.step(np.zeros((3, 2), int)) for _ in range(2)][-1]
    assert (step.terminated.tolist(), step.truncated.tolist()) == ([False, True, False], [False] * 3)
    seen = step.obs.copy()
    step = env.step(np.zeros((3, 2), int))
    assert env.env.steps.tolist() == [3, 0, 3]
    assert step.rewards[1] == 0
    assert np.isnan(step.info["pos_rew"]).tolist() == [False, True, False]
    assert not np.array_equal(step.obs[1], seen[1])


def test_what_is_assumed_is_said():
    assert [line.partition(":")[0] for line in adapt(lambda copy: make(), 3).assumed] == [
        "state",
        "episode_limit",
        "team_reward",
        "actions",
    ]
    given = {"state": "observations", "team_reward": "mean", "episode_limit": 3}
    (left,) = adapt(lambda copy: make(), 3, given).assumed
    assert left.startswith("actions: discrete")


def test_an_earlier_limit_may_be_given():
    env = adapt(lambda copy: make(max_steps=None), 3, {"episode_limit": 2})
    assert played(env, 2)[0].truncated.all()
    assert adapt(lambda copy: make(), 3, {"episode_limit": 2}).episode_limit == 2
    with pytest.raises(SettingError, match=r"team_adapter.episode_limit: missing, .*no max_steps"):
        adapt(lambda copy: make(max_steps=None), 3)


@pytest.mark.parametrize("team_reward", ["sum", "mean"])
def test_rewards_of_the_agents_are_put_together(team_reward):
    env = adapt(lambda copy: make(), 3, {"team_reward": team_reward})
    env.env.scenario.reward = lambda agent: np.add(env.env.steps, 1.0 if agent is env.env.agents[0] else 3.0)
    assert played(env, 1)[0].rewards.tolist() == [6 if team_reward == "sum" else 3] * 3


def test_another_environment_in_the_process_changes_nothing():
    alone = played(adapt(lambda copy: make(), 3), 12)[1]
    env, other = adapt(lambda copy: make(), 3), adapt(lambda copy: make(), 3)
    rng, step = np.random.default_rng(0), env.reset(seed=0)
    for expected in alone[1:]:
        other.reset()
        step = env.step(random_actions(step.avail_actions, rng))
        assert np.array_equal(step.obs, expected)


def test_a_resumed_run_goes_on_with_the_same_episodes():
    env, resumed = adapt(lambda copy: make(), 3), adapt(lambda copy: make(), 3)
    played(env, 8)
    resumed.set_state(env.get_state())
    assert np.array_equal(env.reset().obs, resumed.reset().obs)


def test_an_action_that_is_not_available_is_named():
    env = adapt(lambda copy: make(), 3)
    env.reset(seed=0)
    with pytest.raises(
        TeamEnvError, match=r"balance, copy 1, step 0 .*agent 'agent_1': action 9 is not available"
    ):
        env.step(np.array([[0, 0], [0, 9], [0, 0]]))


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_named(wrong):
    env = adapt(lambda copy: make(), 3)
    env.reset(seed=0)
    reward = env.env.scenario.reward
    env.env.scenario.reward = lambda agent: reward(agent) * wrong + wrong
    with pytest.raises(TeamEnvError, match=r"balance, copy 0, step 1 .*the reward is (nan|inf)"):
        env.step(np.zeros((3, 2), int))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("vmas:balence", {}, "scenario of VMAS: unknown name 'balence'; did you mean 'balance'"),
        (
            "vmas:balance",
            {"continuous_actions": True},
            "env_config.continuous_actions: .*actions are discrete",
        ),
        ("vmas:balance", {"wrapper": "gym"}, "env_config.wrapper: .*read as it is"),
        (
            "vmas:balance",
            {"n_agent": 2},
            r"vmas:balance: unknown key 'n_agent'\. Allowed: device, max_steps, .*, and what the scenario itself takes",
        ),
        (
            "vmas:balance",
            {"team_adapter": {"state": "environment"}},
            "team_adapter.state of a VMAS .*'environment'",
        ),
    ],
)
def test_settings_that_cannot_be_are_named(name, settings, message):
    with pytest.raises(SettingError, match=message):
        build_team_env(name, {"max_steps": 5, **settings}, 2)


def test_forms_that_cannot_be_learned_from_are_named():
    with pytest.raises(SettingError, match="has 3 copies, but 2 are asked for"):
        adapt(lambda copy: make(), 2)
    with pytest.raises(SettingError, match=r"continuous_actions=True is not allowed; make it with .*=False"):
        adapt(lambda copy: vmas.make_env("balance", num_envs=2, max_steps=5), 2)
    with pytest.raises(SettingError, match="multidiscrete_actions=True is not allowed"):
        adapt(lambda copy: make(multidiscrete_actions=True), 3)
    with pytest.raises(
        SettingError, match="GymnasiumWrapper cannot be adapted: it is a wrapper of VMAS; leave"
    ):
        adapt(lambda copy: make(1, wrapper="gymnasium", terminated_truncated=True))


def test_a_setting_that_neither_vmas_nor_the_scenario_takes_is_named():
    with pytest.raises(
        SettingError, match=r"unknown key 'max_step'; did you mean 'max_steps'\? Allowed: .*scenario"
    ):
        build_team_env("vmas:balance", {"max_step": 5}, 1)


def test_what_was_assumed_of_vmas_is_said():
    team = build_team_env("vmas:balance", SMALL, 1)
    names = [line.partition(":")[0] for line in team.assumed]
    assert names == ["state", "episode_limit", "team_reward", "actions"]
    seen, acts = team.spaces_of(team.env, team.agent_names[0])
    assert (seen.shape, acts.n) == ((16,), 9)


def test_the_first_step_before_ray_starts_is_taken_with_as_many_copies_as_are_trained():
    try_team_environment("vmas:balance", SMALL, 8)
