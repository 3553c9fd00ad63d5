"""VDAC's networks and its learner step, against a plain computation in float64 and by properties."""

import numpy as np
import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.learning.targets import lambda_returns
from rllib_remix.models.mixing.mixer import MixerInputs
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards
from tests.actor_critic.reference_vdac import ReferenceVDAC, Settings
from tests.learner_step.learners import (
    a_batch,
    gradients,
    module_of,
    numbers_of,
    parameters,
    team_learner,
    tensors,
)
from tests.learner_step.reference_step import Adam, clipped, global_norm
from tests.value_based.test_rl_module import batch as module_batch
from tests.value_based.test_rl_module import module, over

CLIP, LR = 0.5, 0.004


def learner_of(settings, **others):
    given = {name: value for name, value in vars(settings).items() if name != "mixer" or value != "qmix"}
    return team_learner("VDAC", **given, lr=LR, grad_clip=CLIP, **others)


def update(learner, batch):
    results = learner.update(
        batch=learner_batch(Rewards().prepare(tensors(batch)), num_learners=1), timesteps={}
    )
    return numbers_of(results)[0]


@pytest.mark.parametrize(
    "settings",
    [
        Settings(),
        pytest.param(Settings(mixer="vdn"), marks=pytest.mark.battery),
        pytest.param(Settings(td_lambda=1.0, truncated_value="last"), marks=pytest.mark.battery),
        pytest.param(Settings(td_lambda=0.0, time_limit="termination"), marks=pytest.mark.battery),
        pytest.param(Settings(skip_removed_agents=False), marks=pytest.mark.battery),
    ],
)
def test_a_step_is_the_plain_computations(settings):
    learner = learner_of(settings)
    before = parameters(learner)
    expected = ReferenceVDAC(before, a_batch(), settings)
    logged = update(learner, a_batch())
    assert logged["total_loss"] == pytest.approx(expected.loss(expected.parameters), rel=1e-5)
    for name in ("policy_loss", "value_loss", "entropy"):
        assert logged[name] == pytest.approx(getattr(expected, name)(expected.parameters), rel=1e-5), name
    advantages, returns = np.concatenate(expected.advantages), np.concatenate(expected.returns)
    assert logged["advantage_mean"] == pytest.approx(advantages.mean(), rel=1e-4)
    assert logged["advantage_std"] == pytest.approx(advantages.std(), rel=1e-4)
    assert logged["target_mean"] == pytest.approx(returns.mean(), rel=1e-4)
    assert logged["value_mean"] == pytest.approx((returns - advantages).mean(), rel=1e-4)
    gradient = expected.gradient()
    norm = global_norm(gradient)
    assert logged["grad_norm"] == pytest.approx(norm, rel=1e-4)
    stepped_by, should_be = gradients(learner), clipped(gradient, CLIP)
    assert stepped_by.keys() == should_be.keys()
    for name, slopes in should_be.items():
        np.testing.assert_allclose(stepped_by[name], slopes, atol=1e-4 * CLIP, err_msg=name)
    moved = Adam().step(before, {name: g.astype(float) for name, g in stepped_by.items()}, lr=LR)
    for name, array in moved.items():
        np.testing.assert_allclose(parameters(learner)[name], array, rtol=1e-5, atol=1e-6, err_msg=name)


def test_rmsprop_steps_by_the_gradient_over_its_running_root_mean_square():
    learner = learner_of(Settings(), optimizer_kind="rmsprop")
    before = parameters(learner)
    update(learner, a_batch())
    for name, gradient in gradients(learner).items():
        # At the first step the mean square is (1 - 0.99)·g².
        step = LR * gradient / (np.sqrt(0.01 * gradient**2) + 1e-5)
        np.testing.assert_allclose(parameters(learner)[name], before[name] - step, rtol=1e-4, atol=1e-6)


def test_what_stands_on_padding_has_no_influence():
    learners = [learner_of(Settings()) for _ in range(2)]
    batch = a_batch()
    for episode, length in enumerate(batch["lengths"]):
        batch["obs"][episode, length + 1 :] = batch["state"][episode, length + 1 :] = 5.0
        batch["rewards"][episode, length:], batch["actions"][episode, length:] = 1e6, 0
        batch["avail_actions"][episode, length + 1 :] = False
    logged = [update(learners[0], a_batch()), update(learners[1], batch)]
    assert logged[0] == logged[1]
    for name, gradient in gradients(learners[0]).items():
        assert (gradient == gradients(learners[1])[name]).all()


@pytest.mark.parametrize("mixer", ["qmix", "vdn"])
def test_v_tot_is_monotonic_in_every_agents_value(mixer):
    mixing = module("VDAC", mixer=mixer).mixer
    own = torch.randn(200, 3, requires_grad=True)
    state = torch.randn(200, 7) * 3
    (slopes,) = torch.autograd.grad(mixing(MixerInputs(own, state)).sum(), own)
    assert (slopes >= 0).all()
    assert (slopes > 0).any(0).all()
    raised = own.detach().clone()
    raised[:, 1] += 0.7
    assert (mixing(MixerInputs(raised, state)) >= mixing(MixerInputs(own, state)) - 1e-6).all()


def test_the_module_gives_logits_of_every_action_and_one_value_of_the_team_for_all_steps_and_the_last():
    networks, batch = module("VDAC"), module_batch()
    out = networks.forward_train(batch)
    assert out["logits"].shape == (4, 6, 3, 4)
    assert out["values"].shape == (4, 7)
    outputs = networks.utilities(networks.agent, networks.seen(batch))
    torch.testing.assert_close(out["logits"], outputs[:, :-1, :, :4])
    team = networks.mixer(MixerInputs(outputs[..., 4], batch["state"]))
    real = ~over(7, 1)
    torch.testing.assert_close(out["values"][real], team[real])
    assert out["values"].isfinite().all()


def test_no_gradient_reaches_the_logits_of_an_agent_that_has_no_choice():
    learner = learner_of(Settings(entropy_coefficient=0.3))
    batch = tensors(a_batch())
    fwd_out = {
        "logits": torch.randn(6, 5, 3, 4, requires_grad=True),
        "values": torch.randn(6, 6, requires_grad=True),
    }
    prepared = learner_batch(Rewards().prepare(batch), num_learners=1)[DEFAULT_MODULE_ID]
    learner.compute_loss_for_module(
        module_id=DEFAULT_MODULE_ID, config=learner.config, batch=prepared, fwd_out=fwd_out
    ).backward()
    gradient = fwd_out["logits"].grad
    forced = batch["avail_actions"][:, :-1].sum(-1) == 1
    assert forced[0, 2:, 2].all()  # the agent that was removed
    assert not gradient[forced].any()
    assert not gradient[~batch["avail_actions"][:, :-1]].any()
    padding = torch.arange(5) >= batch["lengths"][:, None]
    assert not gradient[padding].any()
    assert gradient[~forced & ~padding.unsqueeze(-1)].any(-1).all()


def test_all_agents_have_one_advantage_and_it_reaches_no_value():
    settings = Settings(entropy_coefficient=0.0)
    learner = learner_of(settings)
    batch = a_batch()
    batch["avail_actions"][:] = True
    fwd_out = {"logits": torch.zeros(6, 5, 3, 4, requires_grad=True), "values": torch.randn(6, 6)}
    prepared = learner_batch(Rewards().prepare(tensors(batch)), num_learners=1)[DEFAULT_MODULE_ID]
    learner.compute_loss_for_module(
        module_id=DEFAULT_MODULE_ID, config=learner.config, batch=prepared, fwd_out=fwd_out
    ).backward()
    taken = torch.from_numpy(batch["actions"]).unsqueeze(-1)
    # ∂(-A·log π(u)/n)/∂logit(u) = -A·(1 - π(u))/n, the same for all agents, as all π are 1/4.
    slopes = fwd_out["logits"].grad.gather(-1, taken).squeeze(-1)
    assert slopes[0].abs().min() > 0
    torch.testing.assert_close(slopes, slopes[..., :1].expand_as(slopes))


def test_with_lambda_1_the_return_of_a_terminated_episode_is_monte_carlo():
    learner = learner_of(Settings(td_lambda=1.0))
    batch = tensors(a_batch())
    values = torch.full((6, 6), 7e3)
    returns = learner.returns(learner.config, batch, values)
    assert (batch["terminated"][3], batch["lengths"][3]) == (True, 4)
    rewards, gamma = batch["rewards"][3, :4].double(), 0.83
    expected = [sum(gamma**k * rewards[t + k] for k in range(4 - t)) for t in range(4)]
    np.testing.assert_allclose(returns[3, :4], expected, rtol=1e-5)
    # A truncated one goes on with the value.
    assert (returns[4] > 1e3).all()


def test_returns_are_those_of_the_package_with_the_setting_of_ends():
    learner = learner_of(Settings(truncated_value="last"))
    batch = tensors(a_batch())
    values = torch.randn(6, 6)
    expected = lambda_returns(
        batch["rewards"], values, batch["lengths"], batch["terminated"], gamma=0.83, td_lambda=0.37
    )
    assert (learner.returns(learner.config, batch, values) == expected).all()


def test_all_weights_have_the_one_optimizer():
    learner = learner_of(Settings())
    ((name, optimizer),) = learner.get_optimizers_for_module(DEFAULT_MODULE_ID)
    assert name == "default_optimizer"
    assert len(optimizer.param_groups[0]["params"]) == len(list(module_of(learner).parameters()))
