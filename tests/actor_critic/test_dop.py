"""DOP's learner step against a plain computation in float64, and its gradient against that of the expected value."""

import itertools

import numpy as np
import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.algorithms.dop import DOPConfig
from rllib_remix.errors import SettingError
from rllib_remix.learning.policies import (
    counterfactual_advantages,
    policies_of,
    policy_gradient_loss,
)
from tests.actor_critic.reference_dop import ReferenceDOP, Settings
from tests.actor_critic.steps import (
    check_numbers,
    check_step,
    learner_of,
    prepared,
    rewritten_padding,
    update,
)
from tests.learner_step.learners import a_batch, gradients, parameters, tensors

RECENT = 3  # of the six episodes: of 4, 5 and 2 steps


def dop_learner(settings=Settings(), **others):
    return learner_of("DOP", settings, **({"mixer_embed_dim": 2} | others))


@pytest.mark.parametrize(
    ("settings", "recent"),
    [
        (Settings(), RECENT),
        pytest.param(Settings(truncated_value="last"), 1, marks=pytest.mark.battery),
        pytest.param(Settings(td_lambda=1.0, time_limit="termination"), RECENT, marks=pytest.mark.battery),
        pytest.param(
            Settings(tree_backup_steps=1, skip_removed_agents=False), RECENT, marks=pytest.mark.battery
        ),
        pytest.param(Settings(), 6, marks=pytest.mark.battery),
    ],
)
def test_a_step_is_the_plain_computations(settings, recent):
    learner = dop_learner(settings)
    before = parameters(learner)
    expected = ReferenceDOP(before, a_batch(), settings, recent)
    logged = update(learner, a_batch(), num_recent=recent)
    check_numbers(logged, expected)
    advantages = np.concatenate(expected.advantages[-recent:])
    assert logged["advantage_mean"] == pytest.approx(advantages.mean(), rel=1e-4, abs=1e-6)
    assert logged["advantage_std"] == pytest.approx(advantages.std(), rel=1e-4)
    assert logged["target_mean"] == pytest.approx(np.concatenate(expected.targets).mean(), rel=1e-4)
    assert 1 / 3 < logged["largest_weight_mean"] <= 1
    check_step(learner, before, logged, expected)


def test_what_stands_on_padding_has_no_influence():
    learners = [dop_learner() for _ in range(2)]
    batches = a_batch(), rewritten_padding(a_batch())
    logged = [
        update(learner, batch, num_recent=RECENT) for learner, batch in zip(learners, batches, strict=True)
    ]
    assert logged[0] == logged[1]
    for name, gradient in gradients(learners[0]).items():
        assert (gradient == gradients(learners[1])[name]).all()


@pytest.mark.parametrize("recent", [RECENT, 1])
def test_two_learners_together_have_the_loss_of_the_whole_batch(recent):
    whole, losses = None, []
    for learners in (1, 2):
        learner = dop_learner()
        batch = prepared(a_batch(), num_learners=learners, num_recent=recent)[DEFAULT_MODULE_ID]
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


def backward(learner, batch, fwd_out):
    learner.compute_loss_for_module(
        module_id=DEFAULT_MODULE_ID,
        config=learner.config,
        batch=prepared(batch, num_recent=RECENT)[DEFAULT_MODULE_ID],
        fwd_out=fwd_out,
    ).backward()


def test_policies_learn_from_the_newest_episodes_alone_and_the_critic_from_all():
    given, batch = a_batch(), tensors(a_batch())
    fwd_out = {
        "logits": torch.randn(6, 5, 3, 4, requires_grad=True),
        "action_values": torch.randn(6, 5, 3, 4, requires_grad=True),
        "weights": torch.rand(6, 5, 3, requires_grad=True),
        "target_taken": torch.randn(6, 5, requires_grad=True),
        "target_expected": torch.randn(6, 6, requires_grad=True),
    }
    backward(dop_learner(), given, fwd_out)
    avail, padding = batch["avail_actions"][:, :-1], torch.arange(5) >= batch["lengths"][:, None]
    choice = (avail.sum(-1) > 1) & ~padding.unsqueeze(-1)
    of_logits = fwd_out["logits"].grad
    assert not of_logits[:RECENT].any()
    assert of_logits[RECENT:][choice[RECENT:]].any(-1).all()
    assert not of_logits[~choice].any()
    taken = torch.nn.functional.one_hot(batch["actions"], 4).bool() & ~padding[..., None, None]
    of_values = fwd_out["action_values"].grad
    assert (of_values[taken] != 0).all()
    assert not of_values[~taken].any()
    assert (fwd_out["weights"].grad[~padding] != 0).all()
    assert fwd_out["target_taken"].grad is None
    assert fwd_out["target_expected"].grad is None


def test_the_policies_gradient_is_that_of_the_expected_joint_value():
    # One step of two agents with three actions each; brute force: every joint action with its probability.
    torch.manual_seed(0)
    values, weights = 4 * torch.randn(2, 3), torch.tensor([0.3, 0.7])
    logits = torch.randn(2, 3, requires_grad=True)
    joint = torch.tensor(list(itertools.product(range(3), repeat=2)))  # [9, 2]
    q_tot = weights[0] * values[0, joint[:, 0]] + weights[1] * values[1, joint[:, 1]]
    policy = logits.log_softmax(-1)
    probabilities = policy[0].exp()[joint[:, 0]] * policy[1].exp()[joint[:, 1]]
    (brute_force,) = torch.autograd.grad((probabilities * q_tot).sum(), logits)
    batch = policies_of(logits.expand(9, 1, 2, 3), torch.ones(9, 1, 2, 3).bool(), joint.unsqueeze(1))
    own = counterfactual_advantages(batch.log_probabilities, values.expand(9, 1, 2, 3), joint.unsqueeze(1))
    weighted = weights * own * probabilities.detach().view(9, 1, 1)
    loss = policy_gradient_loss(batch.taken, weighted, torch.ones(9, 1).bool(), torch.tensor(1.0))
    (found,) = torch.autograd.grad(loss, logits)
    torch.testing.assert_close(found, -brute_force / 2, rtol=1e-4, atol=1e-5)  # a mean over two agents


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_it_learns_in_both_dtypes_with_normalised_observations_and_the_time(dtype):
    learner = dop_learner(compute_dtype=dtype, normalize_observations=True, observe_time=True)
    before = parameters(learner)
    logged = update(learner, rewritten_padding(a_batch()), num_recent=RECENT)
    assert all(np.isfinite(logged[name]) for name in ("policy_loss", "value_loss", "grad_norm"))
    assert all((parameters(learner)[name] != before[name]).any() for name in gradients(learner))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recent_episodes_share": 0}, r"recent_episodes_share: 0 .*\(0, 1\]"),
        ({"tree_backup_lambda": 1.1}, r"tree_backup_lambda: 1.1 .*\[0, 1\]"),
        ({"tree_backup_steps": 0}, "tree_backup_steps: 0"),
        ({"train_batch_episodes": 120}, "recent_episodes_capacity: 32 is less than the 40 recent"),
        (
            {"recent_episodes_share": 1.0, "train_batch_episodes": 16, "tree_backup_steps": 3},
            "tree_backup_steps: 3 .* no effect where all 16 episodes .* at 5, or lower recent_episodes_share",
        ),
    ],
)
def test_values_that_cannot_be_are_refused_with_the_reason(settings, message):
    with pytest.raises(SettingError, match=message):
        DOPConfig().environment("matrix_game").training(**settings).validate()


def test_a_third_of_a_batch_is_of_the_newest_unless_it_is_said():
    assert DOPConfig().recent_episodes_per_batch() == 16
    DOPConfig().environment("matrix_game").training(
        recent_episodes_share=1.0, train_batch_episodes=16
    ).validate()
