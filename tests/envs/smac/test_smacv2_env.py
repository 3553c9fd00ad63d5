"""The environment `smacv2`: SMACv2's wrapper in the processes, and with the care, of `smac`; a stand-in is the package."""

import json

import numpy as np
import pytest

from rllib_remix.envs.checker import check_team_env
from rllib_remix.envs.registry import make_team_env
from rllib_remix.envs.smac import preflight as preflight_module
from rllib_remix.envs.smac.env import Smacv2
from rllib_remix.envs.smac.host import seed_draws
from rllib_remix.envs.smac.preflight import preflight
from rllib_remix.errors import SettingError
from tests.envs.smac.fake_smacv2 import FakeCapabilityEnvWrapper
from tests.envs.smac.test_smac_preflight import Machine

CLIENT = "tests.envs.smac.fake_smacv2:FakeCapabilityEnvWrapper"
SETTINGS = {"client": CLIENT, "map_name": "terran_5_vs_5", "start_interval_s": 0, "start_backoff_s": 0.01}
STOP = 1


@pytest.fixture
def make(tmp_path, monkeypatch, processes_of_test):
    made = []

    def make_one(num_envs=1, *, faults=None, told=None, **settings):
        orders = {"folder": str(tmp_path), "faults": faults or {}, **(told or {})}
        monkeypatch.setenv("FAKE_CLIENT", json.dumps(orders))
        made.append(make_team_env("smacv2", SETTINGS | settings, num_envs))
        return made[-1]

    yield make_one
    for env in made:
        env.close()


def starts(folder):
    return [json.loads(line) for line in (folder / "starts").read_text().splitlines()]


def wait(env):
    return env.step(np.full((env.num_envs, env.n_agents), STOP))


def test_the_contract_is_kept(make):
    env = make(2)
    assert (env.n_agents, env.n_actions, env.obs_dim, env.state_dim, env.episode_limit) == (
        5,
        11,
        82,
        120,
        200,
    )
    check_team_env(env)
    assert env.counters()["num_game_faults"] == 0


def test_what_is_drawn_follows_from_the_seed_and_differs_between_copies_and_episodes(make):
    env, other = make(2), make(2)
    first = env.reset(seed=4).obs.copy()
    np.testing.assert_array_equal(first, other.reset(seed=4).obs)
    assert (first[0] != first[1]).any()
    while not wait(env).terminated.all():
        pass
    second = wait(env).obs.copy()
    assert (second != first).any()
    np.testing.assert_array_equal(env.reset(seed=4).obs, first)
    assert (env.reset(seed=5).obs != first).any()


def test_every_generator_of_a_distribution_gets_a_stream_of_its_own():
    client = FakeCapabilityEnvWrapper(**Smacv2(1, **SETTINGS).settings.client_arguments(3))
    drawn = []
    for seed in (3, 3, 4):
        seed_draws(client, seed)
        drawn.append([d.generate() for d in client.env_key_to_distribution_map.values()])
    assert drawn[0] == drawn[1]
    assert drawn[0] != drawn[2]
    numbers = [part["item"] for parts in drawn[0] for part in parts.values()]
    assert len(set(numbers)) == len(numbers) == 4


def test_the_client_gets_smacv2s_settings(make, tmp_path):
    make(conic_fov=True, num_fov_actions=6, map_name="protoss_10_vs_11").reset(seed=0)
    (said,) = starts(tmp_path)
    assert (said["map_name"], said["conic_fov"], said["num_fov_actions"]) == ("10gen_protoss", True, 6)
    assert (said["use_unit_ranges"], said["obs_own_pos"]) == (True, True)
    assert said["capability_config"]["n_enemies"] == 11


def test_a_crash_breaks_the_episode_of_its_copy_alone_and_the_wrapped_client_does_not_restart_by_itself(make):
    env = make(2, faults={"1": ["step", 2, "crash"]})
    env.reset(seed=0)
    wait(env)
    wait(env)
    step = wait(env)
    assert sorted(step.broken.tolist()) == [False, True]
    assert "the client lost its game" in env.fault(int(step.broken.argmax()))
    wait(env)
    assert env.counters() == {"num_game_starts": 3, "num_game_faults": 1}


def test_a_reset_in_the_first_episode_starts_no_second_game_in_the_same_process(make, tmp_path):
    env = make()
    env.reset(seed=0)
    wait(env)
    env.reset()
    assert len(starts(tmp_path)) == 1


def test_teams_that_are_not_created_are_a_fault_and_another_game_is_started(make):
    env = make(told={"lost_resets": 1}, start_tries=2)
    with pytest.raises(Exception, match="did not create all units of the drawn teams"):
        env.reset(seed=0)


def test_rewards_are_divided_by_what_the_present_enemies_are_worth(make):
    env = make()
    worths = []
    for _ in range(2):
        first = wait(env) if worths else env.reset(seed=1)
        health = 50 + int(100 * first.obs[0, 0, 0])
        worths.append(health)
        # The stand-in pays 100 in every step: of 5 · 10 for kills, 200 for the win and the enemies' health.
        assert wait(env).rewards[0] == pytest.approx(100 / ((50 + 200 + 5 * health) / 20))
        while not wait(env).terminated[0]:
            pass
    assert worths[0] != worths[1]


def test_an_action_that_is_not_allowed_is_refused(make):
    env = make()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"smacv2: action 0 \(no-op\) of agent 0 \(unit\) in copy 0"):
        env.step(np.zeros((1, 5), int))


# What is missing


@pytest.fixture
def machine(tmp_path, monkeypatch):
    complete = Machine(tmp_path)
    (complete.packages / "smacv2").mkdir()
    (complete.maps / "32x32_flat.SC2Map").touch()
    monkeypatch.setenv("SC2PATH", str(complete.game))
    monkeypatch.setattr(preflight_module, "_package_folder", complete.package_folder)
    monkeypatch.setattr(preflight_module, "_version_of", complete.versions.get)
    return complete


def test_a_complete_machine_makes_the_environment(machine):
    assert make_team_env("smacv2", {"map_name": "zerg_10_vs_11"}).n_agents == 10


def test_the_missing_package_is_named_with_how_to_install_it(machine):
    (machine.packages / "smacv2").rmdir()
    with pytest.raises(SettingError) as caught:
        make_team_env("smacv2", {"map_name": "terran_5_vs_5"})
    told = str(caught.value)
    assert told.startswith("env 'smacv2' cannot run here: (1) The package smacv2 is not installed; do: ")
    assert "pip install git+https://github.com/oxwhirl/smacv2.git" in told
    assert "`rllib smac check --env smacv2`" in told


def test_smacv2s_maps_are_one_file(machine):
    (machine.maps / "32x32_flat.SC2Map").unlink()
    findings = preflight(["10gen_terran", "10gen_zerg"], env="smacv2")
    (missing,) = [finding for finding in findings if finding.is_missing]
    assert (
        "lacks 32x32_flat.SC2Map; copy smacv2/env/starcraft2/maps/SMAC_Maps of SMACv2's repository"
        in missing.text
    )


def test_the_check_command_looks_for_smacv2(rllib, refused, machine):
    assert rllib("smac", "check", "--env", "smacv2", "--map", "terran_5_vs_5").exit_code == 0
    assert rllib("smac", "check", "--env", "smacv2").exit_code == 0
    (machine.packages / "smacv2").rmdir()
    result = rllib("smac", "check", "--env", "smacv2")
    assert result.exit_code == 1
    assert "missing SMACv2" in result.stdout
    assert "did you mean 'smacv2'?" in refused("smac", "check", "--env", "smacv")
