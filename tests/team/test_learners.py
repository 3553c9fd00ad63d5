"""Learners in processes of their own, alone and by twos."""

import numpy as np
import pytest
import torch

from rllib_remix.team.learner import learner_batch
from rllib_remix.team.results.updates import pop_reports
from rllib_remix.team.rewards import Rewards
from tests.algorithms.games import OTHERS, UNLIKE_QMIX, equal, tiny, weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]


def settings_of(algorithm):
    return [entry.name for entry in algorithm.config.own_settings()]


@pytest.mark.parametrize(
    ("algorithm", "share"), [("QMIX", False), *((name, True) for name in ("QMIX", *UNLIKE_QMIX, *OTHERS))]
)
def test_two_learners_compute_the_same_update_as_one_and_skip_the_same(build, algorithm, share):
    settings = {"train_batch_episodes": 6, "share_parameters": share}
    if algorithm == "MAPPO":  # Over its passes Adam would make whole steps of differences in rounding.
        settings["optimizer_kind"] = "rmsprop"
    one = build(tiny(algorithm, **settings))
    two = build(tiny(algorithm, **settings).learners(num_learners=2, num_cpus_per_learner=1))
    two.learner_group.set_state(one.learner_group.get_state())
    assert equal(weights(one), weights(two))
    while len(one.replay_buffer) < 6:
        one.replay_buffer.add(one._collect())
    sample = one.replay_buffer.sample(6)
    # Episodes of unlike lengths: the mean over all steps is not the mean of the learners' means.
    sample["lengths"][:3] = torch.tensor([1, 2, 3])
    recent = one.config.recent_episodes_per_batch()
    before = weights(one)
    for algorithm, learners in ((one, 1), (two, 2)):
        algorithm.learner_group.update(
            batch=learner_batch(Rewards().prepare(sample), num_learners=learners, num_recent=recent),
            timesteps={},
        )
    after_one, after_two = weights(one), weights(two)
    assert (after_one["agent.gru.weight_hh_l0"] != before["agent.gru.weight_hh_l0"]).any()
    for name in after_one:
        np.testing.assert_allclose(after_one[name], after_two[name], atol=2e-5, err_msg=name)
    copies = two.learner_group.foreach_learner(
        lambda learner: learner.module["default_policy"].unwrapped().state_dict()
    )
    states = [copy.get() for copy in copies]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    # The loss of one learner overflows; the gradient, which both share, tells the other: neither makes a step. MAPPO's
    # advantages are normalised by the batches of both, so that there both losses do.
    sample["rewards"][0, 0] = 1e25
    results = two.learner_group.update(
        batch=learner_batch(Rewards().prepare(sample), num_learners=2, num_recent=recent), timesteps={}
    )
    losses = [of_learner["default_policy"]["total_loss"].peek() for of_learner in results]
    assert sorted(np.isfinite(losses)) == [False, "num_epochs" not in settings_of(one)]
    copies = two.learner_group.foreach_learner(
        lambda learner: learner.module["default_policy"].unwrapped().state_dict()
    )
    for copy in copies:
        assert all(torch.equal(copy.get()[name], states[0][name]) for name in states[0])


@pytest.mark.parametrize("algorithm", ["ReMIX", "DOP"])
def test_two_learners_of_two_threads_each_compute_the_same_update_as_one_of_one(build, algorithm):
    settings = {"train_batch_episodes": 6}
    one = build(tiny(algorithm, **settings))
    config = tiny(algorithm, **settings, num_threads_per_learner=2)
    four = build(config.learners(num_learners=2, num_cpus_per_learner=2))
    four.learner_group.set_state(one.learner_group.get_state())
    while len(one.replay_buffer) < 6:
        one.replay_buffer.add(one._collect())
    recent = one.config.recent_episodes_per_batch()
    for _ in range(2):
        sample = one.replay_buffer.sample(6)
        sample["lengths"][:3] = torch.tensor([1, 2, 3])
        for each, learners in ((one, 1), (four, 2)):
            batch = learner_batch(Rewards().prepare(sample), num_learners=learners, num_recent=recent)
            each.learner_group.update(batch=batch, timesteps={})
    copies = four.learner_group.foreach_learner(
        lambda learner: learner.module["default_policy"].unwrapped().state_dict()
    )
    first, second = (copy.get() for copy in copies)
    assert all(torch.equal(values, second[name]) for name, values in first.items())
    for name, values in weights(one).items():
        np.testing.assert_allclose(first[name], values, atol=2e-5, err_msg=name)
    # Ray gives PyTorch as many threads as a learner has cores; each of ours computes its products by itself.
    threads = four.learner_group.foreach_learner(
        lambda learner: (
            learner.module["default_policy"].unwrapped().num_threads,
            torch.get_num_threads(),
        )
    )
    assert [each.get() for each in threads] == [(2, 1), (2, 1)]


def test_two_learners_normalise_by_the_same_statistics_which_are_those_of_the_whole_batch(build):
    settings = {"train_batch_episodes": 6, "normalize_observations": True}
    one = build(tiny("VDN", **settings))
    two = build(tiny("VDN", **settings).learners(num_learners=2, num_cpus_per_learner=1))
    two.learner_group.set_state(one.learner_group.get_state())
    while len(one.replay_buffer) < 6:
        one.replay_buffer.add(one._collect())
    for _ in range(2):
        sample = one.replay_buffer.sample(6)
        sample["lengths"][:3] = torch.tensor([1, 2, 3])
        for algorithm, learners in ((one, 1), (two, 2)):
            algorithm.learner_group.update(
                batch=learner_batch(Rewards().prepare(sample), num_learners=learners), timesteps={}
            )
    copies = two.learner_group.foreach_learner(
        lambda learner: learner.module["default_policy"].unwrapped().state_dict()
    )
    first, second = (copy.get() for copy in copies)
    assert all(torch.equal(values, second[name]) for name, values in first.items())
    for name, values in weights(one).items():
        np.testing.assert_allclose(first[name], values, atol=2e-5, err_msg=name)
    assert first["agent.normalizer.count"] > 0


def test_two_learners_report_the_priorities_of_all_episodes_as_one_does(build):
    settings = {"weighting_mode": "sampling", "train_batch_episodes": 6}
    one = build(tiny("MACPO", **settings))
    two = build(tiny("MACPO", **settings).learners(num_learners=2, num_cpus_per_learner=1))
    two.learner_group.set_state(one.learner_group.get_state())
    while len(one.replay_buffer) < 6:
        played = one._collect()
        one.replay_buffer.add(played)
        two.replay_buffer.add(played)
    sample = one.replay_buffer.sample(6)
    for algorithm, learners in ((one, 1), (two, 2)):
        batch = learner_batch(Rewards().prepare(sample), num_learners=learners)
        reports = pop_reports(algorithm.learner_group.update(batch=batch, timesteps={}))
        algorithm.take_reports([episodes for report in reports for episodes in report.episodes])
    np.testing.assert_allclose(one.replay_buffer.priorities, two.replay_buffer.priorities, rtol=1e-5)
    assert one._weight_histogram.counts == two._weight_histogram.counts
    assert sum(one._weight_histogram.counts) == sample["lengths"].sum()
    after_one, after_two = weights(one), weights(two)
    for name in after_one:
        np.testing.assert_allclose(after_one[name], after_two[name], atol=2e-5, err_msg=name)


def drawn_by_weight(learners):
    return tiny(weighting_mode="sampling").learners(num_learners=learners, num_cpus_per_learner=1)


def test_a_remote_learner_trains_in_mode_sampling(build):
    replay = build(drawn_by_weight(1)).train()["replay_buffer"]
    assert replay["priority_min"] < replay["priority_max"]


def test_two_learners_train_in_mode_sampling_and_their_checkpoint_is_restored(build, tmp_path):
    algorithm = build(drawn_by_weight(2))
    replay = algorithm.train()["replay_buffer"]
    assert replay["priority_min"] < replay["priority_max"]
    algorithm.save_to_path(str(tmp_path / "two"))
    again = build(drawn_by_weight(2))
    again.restore_from_path(str(tmp_path / "two"))
    assert equal(weights(algorithm), weights(again))
    again.train()
