"""MAPPO's update against a plain computation in float64 over two passes, and its parts by properties."""

import copy

import numpy as np
import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.actor_critic.mappo import have_choice
from rllib_remix.actor_critic.settings import mappo as mappo_settings
from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.errors import SettingError
from rllib_remix.learning.policies import policies_of
from rllib_remix.models import normalizer
from tests.actor_critic.reference_mappo import ReferenceMAPPO, Settings
from tests.actor_critic.steps import check_numbers, learner_of, prepared, rewritten_padding, update
from tests.learner_step.learners import a_batch, gradients, module_of, parameters, tensors
from tests.learner_step.reference_step import Adam, clipped, global_norm

CLIP = 0.5
FAST = {"lr": 0.03, "critic_lr": 0.04}  # unlike all limits, at which there are kinks
VARIANTS = [
    Settings(),
    pytest.param(Settings(td_lambda=1.0, truncated_value="last"), marks=pytest.mark.battery),
    pytest.param(Settings(td_lambda=0.0, time_limit="termination"), marks=pytest.mark.battery),
    pytest.param(Settings(normalize_values=False, huber_delta=None), marks=pytest.mark.battery),
    pytest.param(Settings(normalize_advantages=False, value_clip_range=None), marks=pytest.mark.battery),
    pytest.param(Settings(skip_removed_agents=False), marks=pytest.mark.battery),
]
DEFAULTS = {
    "preset": None,
    "agent_hidden_dim": 64,
    "critic_hidden_dim": 128,
    "zero_initial_values": True,
    "observe_last_action": True,
    "observe_agent_id": True,
    "share_parameters": True,
    "encoder": "auto",
    "observe_time": False,
    "normalize_observations": None,
    "entropy_coefficient": 0.01,
    "clip_range": 0.2,
    "actions_in_evaluation": "greedy",
    "td_lambda": 0.95,
    "time_limit": "truncation",
    "truncated_value": "previous",
    "normalize_values": True,
    "normalize_advantages": True,
    "num_epochs": 5,
    "optimizer_kind": "adam",
    "critic_lr": None,
    "value_clip_range": 0.2,
    "huber_delta": 10.0,
    "train_batch_episodes": 8,
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


def config_of(**settings):
    return get_algorithm_config("MAPPO").environment("matrix_game").training(**settings)


def mappo(settings=None, **others):
    return learner_of("MAPPO", settings or Settings(), **({"num_epochs": 1} | others))


def parts_of(named):
    return {
        "actor": {name: value for name, value in named.items() if name.startswith("agent.")},
        "critic": {name: value for name, value in named.items() if name.startswith("central_critic.")},
    }


def check_gradient(learner, logged, expected, of):
    """The optimizers stepped by the reference's gradient at the parameters `of`, clipped for each apart."""
    gradient = expected.gradient(of)
    assert logged["grad_norm"] == pytest.approx(global_norm(gradient), rel=1e-4)
    stepped_by, parts = gradients(learner), parts_of(gradient)
    assert stepped_by.keys() == gradient.keys()
    assert sum(map(len, parts.values())) == len(gradient)
    for part in parts.values():
        for name, slopes in clipped(part, CLIP).items():
            np.testing.assert_allclose(stepped_by[name], slopes, atol=2e-4 * CLIP, err_msg=name)


# The update


@pytest.mark.parametrize("settings", VARIANTS)
def test_two_passes_are_the_plain_computations(settings):
    once, twice = mappo(settings, **FAST), mappo(settings, num_epochs=2, **FAST)
    before = parameters(once)
    assert all((array == parameters(twice)[name]).all() for name, array in before.items())
    expected = ReferenceMAPPO(before, a_batch(), settings)

    logged = update(once, a_batch())
    check_numbers(logged, expected)
    check_gradient(once, logged, expected, before)
    advantages, returns = np.concatenate(expected.advantages), np.concatenate(expected.returns)
    of_choices = np.array([expected.advantages[e][t, a] for e, t, a in expected.choices])
    assert logged["advantage_mean"] == pytest.approx(of_choices.mean(), rel=1e-4, abs=1e-6)
    assert logged["advantage_std"] == pytest.approx(of_choices.std(), rel=1e-4)
    assert logged["target_mean"] == pytest.approx(returns.mean(), rel=1e-4)
    assert logged["value_mean"] == pytest.approx(np.concatenate(expected.values).mean(), rel=1e-4)
    explained = 1 - advantages.var() / returns.var()
    assert logged["explained_variance"] == pytest.approx(explained, rel=1e-4)
    assert (logged["clipped_share"], logged["kl"]) == (0, pytest.approx(0, abs=1e-6))
    between, first = parameters(once), gradients(once)

    logged = update(twice, a_batch())
    now = {name: np.asarray(array, float) for name, array in between.items()}
    assert logged["total_loss"] == pytest.approx(expected.loss(now), rel=1e-4)
    ratios = expected.ratios(now)
    outside = np.abs(ratios - 1) > settings.clip_range
    assert 0.1 < outside.mean() < 0.9
    assert logged["clipped_share"] == pytest.approx(outside.mean())
    assert logged["kl"] == pytest.approx((ratios - 1 - np.log(ratios)).mean(), rel=1e-3)
    check_gradient(twice, logged, expected, between)
    for part, own in parts_of(before).items():
        adam, rate = Adam(), FAST["lr" if part == "actor" else "critic_lr"]
        for stepped_by in (first, gradients(twice)):
            own = adam.step(own, {name: stepped_by[name].astype(float) for name in own}, lr=rate)
        for name, array in own.items():
            np.testing.assert_allclose(parameters(twice)[name], array, rtol=1e-4, atol=1e-5, err_msg=name)


def test_returns_of_earlier_updates_count_in_the_unit_of_values():
    learner = mappo()
    update(learner, a_batch(1))
    before, unit = parameters(learner), copy.deepcopy(module_of(learner).value_normalizer)
    so_far = unit.count.item(), unit.mean.item(), unit.variance.item()
    expected = ReferenceMAPPO(before, a_batch(), Settings(), so_far)
    logged = update(learner, a_batch())
    check_numbers(logged, expected)
    check_gradient(learner, logged, expected, before)
    unit = module_of(learner).value_normalizer
    assert (unit.count.item(), unit.mean.item()) == (expected.count, pytest.approx(expected.mean, rel=1e-5))
    assert unit.variance.item() == pytest.approx(expected.variance, rel=1e-5)


def test_the_first_passes_gradient_of_the_policies_is_the_plain_policy_gradient():
    settings = Settings(entropy_coefficient=0.0)
    learner = mappo(settings, grad_clip=1e9)
    module, expected = module_of(learner), ReferenceMAPPO(parameters(learner), a_batch(), settings)
    batch = prepared(a_batch())[DEFAULT_MODULE_ID]
    out = module.forward_train(batch)
    policies = policies_of(out["logits"], batch["avail_actions"][:, :-1], batch["actions"].long())
    mean, deviation = expected.about
    chosen = [
        (expected.advantages[e][t, a] - mean) / deviation * policies.taken[e, t, a]
        for e, t, a in expected.choices
    ]
    (-sum(chosen) / len(chosen)).backward()
    plain = {name: weight.grad.clone() for name, weight in module.agent.named_parameters()}
    module.zero_grad()
    update(learner, a_batch())
    for name, gradient in plain.items():
        np.testing.assert_allclose(gradients(learner)[f"agent.{name}"], gradient, rtol=1e-3, atol=1e-5)


def test_advantages_are_sums_of_discounted_one_step_errors():
    settings = Settings(normalize_advantages=False, normalize_values=False, truncated_value="last")
    learner = mappo(settings)
    batch = prepared(a_batch())
    learner._prepare(DEFAULT_MODULE_ID, batch[DEFAULT_MODULE_ID])
    given = batch[DEFAULT_MODULE_ID]
    values = module_of(learner).forward_train(given)["values"].detach().double().numpy()
    for e, length in enumerate(given["lengths"].tolist()):
        for a in range(3):
            after = values[e, 1 : length + 1, a].copy()
            after[-1] *= not given["terminated"][e]
            errors = given["rewards"][e, :length].numpy() + 0.83 * after - values[e, :length, a]
            for t in range(length):
                gae = sum((0.83 * 0.37) ** k * errors[t + k] for k in range(length - t))
                assert given["advantages"][e, t, a].item() == pytest.approx(gae, rel=1e-4, abs=1e-5)


def test_what_stands_on_padding_has_no_influence():
    learners = [mappo(num_epochs=2) for _ in range(2)]
    logged = [update(learners[0], a_batch()), update(learners[1], rewritten_padding(a_batch()))]
    assert logged[0] == logged[1]
    for name, gradient in gradients(learners[0]).items():
        assert (gradient == gradients(learners[1])[name]).all()


def a_second_pass(learner, batch):
    """Logits and values with their gradients, after an update's first pass has moved them at random."""
    torch.manual_seed(0)
    given = prepared(batch)
    learner._prepare(DEFAULT_MODULE_ID, given[DEFAULT_MODULE_ID])
    with torch.no_grad():
        out = module_of(learner).forward_train(given[DEFAULT_MODULE_ID])
    moved = {
        name: (values + 0.02 * torch.randn_like(values)).requires_grad_() for name, values in out.items()
    }
    learner.compute_loss_for_module(
        module_id=DEFAULT_MODULE_ID, config=learner.config, batch=given[DEFAULT_MODULE_ID], fwd_out=moved
    ).backward()
    return given[DEFAULT_MODULE_ID], moved


def test_no_gradient_reaches_an_agent_that_has_no_choice_and_all_agents_are_valued_to_the_end():
    learner = mappo(Settings(entropy_coefficient=0.3, value_clip_range=None))
    batch, moved = a_second_pass(learner, a_batch())
    avail, padding = batch["avail_actions"][:, :-1], torch.arange(5) >= batch["lengths"][:, None]
    choice, of_logits = have_choice(avail, ~padding), moved["logits"].grad
    forced = (avail.sum(-1) == 1) & ~padding.unsqueeze(-1)
    assert forced[0, 2:, 2].all()  # the agent that was removed
    assert (batch["old_log_probabilities"][forced] == 0).all()
    assert torch.equal(choice, ~forced & ~padding.unsqueeze(-1))
    assert not of_logits[~choice].any()
    assert of_logits[choice].any(-1).all()
    of_values = moved["values"].grad[:, :-1]
    assert (of_values[~padding] != 0).all()
    assert not of_values[padding].any()
    assert batch["num_choices"][0] == choice.sum()


def test_a_batch_in_which_nobody_has_a_choice_teaches_the_critic_alone():
    learner = mappo(num_epochs=2)
    batch = a_batch()
    batch["avail_actions"][:] = np.eye(4, dtype=bool)[2]
    batch["actions"][:] = 2
    before = parameters(learner)
    logged = update(learner, batch)
    assert np.isfinite(list(logged.values())).all()
    after = parameters(learner)
    assert all((after[name] == before[name]).all() for name in parts_of(before)["actor"])
    assert any((after[name] != before[name]).any() for name in parts_of(before)["critic"])


# Several learners, and updates that cannot be made


def test_two_learners_together_have_the_loss_of_the_whole_batch(monkeypatch):
    losses, whole = [], None
    for learners in (1, 2):
        learner = mappo()
        batch = prepared(a_batch(), num_learners=learners)[DEFAULT_MODULE_ID]
        owns = [
            {
                name: values[part * 6 // learners : (part + 1) * 6 // learners]
                for name, values in batch.items()
            }
            for part in range(learners)
        ]
        _learn_together(monkeypatch, learner, owns)
        for own in owns:
            with torch.no_grad():
                fwd_out = module_of(learner).forward_train(own)
                fwd_out = {name: values + 0.05 * values.sin() for name, values in fwd_out.items()}
                loss = learner.compute_loss_for_module(
                    module_id=DEFAULT_MODULE_ID, config=learner.config, batch=own, fwd_out=fwd_out
                )
            losses.append(loss.item())
        whole = losses.pop() if whole is None else whole
    assert np.mean(losses) == pytest.approx(whole, rel=1e-5)
    assert losses[0] != losses[1]


def _learn_together(monkeypatch, learner, owns):
    """Prepares every learner's part of a batch as if all did it at once: the first time for what the others have."""
    said = {}
    monkeypatch.setattr("rllib_remix.actor_critic.mappo._num_learners", lambda: len(owns))
    for exchanged in (False, True):
        for part, own in enumerate(owns):
            calls = iter(range(9))

            def of_all(sums, part=part, calls=calls, exchanged=exchanged):
                call = next(calls)
                said[part, call] = sums
                return [said[other, call] for other in range(len(owns))] if exchanged else [sums]

            monkeypatch.setattr(normalizer, "_of_all_learners", of_all)
            state = copy.deepcopy(module_of(learner).state_dict())
            learner._prepare(DEFAULT_MODULE_ID, own)
            if not (exchanged and part == len(owns) - 1):
                module_of(learner).load_state_dict(state)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_an_update_whose_first_or_later_pass_is_not_finite_is_undone_altogether(failing):
    learner = mappo(num_epochs=3, normalize_observations=True)
    update(learner, a_batch())
    before, state = module_of(learner).state_dict(), learner._get_optimizer_state()
    before = {name: values.clone() for name, values in before.items()}
    passes, loss_of = [], learner.loss_of

    def failing_loss(*args):
        loss, numbers = loss_of(*args)
        passes.append(len(passes) + 1)
        return (loss * np.nan if len(passes) == failing else loss), numbers

    learner.loss_of = failing_loss
    assert not np.isfinite(update(learner, a_batch(1))["grad_norm"])
    assert passes == list(range(1, failing + 1))
    for name, values in module_of(learner).state_dict().items():
        assert torch.equal(values, before[name]), name
    np.testing.assert_equal(learner._get_optimizer_state(), state)
    learner.loss_of = loss_of
    assert np.isfinite(update(learner, a_batch(1))["grad_norm"])


@pytest.mark.parametrize("reward", [np.nan, np.inf, 1e25])
def test_rewards_that_are_not_finite_teach_nothing(reward):
    learner = mappo(num_epochs=2)
    update(learner, a_batch())
    before = {name: values.clone() for name, values in module_of(learner).state_dict().items()}
    batch = a_batch(1)
    batch["rewards"][0, 0] = reward
    assert not np.isfinite(update(learner, batch)["grad_norm"])
    for name, values in module_of(learner).state_dict().items():
        assert torch.equal(values, before[name]), name


# Values


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_values_stay_in_the_unit_of_rewards_whatever_the_networks_unit_is(scale):
    settings = Settings(gamma=0.0, td_lambda=0.0, value_clip_range=None, huber_delta=None)
    learner = mappo(settings, zero_initial_values=True, num_epochs=5, critic_lr=0.02)
    module_of(learner).central_critic.begin_at_zero()
    batch = a_batch()
    batch["rewards"] *= scale
    logged = [update(learner, batch) for _ in range(60)]
    assert logged[0]["value_mean"] == 0
    assert logged[1]["value_mean"] == pytest.approx(logged[1]["target_mean"], rel=0.2)
    assert logged[-1]["value_mean"] == pytest.approx(logged[-1]["target_mean"], rel=0.1)
    rewards = np.concatenate([batch["rewards"][e, :n] for e, n in enumerate(batch["lengths"])])
    assert logged[-1]["target_mean"] == pytest.approx(rewards.mean(), rel=1e-3)
    assert logged[-1]["explained_variance"] > 0.2


def test_a_critics_unit_and_optimizers_are_kept():
    one, other = mappo(num_epochs=2), mappo(num_epochs=2)
    for _ in range(2):
        update(one, a_batch())
    other.set_state(one.get_state())
    for learner in (one, other):
        update(learner, a_batch(1))
    for name, values in module_of(one).state_dict().items():
        assert torch.equal(module_of(other).state_dict()[name], values), name


def test_actor_and_critic_have_optimizers_and_there_is_no_target():
    learner = mappo()
    kinds = dict(learner.get_optimizers_for_module(DEFAULT_MODULE_ID))
    assert {name: kind.param_groups[0]["lr"] for name, kind in kinds.items()} == {
        "actor": 0.004,
        "critic": 0.007,
    }
    assert module_of(learner).get_target_network_pairs() == []


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_learns_in_both_dtypes_with_normalised_observations_and_the_time(dtype):
    learner = mappo(compute_dtype=dtype, normalize_observations=True, observe_time=True, num_epochs=3)
    before = parameters(learner)
    logged = update(learner, rewritten_padding(a_batch()))
    assert all(np.isfinite(logged[name]) for name in ("policy_loss", "value_loss", "grad_norm", "kl"))
    assert all((parameters(learner)[name] != before[name]).any() for name in gradients(learner))


# Settings


def test_it_has_these_settings_with_these_defaults_and_no_others():
    config = config_of()
    assert {entry.name: getattr(config, entry.name) for entry in config.own_settings()} == DEFAULTS
    assert (config.lr, config.gamma, config.grad_clip) == (5e-4, 0.99, 10.0)
    assert config.minibatch_size is None
    config.validate()


def test_papers_are_the_settings_of_the_authors():
    config = config_of(preset="papers")
    given = mappo_settings.PAPERS
    assert {name: getattr(config, name) for name in given} == dict(given)
    assert (config.num_epochs, config.critic_hidden_dim, config.td_lambda) == (15, 64, 0.95)
    config.validate()
    assert config_of(preset="papers", num_epochs=5).num_epochs == 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_epochs": 0}, "num_epochs: 0"),
        ({"num_epochs": 2.5}, "num_epochs: 2.5"),
        ({"num_epochs": 10**6}, "num_epochs: 1000000"),
        ({"minibatch_size": 64}, "minibatch_size: 64 .* must be None"),
        ({"clip_range": 0}, r"clip_range: 0 .*\(0, 1\)"),
        ({"clip_range": 1.0}, r"clip_range: 1.0 .*\(0, 1\)"),
        ({"value_clip_range": 0}, r"value_clip_range: 0 .*\(0, inf\)"),
        ({"huber_delta": -1}, r"huber_delta: -1 .*\(0, inf\)"),
        ({"critic_lr": 0}, "critic_lr: 0"),
        ({"normalize_values": 1}, "normalize_values: 1"),
    ],
)
def test_values_that_cannot_be_are_refused_with_the_reason(settings, message):
    with pytest.raises(SettingError, match=message):
        config_of().update_from_dict(settings).validate()


@pytest.mark.parametrize("name", ["tau", "target_network_update_interval", "value_loss_weight", "clip_param"])
def test_settings_that_would_have_no_effect_are_not_there(name):
    with pytest.raises(SettingError, match=f"unknown key '{name}'"):
        config_of(**{name: 1})


@pytest.mark.parametrize("algorithm", ["VDAC", "COMA", "QMIX"])
def test_several_passes_are_for_no_other(algorithm):
    config = get_algorithm_config(algorithm).environment("matrix_game").training(num_epochs=2)
    with pytest.raises(SettingError, match="num_epochs: 2 is not allowed; it must be 1"):
        config.validate()


def test_what_stands_in_a_batch_is_read_again_in_every_pass(monkeypatch):
    learner = mappo(num_epochs=4)
    kept = []
    loss_of = learner.loss_of

    def noted(config, batch, *args):
        names = ("old_log_probabilities", "old_values", "value_targets", "advantages")
        kept.append([batch[name].clone() for name in names])
        return loss_of(config, batch, *args)

    monkeypatch.setattr(learner, "loss_of", noted)
    update(learner, a_batch())
    assert len(kept) == 4
    for others in kept[1:]:
        assert all(torch.equal(one, other) for one, other in zip(kept[0], others, strict=True))
    assert tensors(a_batch())["actions"].shape == kept[0][0].shape
