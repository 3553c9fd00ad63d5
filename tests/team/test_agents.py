"""Agents keep their slots: in every env runner, checkpoint and export, or they are refused."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from ray.rllib.algorithms.algorithm import Algorithm
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.tune.registry import register_env

from rllib_remix import TeamPolicy, make_team_env
from rllib_remix.algorithms.qmix import QMIX
from rllib_remix.checkpoints.fitting import check_checkpoint
from rllib_remix.checkpoints.manifest import METADATA, write_manifest
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.envs.team_env import TeamSpec
from rllib_remix.errors import SettingError, UserError
from rllib_remix.models.agent import RecurrentAgent
from rllib_remix.playing.teams import _check_fits
from rllib_remix.team.agents import ask_for_team_spec
from tests.algorithms.games import one_shot, tiny
from tests.envs.foreign.games import AGENTS, OPTIONS, Of

SPEC = TeamSpec(2, 3, 4, 5, 6, "float32", "float32", ("a", "b"))
SWAPPED = r"the same agents in another order: b, a there, a, b here"


def group(*specs):
    """Env runners that play these teams."""
    return SimpleNamespace(
        num_remote_env_runners=lambda: len(specs),
        foreach_env_runner=lambda function, local_env_runner: [
            function(SimpleNamespace(get_team_spec=lambda spec=spec: spec)) for spec in specs
        ],
    )


def algorithm(training, evaluation=None):
    """As much of an algorithm as the check looks at."""
    made = QMIX.__new__(QMIX)
    made.env_runner_group, made.eval_env_runner_group, made.team_spec = training, evaluation, SPEC
    return made


def test_env_runners_with_the_agents_in_one_order_give_the_spec():
    of_evaluation = group(SPEC._replace(episode_limit=3), SPEC._replace(n_agents=1, agents=("c",)))
    assert ask_for_team_spec(group(SPEC, SPEC), of_evaluation) == SPEC


@pytest.mark.parametrize("place", ["training", "evaluation"])
def test_an_env_runner_with_the_agents_in_another_order_is_refused_with_both(place):
    groups = {"training": group(SPEC), "evaluation": group(SPEC)}
    groups[place] = group(SPEC, SPEC._replace(agents=("b", "a")))
    with pytest.raises(SettingError, match=SWAPPED):
        ask_for_team_spec(groups["training"], groups["evaluation"])


def test_an_env_runner_that_was_restarted_with_another_order_is_refused(monkeypatch):
    for restored, expected in (([2], SettingError), ([], None)):
        monkeypatch.setattr(Algorithm, "restore_env_runners", lambda self, group, restored=restored: restored)
        runners = group(SPEC, SPEC._replace(agents=("b", "a")))
        if expected:
            with pytest.raises(expected, match=SWAPPED):
                algorithm(runners).restore_env_runners(runners)
        else:
            assert algorithm(runners).restore_env_runners(runners) == []


def saved(folder, **team):
    """A checkpoint folder that says no more than what is checked."""
    networks = {
        "agent_hidden_dim": 8,
        "observe_last_action": True,
        "observe_agent_id": True,
        "utility_clamp": None,
    }
    metadata = {"algorithm": "QMIX", "environment": None, "env_config": None, "networks": networks}
    (folder / METADATA).write_text(json.dumps(metadata | {"team": SPEC._asdict() | team}))
    write_manifest(folder)
    return folder


def test_a_checkpoint_with_the_agents_in_another_order_is_refused_with_both(tmp_path):
    check_checkpoint(saved(tmp_path), "QMIX", SPEC)
    with pytest.raises(CheckpointError, match=SWAPPED):
        check_checkpoint(saved(tmp_path, agents=["b", "a"]), "QMIX", SPEC)
    with pytest.raises(CheckpointError, match="other agents: a, c there"):
        check_checkpoint(saved(tmp_path, agents=["a", "c"]), "QMIX", SPEC)
    with pytest.raises(CheckpointError, match="obs_dim = 9, this environment has 4"):
        check_checkpoint(saved(tmp_path, obs_dim=9), "QMIX", SPEC)


def test_a_checkpoint_that_does_not_know_its_agents_is_taken(tmp_path):
    folder = saved(tmp_path)
    metadata = json.loads((folder / METADATA).read_text())
    del metadata["team"]["agents"]
    (folder / METADATA).write_text(json.dumps(metadata))
    write_manifest(folder)
    check_checkpoint(folder, "QMIX", SPEC)


def test_evaluate_plays_no_environment_with_the_agents_in_another_order(tmp_path):
    team = json.loads(json.dumps(SPEC._asdict()))
    _check_fits(tmp_path, team, SPEC)
    _check_fits(tmp_path, {name: value for name, value in team.items() if name != "agents"}, SPEC)
    with pytest.raises(UserError, match=SWAPPED):
        _check_fits(tmp_path, team | {"agents": ["b", "a"]}, SPEC)


def test_a_policy_knows_its_agents_and_refuses_an_environment_with_others():
    env = make_team_env("matrix_game")
    policy = TeamPolicy(RecurrentAgent(1, 3, 2), algorithm="QMIX", agents=env.spec.agents)
    policy.check_agents(env)
    env.agent_names = ["agent_1", "agent_0"]
    with pytest.raises(SettingError, match="the policy is of the same agents in another order"):
        policy.check_agents(env)


class Shuffled(Of):
    """Lists its agents in another order in every env runner, as a list made from a set may."""

    def __init__(self, config):
        super().__init__()
        self.possible_agents = list(AGENTS)[:: -1 if config.worker_index % 2 else 1]
        self.agents = []


@pytest.mark.slow
def test_training_with_unlike_orders_does_not_start(ray_session):
    register_env("shuffled", Shuffled)
    config = tiny("QMIX", seed=None).environment("shuffled", env_config={"team_adapter": OPTIONS})
    with pytest.raises(SettingError, match=r"the same agents in another order: .*possible_agents = sorted"):
        config.env_runners(num_env_runners=2, num_envs_per_env_runner=1).build_algo()


class Won(Of):
    """Says only at the end who has won, and pays a alone at the last step."""

    def tell(self):
        return {agent: {"battle_won": True} for agent in AGENTS} if self.time >= self.length else {}

    def pay(self):
        return {"a": 1.0 + 6.0 * (self.time >= self.length), "b": 1.0}


class Listening(RLlibCallback):
    """Reports what callbacks can know of an episode."""

    def on_episode_step(self, *, episode, env, env_index, **kwargs):
        assert episode.info == ({"battle_won": 1.0} if env.infos[env_index] else {})

    def on_episode_end(self, *, episode, env, env_index, metrics_logger, **kwargs):
        told = env.infos[env_index]["a"]["battle_won"], episode.info["battle_won"]
        metrics_logger.log_value("told", sum(told) + episode.agent_returns["a"])


@pytest.mark.slow
def test_infos_of_a_foreign_environment_and_its_agents_names_reach_results_and_checkpoints(build, tmp_path):
    register_env("won", Won)
    config = one_shot("QMIX", "won", steps=48).environment("won", env_config={"team_adapter": OPTIONS})
    trained = build(config.callbacks(Listening))
    result = trained.train()
    for played in (result["env_runners"], result["evaluation"]["env_runners"]):
        assert played["battle_won_mean"] == 1.0
        assert np.isclose(played["episode_return_mean"], 18.0)
        assert played["agent_episode_returns_mean"] == {"a": 12.0, "b": 6.0}
        assert played["told"] == 1 + 1 + 12
        assert not {"episode_sums", "episode_counts"} & set(played)
    policy = TeamPolicy.from_checkpoint(trained.save_to_path(str(tmp_path / "c")))
    assert policy.agents == AGENTS
