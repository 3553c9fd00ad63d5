"""An algorithm that is not value-based stands on what all share: it trains, saves, restores, and is played."""

import math

import pytest

from rllib_remix import TeamPolicy, playing
from rllib_remix.checkpoints.exporting import export
from rllib_remix.checkpoints.portable import read_weights
from rllib_remix.envs.registry import make_team_env
from rllib_remix.errors import SettingError
from tests.algorithms.games import equal, weights
from tests.team.actor_critic import ActorCriticConfig, ActorCriticLearner, PrioritizedConfig


def config(made_by=ActorCriticConfig, **training):
    settings = made_by().environment("matrix_game").training(agent_hidden_dim=4, **training)
    return settings.reporting(min_sample_timesteps_per_iteration=8).debugging(seed=0)


def test_it_trains_saves_restores_and_is_played(build, tmp_path):
    trained = build(config())
    before = {name: array.copy() for name, array in weights(trained).items()}
    result = trained.train()
    learner = result["learners"]["default_policy"]
    assert all(math.isfinite(learner[name]) for name in ("policy_loss", "critic_loss"))
    assert math.isnan(result["env_runners"]["epsilon"])
    for name in ("agent.head.bias", "critic.2.bias"):
        assert (weights(trained)[name] != before[name]).all()

    checkpoint = trained.save_to_path(tmp_path / "checkpoint")
    restored = build(config())
    restored.restore_from_path(checkpoint)
    assert equal(weights(restored), weights(trained))
    restored.train()

    policy = TeamPolicy.from_checkpoint(checkpoint)
    step = make_team_env("matrix_game", num_envs=3).reset(seed=0)
    policy.reset(num_envs=3)
    assert policy.act(step).shape == (3, 2)
    assert playing.evaluate(checkpoint, 4)["num_episodes"] == 4


def test_its_own_actor_plays(build):
    episodes = build(config()).env_runner.sample(num_episodes=40, explore=False)
    assert (
        len({tuple(episode.actions[0].tolist()) for episode in episodes}) > 4
    )  # of 9; greedy agents take one


def test_its_networks_are_those_that_act_in_the_checkpoint_and_in_what_is_exported(build, tmp_path):
    trained = build(config())
    checkpoint = trained.save_to_path(tmp_path / "checkpoint")
    exported = export(checkpoint, tmp_path / "out").folder
    assert equal(read_weights(exported), weights(trained))
    assert "critic.0.bias" in read_weights(exported)
    agent = TeamPolicy.from_checkpoint(exported).network.state_dict()
    for name, weight in agent.items():
        assert (weight.numpy() == weights(trained)[f"agent.{name}"]).all()


def test_settings_of_networks_that_no_checkpoint_can_hold_are_refused_before_it_trains():
    class OfWords(ActorCriticConfig):
        def networks(self):
            return super().networks() | {"critic_layers": {"units": 8}}

    class OfClasses(ActorCriticConfig):
        def networks(self):
            return super().networks() | {"critic_class": ActorCriticLearner}

    class WithoutAgents(ActorCriticConfig):
        def networks(self):
            return {"critic_hidden_dim": 8}

    for made_by, message in (
        (
            OfWords,
            r"^OfWords\.networks\(\): networks\.critic_layers: .* is not allowed; it must be a number, true or",
        ),
        (OfClasses, r"^OfClasses\.networks\(\): Object of type .* is not JSON serializable"),
        (WithoutAgents, r"^WithoutAgents\.networks\(\): agent_hidden_dim is missing"),
    ):
        with pytest.raises(SettingError, match=message):
            config(made_by).validate()


@pytest.mark.parametrize(
    ("made_by", "settings", "message"),
    [
        (
            ActorCriticConfig,
            {"prioritized_replay_alpha": 0.5},
            r"^prioritized_replay_alpha: 0\.5 .* no effect in ActorCritic, where batches are drawn uniformly\. Leave it at 1\.0\.$",
        ),
        (
            ActorCriticConfig,
            {"prioritized_replay_beta": 0.4},
            "^prioritized_replay_beta: 0.4 .* no effect in Act",
        ),
        (
            PrioritizedConfig,
            {"replay_buffer": "uniform"},
            "^replay_buffer: 'uniform' cannot draw by priority, which ActorCritic needs; allowed: 'prioritized'.$",
        ),
        (
            PrioritizedConfig,
            {"prioritized_replay_alpha": 0},
            r"^prioritized_replay_alpha: 0 draws uniformly, so that the priorities would be lost; .* in \(0, 1\]\.$",
        ),
    ],
)
def test_settings_of_draws_that_it_does_not_make_are_refused(made_by, settings, message):
    config(made_by, prioritized_replay_epsilon=1e-6).validate()
    with pytest.raises(SettingError, match=message):
        config(made_by, **settings).validate()


def test_a_learner_that_reports_no_priorities_is_named_where_batches_are_drawn_by_them(build):
    algorithm = build(config(PrioritizedConfig))
    with pytest.raises(RuntimeError, match=r"^learner_class: ActorCriticLearner reported no priorities"):
        algorithm.train()


def test_what_is_said_of_a_setting_without_effect_names_its_own_learner():
    with pytest.raises(SettingError, match="use `learner_class` with a ActorCriticLearner that overrides"):
        config(optimizer={"type": "sgd"}).validate()
