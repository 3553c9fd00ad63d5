"""Environments that others wrote, each as its package makes it; those whose package is missing are skipped."""

import numpy as np
import pytest
from gymnasium.spaces import Discrete

from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.foreign.adapters import adapt
from rllib_remix.envs.team_env import random_actions
from rllib_remix.errors import SettingError

SEEN = {"state": "observations"}


def check(make, n_agents, n_actions, obs_dim, options=None, num_envs=1, episodes=1):
    env = adapt(make, num_envs, options)
    assert (env.n_agents, env.n_actions, env.obs_dim) == (n_agents, n_actions, obs_dim)
    check_team_env(env, episodes=episodes)
    return env


def test_level_based_foraging():
    gymnasium, _ = pytest.importorskip("gymnasium"), pytest.importorskip("lbforaging")

    def make(copy):
        return gymnasium.make("Foraging-5x5-2p-1f-coop-v3", disable_env_checker=True)

    check(make, 2, 6, 9, {**SEEN, "episode_limit": 50}, num_envs=2, episodes=2)


def test_a_shorter_time_limit_of_foraging_is_a_truncation():
    gymnasium, _ = pytest.importorskip("gymnasium"), pytest.importorskip("lbforaging")

    def make(copy):
        return gymnasium.make("Foraging-8x8-2p-2f-coop-v3", max_episode_steps=3, disable_env_checker=True)

    env = adapt(make, 1, {**SEEN, "episode_limit": 50})
    step = env.reset(seed=0)
    for _ in range(3):
        step = env.step(np.zeros((1, 2), int))
    assert (step.truncated.tolist(), step.terminated.tolist()) == ([True], [False])


def test_warehouse_robots_with_messages():
    gymnasium, _ = pytest.importorskip("gymnasium"), pytest.importorskip("rware")

    def make(copy):
        return gymnasium.make("rware-tiny-2ag-v2", max_steps=20, msg_bits=2, disable_env_checker=True)

    env = check(make, 2, 20, 89, {**SEEN, "episode_limit": 20})  # 5 actions and 2 bits
    assert env.envs[0].get_action_space("agent_0").nvec.tolist() == [5, 2, 2]


def test_turns_of_tic_tac_toe():
    pytest.importorskip("pygame")
    tictactoe = pytest.importorskip("pettingzoo.classic.tictactoe_v3")
    check(lambda copy: tictactoe.env(), 2, 9, 18, {**SEEN, "episode_limit": 9}, num_envs=2, episodes=3)


def test_turns_of_hanabi():
    hanabi = pytest.importorskip("pettingzoo.classic.hanabi_v5")
    pytest.importorskip("pyspiel")
    env = adapt(lambda copy: hanabi.env(), 1, {**SEEN, "episode_limit": 80})
    rng, step = np.random.default_rng(0), env.reset(seed=0)
    while not (step.terminated[0] or step.truncated[0]):
        assert (step.avail_actions.sum(-1) == 1).any()  # one waits
        step = env.step(random_actions(step.avail_actions, rng))


def test_a_cycle_of_particles_is_played_in_parallel():
    spread = pytest.importorskip("mpe2.simple_spread_v3")
    check(lambda copy: spread.env(max_cycles=5), 3, 5, 18)


def test_continuous_particles_are_told_to_be_discrete():
    spread = pytest.importorskip("mpe2.simple_spread_v3")
    with pytest.raises(SettingError, match=r"agent 'agent_0': Box.*is not allowed.*continuous_actions=False"):
        adapt(lambda copy: spread.parallel_env(continuous_actions=True))


def test_knights_who_die():
    pytest.importorskip("pygame")
    knights = pytest.importorskip("pettingzoo.butterfly.knights_archers_zombies_v11")
    check(lambda copy: knights.parallel_env(max_cycles=40, spawn_delay=2), 4, 6, 135, {"episode_limit": 40})


def test_a_battle_of_magent():
    battle = pytest.importorskip("magent2.environments.battle_v4")
    check(lambda copy: battle.parallel_env(map_size=12, max_cycles=20), 4, 21, 845, {"episode_limit": 20})


def test_overcooked(monkeypatch):
    monkeypatch.setattr(np, "Inf", np.inf, raising=False)  # which the package asks for
    kitchen = pytest.importorskip("overcooked_ai_py.mdp.overcooked_env", exc_type=Exception)
    recipes = pytest.importorskip("overcooked_ai_py.mdp.overcooked_mdp")

    # A planner, which the package would keep on disk, and which only its shaping by potentials needs.
    monkeypatch.setattr(kitchen.OvercookedEnv, "mp", None)

    def make(copy):
        mdp = recipes.OvercookedGridworld.from_layout_name("cramped_room")
        start = mdp.get_random_start_state_fn(random_start_pos=True)
        env = kitchen.OvercookedEnv.from_mdp(mdp, horizon=10, info_level=0, start_state_fn=start)
        env._mp = (
            object()
        )  # A planner, which is computed and kept on disk, is for shaping by potentials alone.
        return env

    env = check(make, 2, 6, 520)
    assert (env.obs_dtype, env.state_dim, env.episode_limit) == (np.uint8, 520, 10)
    game = env.envs[0]
    assert game.reset(seed=1)[0]["agent_0"].dtype == np.uint8  # else each number is looked at, in every step
    other = np.random.get_state()[1].tolist()
    starts = [env.reset(seed=seed).obs.tobytes() for seed in (0, 1, 2, 3, 0)]
    assert starts[0] == starts[4]
    assert len({*starts}) > 1
    assert np.random.get_state()[1].tolist() == other
    with pytest.raises(
        SettingError, match=r"Overcooked cannot be adapted: it deals .* give the OvercookedEnv inside"
    ):
        adapt(lambda copy: kitchen.Overcooked())


@pytest.mark.parametrize("name", ["GuessTheNumberGame", "HierarchicalSixRoomEnv"])
def test_games_of_rllib_with_actions_of_several_parts(name):
    from ray.rllib.examples.envs.classes.multi_agent.guess_the_number_game import GuessTheNumberGame
    from ray.rllib.examples.envs.classes.six_room_env import HierarchicalSixRoomEnv

    make = {"GuessTheNumberGame": GuessTheNumberGame, "HierarchicalSixRoomEnv": HierarchicalSixRoomEnv}[name]
    env = adapt(lambda copy: make({}), 1, {**SEEN, "episode_limit": 30})
    assert not any(isinstance(env.envs[0].get_action_space(agent), Discrete) for agent in env.agents[:1])
    check_team_env(env)
