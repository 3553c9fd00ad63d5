"""FOP's learner step against a plain computation in float64; its settings, its temperature, its draws."""

import numpy as np
import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.actor_critic.settings.fop import PAPERS
from rllib_remix.algorithms.fop import FOPConfig
from rllib_remix.errors import SettingError
from rllib_remix.models.mixing.mixer import MixerSizes
from rllib_remix.models.sizes import check_image_state
from rllib_remix.team.settings.loop import copy_interval, copy_tau
from tests.actor_critic.reference_fop import ReferenceFOP, Settings
from tests.actor_critic.steps import (
    check_numbers,
    check_step,
    learner_of,
    prepared,
    rewritten_padding,
    update,
)
from tests.learner_step.learners import a_batch, gradients, module_of, parameters, tensors
from tests.team.pictures import LIMIT, Pictures

DEFAULTS = {
    "preset": None,
    "agent_hidden_dim": 64,
    "mixer_embed_dim": 32,
    "hypernet_hidden_dim": 64,
    "mixer_heads": 4,
    "importance_layers": 2,
    "zero_initial_values": True,
    "observe_last_action": True,
    "observe_agent_id": True,
    "share_parameters": True,
    "encoder": "auto",
    "observe_time": False,
    "normalize_observations": None,
    "temperature": [[0, 0.5], [90_000, 0.05]],
    "actions_in_evaluation": "greedy",
    "td_lambda": 0.0,
    "time_limit": "truncation",
    "truncated_value": "previous",
    "optimizer_kind": "adam",
    "critic_lr": None,
    "train_batch_episodes": 32,
    "replay_buffer_capacity": 5000,
    "num_replay_shards": 0,
    "recent_episodes_share": None,
    "recent_episodes_capacity": 200,
    "rollout_episodes_per_update": 2,
    "target_network_update_interval": None,
    "target_network_update_episodes": None,
    "tau": None,
    "overlap_sampling": False,
    "reward_scale": 1.0,
    "normalize_rewards": True,
    "standardize_rewards": False,
    "epsilon": 0.0,
    "num_env_processes": 0,
    "skip_removed_agents": True,
    "compute_dtype": "float32",
    "num_torch_threads": 1,
    "num_threads_per_learner": 1,
}


def fop_learner(settings=Settings(), **others):
    return learner_of("FOP", settings, **others)


def config(**settings):
    return FOPConfig().environment("matrix_game").training(**settings)


def told(batch, learner, **how):
    """A batch as the module gets it, with what the learner tells it."""
    own = prepared(batch, **how)[DEFAULT_MODULE_ID]
    episodes = len(own["lengths"])
    temperature = torch.full((episodes,), learner.config.temperature)
    return dict(own) | {"temperature": temperature, "update": torch.ones(episodes, dtype=torch.int64)}


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        pytest.param(Settings(truncated_value="last", temperature=2.5), marks=pytest.mark.battery),
        pytest.param(Settings(td_lambda=1.0, time_limit="termination"), marks=pytest.mark.battery),
        pytest.param(Settings(td_lambda=0.0, skip_removed_agents=False), marks=pytest.mark.battery),
    ],
)
def test_a_step_is_the_plain_computations(settings):
    learner = fop_learner(settings)
    before = parameters(learner)
    expected = ReferenceFOP(before, a_batch(), settings)
    logged = update(learner, a_batch())
    check_numbers(logged, expected)
    advantages = np.concatenate(
        [expected.advantages[e, :length] for e, length in enumerate(expected.lengths)]
    )
    assert logged["advantage_mean"] == pytest.approx(advantages.mean(), rel=1e-4)
    assert logged["advantage_std"] == pytest.approx(advantages.std(), rel=1e-4)
    assert logged["target_mean"] == pytest.approx(np.concatenate(expected.targets).mean(), rel=1e-4)
    first, second = (
        np.concatenate([values[e, :length] for e, length in enumerate(expected.lengths)])
        for values in expected.joint_values(expected.parameters)
    )
    assert logged["value_mean"] == pytest.approx((first + second).mean() / 2, rel=1e-4)
    assert logged["twin_difference_mean"] == pytest.approx(np.abs(first - second).mean(), rel=1e-4)
    assert logged["temperature"] == pytest.approx(settings.temperature)
    check_step(learner, before, logged, expected)


def test_the_second_update_draws_other_actions():
    learner, again = (fop_learner(lr=1e-30, critic_lr=1e-30) for _ in range(2))
    before = parameters(learner)
    logged = [update(learner, a_batch()) for _ in range(2)]
    for number, numbers in enumerate(logged):
        expected = ReferenceFOP(before, a_batch(), Settings(), update=number)
        assert numbers["value_loss"] == pytest.approx(expected.value_loss(expected.parameters), rel=1e-4)
    assert logged[0]["target_mean"] != logged[1]["target_mean"]
    assert update(again, a_batch()) == logged[0]


def test_the_temperature_follows_its_schedule_over_env_steps():
    learner = fop_learner(temperature=[[0, 0.5], [1000, 0.1]])
    for env_steps, temperature in ((0, 0.5), (500, 0.3), (1000, 0.1), (10**6, 0.1), (250, 0.4)):
        assert update(learner, a_batch(), env_steps=env_steps)["temperature"] == pytest.approx(temperature)


def test_what_stands_on_padding_has_no_influence():
    learners = [fop_learner() for _ in range(2)]
    batches = a_batch(), rewritten_padding(a_batch())
    logged = [update(learner, batch) for learner, batch in zip(learners, batches, strict=True)]
    assert logged[0] == logged[1]
    for name, gradient in gradients(learners[0]).items():
        assert (gradient == gradients(learners[1])[name]).all()


def test_what_a_removed_agent_would_see_has_no_influence():
    learners, batches = [fop_learner() for _ in range(2)], [a_batch() for _ in range(2)]
    batches[1]["obs"][0, 3:, 2] = 7.0  # It is there for three steps.
    logged = [update(learner, batch) for learner, batch in zip(learners, batches, strict=True)]
    assert logged[0] == logged[1]
    for name, gradient in gradients(learners[0]).items():
        assert (gradient == gradients(learners[1])[name]).all()


def test_two_learners_together_have_the_loss_of_the_whole_batch():
    whole, losses = None, []
    for learners in (1, 2):
        learner = fop_learner()
        batch = told(a_batch(), learner, num_learners=learners)
        for part in range(learners):
            rows = slice(part * 6 // learners, (part + 1) * 6 // learners)
            own = {name: values[rows] for name, values in batch.items()}
            with torch.no_grad():
                fwd_out = learner.module[DEFAULT_MODULE_ID].forward_train(own)
                loss = learner.compute_loss_for_module(
                    module_id=DEFAULT_MODULE_ID, config=learner.config, batch=own, fwd_out=fwd_out
                )
            losses.append(loss.item())
        whole = losses.pop() if whole is None else whole
    assert np.mean(losses) == pytest.approx(whole, rel=1e-5)
    assert losses[0] != losses[1]


def test_policies_learn_from_the_lesser_values_and_critics_from_the_actions_taken():
    learner, given, batch = fop_learner(), a_batch(), tensors(a_batch())
    fwd_out = {
        "logits": torch.randn(6, 5, 3, 4, requires_grad=True),
        "action_values": torch.randn(6, 5, 3, 4, requires_grad=True),
        "joint_values": torch.randn(6, 2, 5, requires_grad=True),
        "target_values": torch.randn(6, 6, requires_grad=True),
    }
    learner.compute_loss_for_module(
        module_id=DEFAULT_MODULE_ID, config=learner.config, batch=told(given, learner), fwd_out=fwd_out
    ).backward()
    avail, padding = batch["avail_actions"][:, :-1], torch.arange(5) >= batch["lengths"][:, None]
    choice = (avail.sum(-1) > 1) & ~padding.unsqueeze(-1)
    assert fwd_out["logits"].grad[choice].any(-1).all()
    assert not fwd_out["logits"].grad[~choice].any()
    for of_twin in fwd_out["joint_values"].grad.unbind(1):
        assert (of_twin[~padding] != 0).all()
        assert not of_twin[padding].any()
    assert fwd_out["action_values"].grad is None
    assert fwd_out["target_values"].grad is None


def test_what_the_module_gives_has_these_shapes_and_its_twins_begin_unlike():
    learner = fop_learner()
    batch = told(a_batch(), learner)
    out = module_of(learner).forward_train(batch)
    shapes = {name: tuple(values.shape) for name, values in out.items()}
    assert shapes == {
        "logits": (6, 5, 3, 4),
        "joint_values": (6, 2, 5),
        "action_values": (6, 5, 3, 4),
        "target_values": (6, 6),
    }
    assert all(values.dtype == torch.float32 for values in out.values())
    assert [name for name, values in out.items() if values.requires_grad] == ["logits", "joint_values"]
    new = (
        FOPConfig()
        .training(agent_hidden_dim=4)
        .get_rl_module_spec(
            spaces={
                DEFAULT_MODULE_ID: (module_of(learner).observation_space, module_of(learner).action_space)
            }
        )
    )
    first, second = new.build().critic_agents
    assert (first.encoder.weight != second.encoder.weight).any()


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_learns_in_both_dtypes_with_normalised_observations_and_the_time(dtype, share):
    learner = fop_learner(
        compute_dtype=dtype, normalize_observations=True, observe_time=True, share_parameters=share
    )
    before = parameters(learner)
    logged = update(learner, rewritten_padding(a_batch()))
    assert all(np.isfinite(logged[name]) for name in ("policy_loss", "value_loss", "grad_norm"))
    assert all((parameters(learner)[name] != before[name]).any() for name in gradients(learner))


# Settings


def test_it_has_these_settings_with_these_defaults_and_no_others():
    assert {entry.name: getattr(config(), entry.name) for entry in config().own_settings()} == DEFAULTS
    assert (config().lr, config().gamma, config().grad_clip) == (1e-3, 0.99, 10.0)
    assert (copy_tau(config()), copy_interval(config())) == (0.01, 1)
    config().validate()


def test_papers_are_the_settings_of_the_reference():
    papers = config(preset="papers")
    assert {name: getattr(papers, name) for name in PAPERS} == dict(PAPERS)
    assert (papers.lr, papers.epsilon, copy_tau(papers)) == (5e-4, [[0, 1.0], [50_000, 0.05]], 1.0)
    papers.validate()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, r"temperature: 0 .*\[0.0001, 10000\]"),
        ({"temperature": [[0, 0.5], [100, 0]]}, r"temperature: 0 .*\[0.0001, 10000\]"),
        ({"temperature": [[0, 0.5], [0, 0.1]]}, "temperature: the schedule .* runs backwards"),
        ({"mixer_heads": 0}, "mixer_heads: 0"),
        ({"importance_layers": 9}, "importance_layers: 9"),
        ({"mixer_embed_dim": 0}, "mixer_embed_dim: 0"),
        ({"hypernet_hidden_dim": 0}, "hypernet_hidden_dim: 0"),
        ({"critic_lr": 0}, r"critic_lr: 0 .*\(0, inf\)"),
        ({"train_batch_episodes": 6000}, "train_batch_episodes: 6000 is more than"),
    ],
)
def test_values_that_cannot_be_are_refused_with_the_reason(settings, message):
    with pytest.raises(SettingError, match=message):
        config(**settings).validate()


@pytest.mark.parametrize(
    "name", ["entropy_coefficient", "mixer", "critic_hidden_dim", "value_loss_weight", "tree_backup_lambda"]
)
def test_settings_that_would_have_no_effect_are_not_there(name):
    with pytest.raises(SettingError, match=f"unknown key '{name}'"):
        config(**{name: 1})


def test_a_state_of_images_that_would_make_enormous_critics_is_refused():
    check_image_state(MixerSizes(3, 4, 10_000, None), config().networks())
    with pytest.raises(SettingError, match=r"^FOP is not possible, as the state has 2,000,000 numbers"):
        check_image_state(MixerSizes(3, 4, 2_000_000, None), config().networks())


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_teams_that_see_images_train(build, tmp_path):
    of_images = (
        FOPConfig()
        .environment(Pictures, env_config={"team_adapter": {"state": "observations", "episode_limit": LIMIT}})
        .training(train_batch_episodes=8, agent_hidden_dim=8)
        .reporting(min_sample_timesteps_per_iteration=40)
        .debugging(seed=0)
    )
    trained = build(of_images)
    learner = trained.train()["learners"]["default_policy"]
    assert all(np.isfinite(learner[key]) for key in trained.learner_result_keys())
    trained.save_to_path(str(tmp_path / "saved"))
    build(of_images.copy(copy_frozen=False)).restore_from_path(str(tmp_path / "saved"))
