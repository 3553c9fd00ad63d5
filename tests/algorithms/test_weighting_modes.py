"""Weights as loss weights and as priorities, the share of recent episodes, and what is logged of them."""

import math

import numpy as np
import pytest
import torch
from batteries import battery_but
from ray import tune

import rllib_remix
from rllib_remix.algorithms.qmix import learner_result_keys, weight_term_keys
from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.replay.buffer import MultiAgentReplayBuffer
from rllib_remix.team.learner import learner_batch
from rllib_remix.team.nonfinite import MAX_IN_A_ROW, NotFiniteError
from rllib_remix.team.results.replay import replay_results
from rllib_remix.team.rewards import Rewards
from tests.algorithms.games import equal, tiny, weights


@pytest.mark.parametrize("scheme", battery_but(["remix"], SCHEMES))
@pytest.mark.parametrize("mode", ["loss", "sampling"])
def test_every_scheme_trains_on_qmix_in_both_modes_and_logs_its_terms(build, scheme, mode):
    algorithm = build(tiny("QMIX", weighting=scheme, weighting_mode=mode))
    result = algorithm.train()
    learner = result["learners"]["default_policy"]
    for key in learner_result_keys(scheme):
        assert math.isfinite(learner[key]), key
    assert set(learner["weight_terms"]) == set(weight_term_keys(scheme))
    assert all(map(math.isfinite, learner["weight_terms"].values()))
    replay = result["replay_buffer"]
    assert ("priority_mean" in replay) == (mode == "sampling")
    if mode == "sampling":
        assert 0 <= replay["priority_min"] <= replay["priority_mean"] <= replay["priority_max"]
        assert replay["beta"] == 0


def recorded_batches(algorithm):
    """What the replay buffer gives from now on."""
    batches = []
    sample = algorithm.replay_buffer.sample
    algorithm.replay_buffer.sample = lambda *args, **kwargs: (
        batches.append(batch := sample(*args, **kwargs)) or batch
    )
    return batches


def test_in_mode_loss_the_prioritized_buffer_draws_as_the_uniform_one(build):
    one, other = (build(tiny(replay_buffer=name)) for name in ("uniform", "prioritized"))
    assert type(one.replay_buffer) is MultiAgentReplayBuffer
    for algorithm in (one, other):
        algorithm.train()
    assert equal(weights(one), weights(other))


def latest_priorities(algorithm, batch):
    """Priorities of the batch's episodes as the buffer holds them now, and their numbers."""
    numbers = batch["numbers"].numpy()
    stored = algorithm.replay_buffer.priorities
    oldest = algorithm.replay_buffer._added - len(stored)
    return numbers, stored[numbers - oldest]


def test_after_an_update_the_episodes_have_their_mean_weights_as_priorities(build):
    algorithm = build(tiny("OWQMIX", weighting_mode="sampling"))
    batches = recorded_batches(algorithm)
    while not batches:
        algorithm.training_step()
    batch = batches[-1]
    numbers, priorities = latest_priorities(algorithm, batch)
    # Weights are 1 or α = 0.1: every priority is a mean of such, and the rest of the buffer still has the first 1.
    lengths = batch["lengths"].numpy()
    ones = (priorities - 0.1) * lengths / 0.9
    np.testing.assert_allclose(ones, np.round(ones), atol=1e-4)
    assert (priorities < 1).any()
    untouched = np.ones(len(algorithm.replay_buffer), bool)
    untouched[numbers] = False
    assert (algorithm.replay_buffer.priorities[untouched] == 1).all()


def gradients(algorithm, sample):
    """Of the loss of one batch: those of the mixer, which only Q_tot's loss has, and of Q*, flat."""
    learner = algorithm.learner_group._learner
    module = learner.module["default_policy"]
    batch = learner_batch(Rewards().prepare(sample), num_learners=1)["default_policy"]
    loss = learner.compute_loss_for_module(
        module_id="default_policy", config=algorithm.config, batch=batch, fwd_out=module.forward_train(batch)
    )
    return tuple(
        torch.cat(
            [g.flatten() for g in torch.autograd.grad(loss, list(part.parameters()), retain_graph=True)]
        )
        for part in (module.mixer, module.q_star)
    )


@pytest.mark.parametrize("scheme", battery_but(["remix"], ["macpo", "remix", "pser"]))
def test_in_mode_sampling_an_episode_keeps_its_gradient_but_for_its_priority(build, scheme):
    loss, sampling = (
        build(tiny("QMIX", weighting=scheme, weighting_mode=mode)) for mode in ("loss", "sampling")
    )
    sampling.learner_group.set_state(loss.learner_group.get_state())
    loss.replay_buffer.add(loss._collect())
    for _ in range(3):
        sample = loss.replay_buffer.sample(1)
        importance = 0.25
        q_tot, q_star = gradients(loss, sample)
        reports = []
        sampling.learner_group._learner._report_weights = lambda *args, to=reports: to.append(args)
        sample["importance"] = torch.full((1,), importance)
        q_tot_by_priority, q_star_by_priority = gradients(sampling, sample)
        ((_, weights_reported, numbers, priorities),) = reports
        assert numbers.tolist() == sample["numbers"].tolist()
        assert priorities.item() == pytest.approx(weights_reported.mean().item(), rel=1e-5)
        # Σ_t (w_t / p)·I·δ² against Σ_t w_t·δ², and Σ_t I·(Q* - y)² against Σ_t (Q* - y)².
        torch.testing.assert_close(q_tot_by_priority * priorities / importance, q_tot, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(q_star_by_priority / importance, q_star, rtol=1e-4, atol=1e-5)


def test_the_settings_of_priorities_reach_the_replay_buffer(build):
    settings = {"prioritized_replay_alpha": 0.5, "prioritized_replay_epsilon": 0.125}
    replay = build(tiny("PERQMIX", weighting_mode="sampling", **settings)).replay_buffer
    assert (replay.alpha, replay.epsilon) == (0.5, 0.125)
    assert build(tiny("PERQMIX")).replay_buffer.alpha == 0  # uniform in mode "loss"


def test_in_mode_sampling_no_batch_is_drawn_ahead_of_its_priorities(build):
    for mode, ahead in (("loss", True), ("sampling", False)):
        algorithm = build(tiny(weighting_mode=mode))
        algorithm.config = algorithm.config.copy(copy_frozen=False).learners(num_gpus_per_learner=1)
        prefetcher = algorithm._new_prefetcher()
        assert (prefetcher._thread is not None) == ahead
        prefetcher.stop()


def test_an_iteration_that_brought_nothing_has_priorities_of_nan(build):
    algorithm = build(tiny("QMIX", weighting_mode="sampling"))
    replay = replay_results(algorithm.replay_buffer, mib_when_full=1.0, beta=0.0)
    assert replay["num_episodes"] == 0
    assert all(math.isnan(replay[f"priority_{name}"]) for name in ("mean", "min", "max"))


def test_a_learner_that_reports_no_weights_is_named_where_they_are_needed(build):
    for mode in ("loss", "sampling"):
        algorithm = build(tiny("QMIX", weighting_mode=mode))
        algorithm.learner_group._learner._report_weights = lambda *args: None
        if mode == "loss":
            assert sum(algorithm.train()["learners"]["default_policy"]["weight_histogram"]) == 0
        else:
            with pytest.raises(RuntimeError, match=r"^learner_class: ValueLearner reported no weights"):
                algorithm.train()


def test_a_learner_that_reports_episodes_without_their_weights_is_named(build):
    algorithm = build(tiny("QMIX"))
    learner = algorithm.learner_group._learner
    learner._report_weights = lambda module_id, weights, numbers, priorities: learner.report_episodes(
        module_id, numbers=numbers, priorities=priorities
    )
    with pytest.raises(
        RuntimeError, match=r"^learner_class: ValueLearner reported episodes without their `weights`"
    ):
        algorithm.train()


def test_several_learners_get_alike_parts_of_a_batch(build):
    algorithm = build(tiny(recent_episodes_capacity=4))
    while len(algorithm.replay_buffer) < 12:
        algorithm.replay_buffer.add(algorithm._collect())
    sample = algorithm.replay_buffer.sample(8, num_recent=4)
    dealt = learner_batch(Rewards().prepare(sample), num_learners=2)["default_policy"]
    newest = algorithm.replay_buffer._added - 4
    drawn_as_recent = {*sample["numbers"][4:].tolist()}
    assert drawn_as_recent == set(range(newest, newest + 4))
    order = [0, 2, 4, 6, 1, 3, 5, 7]
    assert dealt["numbers"].tolist() == sample["numbers"][order].tolist()
    assert torch.equal(dealt["obs"], sample["obs"][order])


def test_a_run_in_mode_sampling_can_be_repeated_to_the_bit(build):
    one, other = (build(tiny("PERQMIX", weighting_mode="sampling")) for _ in range(2))
    for algorithm in (one, other):
        algorithm.train()
    assert equal(weights(one), weights(other))
    assert (one.replay_buffer.priorities == other.replay_buffer.priorities).all()


def test_beta_follows_its_schedule_over_env_steps_and_reaches_the_buffer(build):
    algorithm = build(
        tiny("PERQMIX", weighting_mode="sampling", prioritized_replay_beta=[[0, 0.0], [400, 1.0]])
    )
    batches = recorded_batches(algorithm)
    betas = [(r := algorithm.train())["replay_buffer"]["beta"] for _ in range(4)]
    steps = r["num_env_steps_sampled_lifetime"]
    assert betas[0] < betas[1] < betas[2]
    assert betas[-1] == pytest.approx(min(1.0, steps / 400))
    late = batches[-1]["importance"]
    assert late.max() == 1
    assert late.min() < 1


def test_weights_that_are_no_numbers_change_no_priority_and_end_the_run_after_a_few_updates(build):
    algorithm = build(tiny("MACPO", weighting_mode="sampling"))
    while not algorithm._update_is_due():
        algorithm.replay_buffer.add(algorithm._collect())
    before = algorithm.replay_buffer.priorities.copy()
    algorithm.learner_group.foreach_learner(
        lambda learner: learner.module["default_policy"].unwrapped().mixer.w1[2].bias.data.fill_(math.nan)
    )
    for _ in range(MAX_IN_A_ROW - 1):
        algorithm._update()
    with pytest.raises(NotFiniteError, match=f"^{MAX_IN_A_ROW} updates in a row could not be made"):
        algorithm._update()
    assert (algorithm.replay_buffer.priorities == before).all()
    assert sum(algorithm._weight_histogram.counts) == 0


# On-policiness


@pytest.mark.parametrize(
    ("settings", "recent"),
    [
        ({}, round(8 * SCHEMES["remix"].recent_share)),
        pytest.param({"recent_episodes_share": 0.5}, 4, marks=pytest.mark.battery),
        ({"recent_episodes_share": 0.01}, 1),  # any share is one episode at least
        pytest.param({"recent_episodes_share": 0.0}, 0, marks=pytest.mark.battery),
        pytest.param({"recent_episodes_share": 1.0}, 8, marks=pytest.mark.battery),
        ({"weighting_config": {"disable": ["on_policiness"]}}, 0),
    ],
)
def test_a_set_share_of_every_batch_comes_from_the_newest_episodes(build, settings, recent):
    algorithm = build(tiny(recent_episodes_capacity=8, **settings))
    asked = []
    sample = algorithm.replay_buffer.sample
    algorithm.replay_buffer.sample = lambda *args, **kwargs: asked.append(kwargs) or sample(*args, **kwargs)
    batches = recorded_batches(algorithm)
    while len(batches) < 4:
        algorithm.training_step()
    numbers = batches[-1]["numbers"]
    newest = algorithm.replay_buffer._added - 8
    assert asked[-1]["num_recent"] == recent
    assert (numbers[8 - recent :] >= newest).all()


def test_other_algorithms_draw_no_recent_episodes_unless_told(build):
    for name in ("QMIX", "OWQMIX", "MACPO"):
        assert tiny(name).recent_episodes_per_batch() == 0
    assert tiny("MACPO", recent_episodes_share=0.25).recent_episodes_per_batch() == 2


# What is logged


def test_the_histogram_counts_every_real_step_of_every_update_of_an_iteration(build):
    algorithm = build(tiny("OWQMIX", weight_histogram_bins=20, weight_histogram_range=(0.01, 1.0)))
    batches = recorded_batches(algorithm)
    first = algorithm.train()["learners"]["default_policy"]
    counts = first["weight_histogram"]
    assert len(counts) == 22
    assert sum(counts) == sum(int(batch["lengths"].sum()) for batch in batches)
    # Two decades in 20 bins: 0.1 begins the eleventh, 1 lies behind the last.
    assert [i for i, count in enumerate(counts) if count] == [11, 21]
    seen = len(batches)
    counts = algorithm.train()["learners"]["default_policy"]["weight_histogram"]
    assert sum(counts) == sum(int(batch["lengths"].sum()) for batch in batches[seen:])


def test_the_least_and_the_greatest_weight_are_those_of_all_updates_of_an_iteration(build):
    algorithm = build(tiny("MACPO"))
    reported = []
    take = algorithm._weight_histogram.add
    algorithm._weight_histogram.add = lambda parts: reported.extend(parts) or take(parts)
    learner = algorithm.train()["learners"]["default_policy"]
    assert len(reported) > 1
    least, greatest = ([float(f(part)) for part in reported] for f in (np.min, np.max))
    assert (learner["weight_min"], learner["weight_max"]) == (min(least), max(greatest))
    assert learner["weight_mean"] == pytest.approx(np.mean([part.mean() for part in reported]), rel=1e-5)
    assert len({*least}) > 1  # so that a mean of them would be another


def test_before_the_first_update_nothing_is_counted(build):
    algorithm = build(tiny(train_batch_episodes=40).reporting(min_sample_timesteps_per_iteration=40))
    learner = algorithm.train()["learners"]["default_policy"]
    assert sum(learner["weight_histogram"]) == 0
    assert math.isnan(learner["weight_quantiles"])


@pytest.mark.slow
def test_tensorboard_gets_a_histogram_of_the_weights_and_none_of_the_counts(ray_session, tmp_path):
    rllib_remix.register()
    tune.Tuner(
        "ReMIX",
        param_space=tiny("ReMIX").to_dict(),
        run_config=tune.RunConfig(stop={"training_iteration": 1}, storage_path=str(tmp_path), verbose=0),
    ).fit()
    (events,) = tmp_path.rglob("events.out.tfevents.*")
    content = events.read_bytes()
    assert b"learners/default_policy/weight_quantiles" in content
    assert b"learners/default_policy/weight_terms/bellman_error_std" in content
    assert b"learners/default_policy/weight_histogram" not in content
