"""Environments that others wrote, by the names that their users know; those whose package is missing are skipped."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from strangers.table import STRANGERS

from rllib_remix.envs.checker import check_sizes, check_step, check_team_env
from rllib_remix.errors import SettingError
from rllib_remix.playing.environments import RandomTeam
from rllib_remix.playing.episodes import play
from rllib_remix.rollout.building import build_team_env

ACCEPTED = [each for each in STRANGERS if not each.refusal]
REFUSED = [each for each in STRANGERS if each.refusal]
SMALL = {"train_batch_episodes": 2, "min_sample_timesteps_per_iteration": 50, "num_envs_per_env_runner": 2}


def short(stranger):
    return stranger.name.rpartition(".classes.")[2] or stranger.name


@pytest.fixture(autouse=True)
def files_of_a_user(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "scripts" / "strangers"))


def require(stranger):
    for module in stranger.needs:
        pytest.importorskip(module)


@pytest.mark.parametrize("stranger", ACCEPTED, ids=short)
def test_it_is_a_team_of_these_sizes_that_plays_by_the_contract(stranger):
    require(stranger)
    env = build_team_env(stranger.name, stranger.env_config, 1)
    try:
        assert (env.n_agents, env.n_actions, env.obs_dim, env.state_dim, env.episode_limit) == stranger.sizes
        if stranger.repeats:
            check_team_env(env, episodes=1)
        else:
            check_sizes(env)
            check_step(env, env.reset(seed=0), "reset()")
        played = play(RandomTeam(0), env, 1, seed=0)
        assert 1 <= played.lengths[0] <= env.episode_limit
    finally:
        env.close()


@pytest.mark.parametrize("stranger", REFUSED, ids=short)
def test_it_is_refused_with_what_to_do(stranger):
    require(stranger)
    with pytest.raises(SettingError) as error:
        build_team_env(stranger.name, stranger.env_config, 1)
    assert stranger.refusal in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
@pytest.mark.parametrize(
    "stranger",
    [
        each
        for each in ACCEPTED
        if each.name.rpartition(".")[2] in ("simple_spread_v3", "TwoStepGameWithGroupedAgents")
        or each.name.startswith(("lbforaging:Foraging-8x8-2p", "vmas:balance"))
    ],
    ids=short,
)
def test_it_is_trained_and_evaluated_by_the_command(stranger, rllib, tmp_path):
    require(stranger)
    words = ["train", "--algo", "QMIX", "--env", stranger.name, "--env-config", stranger.env_config]
    stop = ["--stop", {"training_iteration": 1}, "--storage-path", tmp_path / "results", "-n", "run"]
    trained = rllib(*words, "--config", SMALL, *stop)
    assert trained.exit_code == 0, trained.output
    (checkpoint,) = tmp_path.glob("results/run/*/checkpoint_000000")
    told = next(line for line in trained.output.splitlines() if "rllib evaluate" in line)
    assert told.endswith(f"--env {stranger.name}")
    evaluated = rllib("evaluate", checkpoint, "--episodes", 1, "--env", stranger.name)
    assert evaluated.exit_code == 0, evaluated.output
    assert evaluated.stdout.startswith(f"QMIX on {stranger.name}, 1 greedy episode")
