"""The loop: its counts, its results, and its reproducibility."""

import math

import numpy as np
import pytest
import torch
from ray.tune.registry import ENV_CREATOR, _global_registry, register_env

import rllib_remix
from rllib_remix.algorithms.qmix import learner_result_keys, weight_term_keys
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.errors import SettingError
from tests.algorithms.games import OTHERS, TINY, equal, one_shot, tiny, weights


def updates(algorithm):
    return algorithm.learner_group.get_state()["learner"]["weights_seq_no"]


def test_there_is_one_update_per_set_number_of_episodes_once_a_batch_is_there(build):
    algorithm = build(tiny(rollout_episodes_per_update=4, train_batch_episodes=8))
    counts = []
    for _ in range(4):
        algorithm.training_step()  # 4 copies: 4 episodes
        counts.append(updates(algorithm))
    assert counts == [0, 1, 2, 3]


def test_several_episodes_per_update_and_several_updates_per_round_both_count_right(build):
    seldom = build(tiny(rollout_episodes_per_update=8))
    often = build(tiny(rollout_episodes_per_update=1))
    for _ in range(5):
        seldom.training_step()
        often.training_step()
    # 20 episodes; a batch is there after 8.
    assert updates(seldom) == 2
    assert updates(often) == 1 + 3 * 4


@pytest.mark.slow
def test_the_number_of_updates_does_not_depend_on_the_number_of_env_runners(build):
    local = build(tiny())
    remote = build(tiny(seed=None).env_runners(num_env_runners=2))
    for _ in range(6):
        local.training_step()
    for _ in range(3):
        remote.training_step()
    assert local._episodes_collected == remote._episodes_collected == 24
    # The remote runners bring twice as much at once, so learning starts within the same episode.
    assert updates(local) == updates(remote) == 5


def test_targets_are_copied_when_enough_episodes_were_collected(build):
    algorithm = build(tiny("QMIX", target_network_update_episodes=16, rollout_episodes_per_update=4))

    def online_and_target():
        state = weights(algorithm)
        return state["agent.head.weight"], state["target_agent.head.weight"]

    for _ in range(3):
        algorithm.training_step()  # 4, 8 (first update), 12 episodes
    online, target = online_and_target()
    assert not np.array_equal(online, target)
    algorithm.training_step()  # 16
    online, target = online_and_target()
    assert np.array_equal(online, target)


def test_env_steps_trained_are_counted_in_env_steps(build):
    algorithm = build(tiny("QMIX"))
    lengths = []
    sample = algorithm.replay_buffer.sample
    algorithm.replay_buffer.sample = lambda n, **kwargs: (
        lengths.append((batch := sample(n, **kwargs))["lengths"].sum()) or batch
    )
    result = algorithm.train()
    assert lengths
    assert result["learners"]["__all_modules__"]["num_env_steps_trained_lifetime"] == sum(lengths)


def test_torch_uses_one_thread_unless_told_otherwise(build):
    build(tiny())
    assert torch.get_num_threads() == 1
    build(tiny(num_torch_threads=2))
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_targets_have_no_gradient_and_no_place_in_the_optimizer(build):
    algorithm = build(tiny())
    learner = algorithm.learner_group._learner
    module = learner.module["default_policy"]
    targets = {id(p) for n, p in module.named_parameters() if n.startswith("target_")}
    optimised = {
        id(p) for group in learner.get_optimizer("default_policy").param_groups for p in group["params"]
    }
    assert targets
    assert not targets & optimised
    assert not any(p.requires_grad for n, p in module.named_parameters() if n.startswith("target_"))


@pytest.mark.parametrize(
    ("name", "own"), [("QPLEX", set()), ("QTRAN", {"opt_loss", "nopt_loss"}), ("IQL", set())]
)
def test_every_joint_value_has_its_results_and_counts_every_steps_weight(build, name, own):
    algorithm = build(tiny(name))
    assert {*learner_result_keys("uniform"), *own} == set(algorithm.learner_result_keys())
    results = algorithm.train()["learners"]
    learner = results["default_policy"]
    assert all(math.isfinite(learner[key]) for key in algorithm.learner_result_keys())
    assert learner["weight_terms"] == {}
    assert sum(learner["weight_histogram"]) == results["__all_modules__"]["num_env_steps_trained"] > 0


def test_every_result_has_every_key_from_the_first_on(build):
    algorithm = build(
        tiny(train_batch_episodes=40)
        .evaluation(evaluation_interval=2, evaluation_duration=4)
        .reporting(min_sample_timesteps_per_iteration=40)
    )
    first = algorithm.train()
    learner = first["learners"]["default_policy"]
    assert all(math.isnan(learner[key]) for key in learner_result_keys("remix"))
    assert all(math.isnan(learner["weight_terms"][key]) for key in weight_term_keys("remix"))
    assert math.isnan(first["evaluation"]["env_runners"]["episode_return_mean"])
    while math.isnan(learner["td_loss"]):
        result = algorithm.train()
        learner = result["learners"]["default_policy"]
    assert all(math.isfinite(learner[key]) for key in learner_result_keys("remix"))
    assert set(learner["weight_terms"]) >= {
        "bellman_error_mean",
        "mixer_gradient_mean",
        "exponent_clamped_share",
    }
    assert math.isfinite(result["env_runners"]["episode_return_mean"])
    assert "prey_captured_mean" in result["env_runners"]
    assert result["num_env_steps_sampled_lifetime"] == result["env_runners"]["num_env_steps_sampled_lifetime"]


@pytest.mark.parametrize("algorithm", ["ReMIX", *OTHERS])
def test_two_runs_with_one_seed_are_equal_to_the_bit(build, algorithm):
    one, other, different = (build(tiny(algorithm, seed=seed)) for seed in (3, 3, 4))
    for _ in range(3):
        results = [algorithm.train() for algorithm in (one, other, different)]
    assert equal(weights(one), weights(other))
    assert not equal(weights(one), weights(different))
    returns = [result["env_runners"]["episode_return_mean"] for result in results]
    assert returns[0] == returns[1]


def test_a_foreign_environment_without_a_state_is_an_error_that_names_the_option(without_ray):
    from pettingzoo import ParallelEnv

    from rllib_remix.algorithms.table import get_algorithm_config
    from rllib_remix.envs.parallel import TeamParallelEnv

    class Stateless(TeamParallelEnv):
        state = ParallelEnv.state

    register_env("stateless", lambda context: Stateless(PredatorPrey(1, **context)))
    config = get_algorithm_config("QMIX").environment(
        "stateless", env_config={**TINY, "team_adapter": {"episode_limit": 10, "state": "environment"}}
    )
    with pytest.raises(ValueError, match=r'team_adapter={"state": "observations"}'):
        config.build_algo()


def test_an_environment_that_a_user_registers_under_one_of_our_names_is_the_users(build):
    register_env("two_step_game", lambda context: PredatorPrey(context.num_envs, **TINY))
    try:
        rllib_remix.register()
        assert build(tiny().environment("two_step_game")).team_spec.n_agents == 3
    finally:
        _global_registry.unregister(ENV_CREATOR, "two_step_game")
        rllib_remix.register()
    assert build(one_shot("QMIX", "two_step_game")).team_spec.n_agents == 2


def test_a_foreign_environment_registered_with_ray_trains(build):

    from rllib_remix.envs.parallel import TeamParallelEnv

    register_env("my_game", lambda context: TeamParallelEnv(PredatorPrey(1, **context)))
    config = tiny().environment("my_game", env_config={**TINY, "team_adapter": {"episode_limit": 10}})
    result = build(config).train()
    assert result["num_env_steps_sampled_lifetime"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_said_before_anything_is_started():
    with pytest.raises(SettingError, match=r"num_gpus_per_learner: 1 .* sees no GPU"):
        tiny().learners(num_gpus_per_learner=1).build_algo()
