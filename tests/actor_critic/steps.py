"""One update of a learner whose actor and critic have optimizers of their own, held against a plain computation."""

from __future__ import annotations

import numpy as np
import pytest
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME

from rllib_remix.team.learner import learner_batch
from rllib_remix.team.rewards import Rewards
from tests.learner_step.learners import gradients, numbers_of, parameters, team_learner, tensors
from tests.learner_step.reference_step import Adam, clipped, global_norm

CLIP, LR, CRITIC_LR = 0.5, 0.004, 0.007


def learner_of(algorithm, settings, **others):
    """A learner with a small critic and the settings of a reference."""
    rates = {"lr": LR, "critic_lr": CRITIC_LR, "grad_clip": CLIP}
    return team_learner(algorithm, **(rates | vars(settings) | others))


def prepared(batch, **how):
    """A batch as the learner gets it; `how` as `learner_batch` has it."""
    return learner_batch(Rewards().prepare(tensors(batch)), **({"num_learners": 1} | how))


def update(learner, batch, *, env_steps=0, **how):
    """One update after so many env steps; what was logged."""
    timesteps = {NUM_ENV_STEPS_SAMPLED_LIFETIME: env_steps}
    return numbers_of(learner.update(batch=prepared(batch, **how), timesteps=timesteps))[0]


def check_numbers(logged, expected):
    """What was logged is what the reference says."""
    assert logged["total_loss"] == pytest.approx(expected.loss(expected.parameters), rel=1e-5)
    for name in ("policy_loss", "value_loss", "entropy"):
        said = getattr(expected, name)(expected.parameters)
        assert logged[name] == pytest.approx(said, rel=1e-5, abs=1e-6), name


def check_step(learner, before, logged, expected):
    """Gradients are the reference's, clipped for actor and critic apart; Adam's steps have their rates."""
    gradient = expected.gradient()
    assert logged["grad_norm"] == pytest.approx(global_norm(gradient), rel=1e-4)
    parts = {
        "actor": {name: slopes for name, slopes in gradient.items() if name.startswith("agent.")},
        "critic": {name: slopes for name, slopes in gradient.items() if "critic" in name.partition(".")[0]},
    }
    assert sum(map(len, parts.values())) == len(gradient)
    stepped_by, after = gradients(learner), parameters(learner)
    assert stepped_by.keys() == gradient.keys()
    for part, rate in (("actor", LR), ("critic", CRITIC_LR)):
        assert logged[f"grad_norm_{part}"] == pytest.approx(global_norm(parts[part]), rel=1e-4)
        for name, slopes in clipped(parts[part], CLIP).items():
            np.testing.assert_allclose(stepped_by[name], slopes, atol=1e-4 * CLIP, err_msg=name)
        own = {name: stepped_by[name].astype(float) for name in parts[part]}
        for name, array in Adam().step(before, own, lr=rate).items():
            np.testing.assert_allclose(after[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    for name in before.keys() - gradient.keys():
        assert (after[name] == before[name]).all(), name


def rewritten_padding(batch):
    """Changes in place all that stands on padding, and returns the batch."""
    for episode, length in enumerate(batch["lengths"]):
        batch["obs"][episode, length + 1 :] = batch["state"][episode, length + 1 :] = 5.0
        batch["rewards"][episode, length:], batch["actions"][episode, length:] = 1e6, 0
        batch["avail_actions"][episode, length + 1 :] = False
    return batch
