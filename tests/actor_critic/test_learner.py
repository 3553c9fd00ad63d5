"""What the learners of actor-critics share: several optimizers, several passes, target networks."""

import numpy as np
import pytest
import torch
from ray.rllib.core import DEFAULT_MODULE_ID

from rllib_remix.rollout.spaces import team_spaces
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards
from tests.actor_critic.separate_critic import CentralConfig, CentralLearner
from tests.learner_step.learners import SPEC, a_batch, module_of, numbers_of, parameters, tensors

SETTINGS = {"agent_hidden_dim": 4, "normalize_observations": False, "lr": 0.01, "critic_lr": 0.002}


def central(learner_class=CentralLearner, **settings):
    config = CentralConfig().training(**(SETTINGS | settings))
    spaces = {DEFAULT_MODULE_ID: team_spaces(SPEC)}
    torch.manual_seed(3)
    learner = learner_class(config=config, module_spec=config.get_rl_module_spec(spaces=spaces))
    learner.build()
    return learner


def update(learner, batch, *, env_steps=0):
    results = learner.update(
        batch=learner_batch(Rewards().prepare(tensors(batch)), num_learners=1),
        timesteps={"num_env_steps_sampled_lifetime": env_steps},
    )
    return numbers_of(results)[0]


def norm(gradients):
    return np.sqrt(sum((gradient**2).sum() for gradient in gradients))


def own(learner, part, of=None):
    named = module_of(learner).named_parameters() if of is None else of
    return {name: value for name, value in named if name.startswith(part)}


def test_actor_and_critic_have_optimizers_of_their_own_with_all_weights_and_no_targets():
    learner = central()
    optimizers = dict(learner.get_optimizers_for_module(DEFAULT_MODULE_ID))
    assert list(optimizers) == ["actor", "critic"]
    stepped = [id(w) for each in optimizers.values() for w in each.param_groups[0]["params"]]
    online = {id(w) for n, w in module_of(learner).named_parameters() if not n.startswith("target_")}
    assert sorted(stepped) == sorted(online)
    assert {id(w) for w in optimizers["actor"].param_groups[0]["params"]} == {
        id(w) for w in module_of(learner).agent.parameters()
    }


@pytest.mark.parametrize(("critic_lr", "rate"), [(0.002, 0.002), (None, 0.01)])
def test_each_steps_with_its_rate_and_its_norm_is_clipped_and_logged_by_itself(critic_lr, rate):
    free = central(critic_lr=critic_lr, grad_clip=1e9)
    update(free, a_batch())
    norms = {
        part: norm([w.grad.numpy() for w in own(free, name).values()])
        for part, name in (("actor", "agent."), ("critic", "critic."))
    }
    clip = min(norms.values()) / 2
    learner = central(critic_lr=critic_lr, grad_clip=clip)
    before = parameters(learner)
    logged = update(learner, a_batch())
    assert logged["grad_norm"] == pytest.approx(np.hypot(*norms.values()), rel=1e-5)
    for part, name, lr in (("actor", "agent.", 0.01), ("critic", "critic.", rate)):
        assert logged[f"grad_norm_{part}"] == pytest.approx(norms[part], rel=1e-5)
        assert logged[f"{part}_learning_rate"] == pytest.approx(lr)
        gradients = {key: w.grad.numpy() for key, w in own(learner, name).items()}
        assert norm(gradients.values()) == pytest.approx(clip, rel=1e-4)
        for key, gradient in gradients.items():
            # Adam's first step is lr·g/(|g| + 1e-8).
            step = lr * gradient / (np.abs(gradient) + 1e-8)
            np.testing.assert_allclose(parameters(learner)[key], before[key] - step, rtol=1e-4, atol=1e-6)


def test_the_actors_rate_may_follow_a_schedule_and_the_critics_not():
    learner = central(lr=[[0, 0.01], [100, 0.001]])
    update(learner, a_batch(), env_steps=100)
    rates = {
        name: each.param_groups[0]["lr"]
        for name, each in learner.get_optimizers_for_module(DEFAULT_MODULE_ID)
    }
    assert rates == pytest.approx({"actor": 0.001, "critic": 0.002})


def test_neither_steps_if_the_loss_of_one_is_not_finite():
    learner = central()
    update(learner, a_batch())
    before, state = parameters(learner), learner._get_optimizer_state()
    batch = a_batch(1)
    batch["rewards"][0, 0] = np.nan
    assert not np.isfinite(update(learner, batch)["grad_norm"])
    after = parameters(learner)
    assert all((after[name] == before[name]).all() for name in before)
    np.testing.assert_equal(learner._get_optimizer_state(), state)


def test_the_state_of_both_optimizers_is_kept():
    one, other = central(), central()
    for _ in range(2):
        update(one, a_batch())
    other.set_state(one.get_state())
    for learner in (one, other):
        update(learner, a_batch(1))
    for name, array in parameters(one).items():
        assert (parameters(other)[name] == array).all()


def test_targets_follow_only_the_critic():
    learner = central(target_network_update_interval=1, tau=0.25)
    before = parameters(learner)
    update(learner, a_batch())
    after = parameters(learner)
    targets = [name for name in after if name.startswith("target_")]
    assert targets
    for name in targets:
        mixed = 0.75 * before[name] + 0.25 * after[name.removeprefix("target_")]
        np.testing.assert_allclose(after[name], mixed, rtol=1e-5, atol=1e-7)
    assert {name.split(".")[0] for name in targets} == {"target_critic"}


class ThreePasses(CentralLearner):
    """Learns every batch three times, and knows from each pass the rewards that it noted before the first."""

    def step(self, batch, **kwargs):
        self.noted = batch[DEFAULT_MODULE_ID]["noted"] = batch[DEFAULT_MODULE_ID]["rewards"].clone()
        for _ in range(3):
            done = super().step(batch, **kwargs)
        return done


def test_a_learner_may_make_several_passes_over_a_batch():
    still = {"target_network_update_interval": 200}
    once, thrice = central(**still), central(ThreePasses, **still)
    for _ in range(3):
        update(once, a_batch())
    update(thrice, a_batch())
    for name, array in own(once, "", parameters(once).items()).items():
        if not name.startswith("target_"):
            assert (parameters(thrice)[name] == array).all(), name
    assert thrice.noted.shape == (6, 5)
