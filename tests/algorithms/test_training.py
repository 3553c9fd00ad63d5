"""The loop: its counts, its results, its reproducibility, and what it survives."""

import math
import os
import signal
import time

import numpy as np
import pytest
import ray
import torch
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.tune.registry import ENV_CREATOR, _global_registry, register_env

import rllib_remix
from rllib_remix.algorithms.qmix import learner_batch, learner_result_keys, weight_term_keys
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.settings import SettingError
from tests.algorithms.games import TINY, equal, one_shot, tiny, weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ray_session")]


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


def test_the_number_of_updates_does_not_depend_on_the_number_of_env_runners(build):
    local = build(tiny())
    remote = build(tiny().env_runners(num_env_runners=2))
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


class Returns(RLlibCallback):
    """Writes the return of every episode to a file of its own, from whatever process."""

    def on_episode_end(self, *, episode, env_runner, **kwargs):
        folder = env_runner.config.env_config["notes"]
        kind = "evaluation" if env_runner.config.in_evaluation else "training"
        with open(f"{folder}/{kind}_{episode.id_}", "w") as file:
            file.write(str(episode.get_return()))


def noted(folder, kind):
    return [float(path.read_text()) for path in folder.glob(f"{kind}_*")]


def test_means_are_over_all_episodes_whoever_played_them_and_in_however_many_rounds(build, tmp_path):
    register_env("noted_game", lambda context: PredatorPrey(context.num_envs, **TINY))
    algorithm = build(
        tiny()
        .environment("noted_game", env_config={"notes": str(tmp_path)})
        .callbacks(Returns)
        .evaluation(evaluation_interval=1, evaluation_duration=5, evaluation_num_env_runners=2)
    )
    result = algorithm.train()
    played, evaluated = noted(tmp_path, "training"), noted(tmp_path, "evaluation")
    assert result["num_training_step_calls_per_iteration"] > 1
    assert len(evaluated) == 5
    assert result["env_runners"]["episode_return_mean"] == pytest.approx(np.mean(played))
    assert result["evaluation"]["env_runners"]["episode_return_mean"] == pytest.approx(np.mean(evaluated))
    assert result["env_runners"]["epsilon"] == algorithm.env_runner.epsilon
    assert "episode_sums" not in result["env_runners"]
    assert "episode_sums" not in result["evaluation"]["env_runners"]


def test_an_iteration_without_an_evaluation_repeats_the_exact_means_of_the_last(build):
    algorithm = build(
        tiny().evaluation(evaluation_interval=2, evaluation_duration=5, evaluation_num_env_runners=2)
    )
    evaluations = [algorithm.train()["evaluation"]["env_runners"] for _ in range(3)]
    assert math.isnan(evaluations[0]["episode_return_mean"])
    assert evaluations[1]["num_episodes"] == 5
    assert evaluations[2] == evaluations[1]
    assert "episode_sums" not in evaluations[2]


def test_an_evaluation_of_one_episode_by_two_workers_plays_one(build):
    algorithm = build(
        tiny().evaluation(evaluation_interval=1, evaluation_duration=1, evaluation_num_env_runners=2)
    )
    assert algorithm.evaluate()["env_runners"]["num_episodes"] == 1


class Unlucky(PredatorPrey):
    """Fails in the middle of every episode."""

    def step(self, actions):
        if self._steps.any() and self._steps[0] > 3:
            raise OSError("the simulator is gone")
        return super().step(actions)


@pytest.mark.parametrize("remote", [0, 1])
def test_an_environment_that_keeps_failing_ends_the_run_with_its_own_error(build, remote):
    register_env("unlucky", lambda context: Unlucky(context.num_envs, **TINY))
    algorithm = build(tiny().environment("unlucky", env_config={}).env_runners(num_env_runners=remote))
    with pytest.raises(RuntimeError, match="the simulator is gone"):
        algorithm.train()


def test_without_fault_tolerance_the_first_failure_of_an_environment_ends_the_run(build):
    register_env("unlucky", lambda context: Unlucky(context.num_envs, **TINY))
    config = tiny().environment("unlucky", env_config={}).env_runners(num_env_runners=1)
    algorithm = build(config.fault_tolerance(restart_failed_env_runners=False))
    with pytest.raises(RuntimeError, match=r"An env runner's environment failed.*the simulator is gone"):
        algorithm.training_step()


def test_an_environment_that_cannot_be_made_remotely_is_named_by_its_own_error():
    def make(context):
        raise OSError("no licence")

    register_env("impossible", make)
    with pytest.raises(OSError, match="no licence"):
        tiny().environment("impossible", env_config={}).env_runners(num_env_runners=1).build_algo()


class Slow(PredatorPrey):
    def step(self, actions):
        time.sleep(0.2)
        return super().step(actions)


def test_a_sample_timeout_that_is_too_short_is_named(build):
    register_env("slow", lambda context: Slow(context.num_envs, **TINY))
    algorithm = build(
        tiny().environment("slow", env_config={}).env_runners(num_env_runners=1, sample_timeout_s=0.1)
    )
    with pytest.raises(RuntimeError, match="raise `sample_timeout_s`"):
        algorithm.train()


def test_dead_env_runners_that_nobody_replaces_end_the_run(build):
    algorithm = build(
        tiny()
        .env_runners(num_env_runners=1)
        .fault_tolerance(restart_failed_env_runners=False, ignore_env_runner_failures=True)
    )
    algorithm.train()
    (pid,) = algorithm.env_runner_group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)
    os.kill(pid, signal.SIGKILL)

    def train_on():
        for _ in range(50):
            algorithm.train()

    with pytest.raises(RuntimeError, match=r"All 1 env runners are dead.*restart_failed_env_runners=True"):
        train_on()


@pytest.mark.parametrize("remote", [0, 2])
def test_an_evaluation_plays_exactly_the_asked_episodes(build, remote):
    algorithm = build(
        tiny().evaluation(evaluation_interval=1, evaluation_duration=10, evaluation_num_env_runners=remote)
    )
    evaluation = algorithm.evaluate()["env_runners"]
    assert evaluation["num_episodes"] == 10
    assert evaluation["epsilon"] == 0.0


def test_two_runs_with_one_seed_are_equal_to_the_bit(build):
    one, other, different = build(tiny(seed=3)), build(tiny(seed=3)), build(tiny(seed=4))
    for _ in range(3):
        results = [algorithm.train() for algorithm in (one, other, different)]
    assert equal(weights(one), weights(other))
    assert not equal(weights(one), weights(different))
    returns = [result["env_runners"]["episode_return_mean"] for result in results]
    assert returns[0] == returns[1]


def test_two_learners_compute_the_same_update_as_one(build):
    one = build(tiny("QMIX", train_batch_episodes=6))
    two = build(tiny("QMIX", train_batch_episodes=6).learners(num_learners=2, num_cpus_per_learner=1))
    two.learner_group.set_state(one.learner_group.get_state())
    assert equal(weights(one), weights(two))
    while len(one.replay_buffer) < 6:
        one.replay_buffer.add(one._collect())
    sample = one.replay_buffer.sample(6)
    # Episodes of unlike lengths: the mean over all steps is not the mean of the learners' means.
    sample["lengths"][:3] = torch.tensor([1, 2, 3])
    for algorithm, learners in ((one, 1), (two, 2)):
        algorithm.learner_group.update(batch=learner_batch(sample, num_learners=learners), timesteps={})
    after_one, after_two = weights(one), weights(two)
    for name in after_one:
        np.testing.assert_allclose(after_one[name], after_two[name], atol=2e-5, err_msg=name)
    copies = two.learner_group.foreach_learner(
        lambda learner: learner.module["default_policy"].unwrapped().state_dict()
    )
    states = [copy.get() for copy in copies]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_two_learners_train_and_their_checkpoint_is_restored(build, tmp_path):
    config = tiny().learners(num_learners=2, num_cpus_per_learner=1)
    algorithm = build(config)
    algorithm.train()
    algorithm.save_to_path(str(tmp_path / "two"))
    again = build(config.copy(copy_frozen=False))
    again.restore_from_path(str(tmp_path / "two"))
    assert equal(weights(algorithm), weights(again))
    again.train()


def test_a_killed_env_runner_is_replaced_and_env_steps_stay_right(build):
    algorithm = build(
        tiny()
        .env_runners(num_env_runners=2)
        .fault_tolerance(restart_failed_env_runners=True, env_runner_health_probe_timeout_s=30)
    )
    algorithm.train()
    pids = algorithm.env_runner_group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)
    os.kill(pids[0], signal.SIGKILL)
    previous = 0
    for _ in range(40):
        result = algorithm.train()
        steps = result["num_env_steps_sampled_lifetime"]
        # What the runners report is exactly what reached the replay buffer.
        assert steps > previous
        previous = steps
        if result["fault_tolerance"]["num_healthy_workers"] == 2:
            break
        time.sleep(0.5)
    assert result["fault_tolerance"]["num_remote_worker_restarts"] == 1
    assert result["fault_tolerance"]["num_healthy_workers"] == 2
    # No episode of this game is cut short but by the limit or a win: count them again from the episodes.
    assert algorithm._episodes_collected == result["env_runners"]["num_episodes_lifetime"]
    new = algorithm.env_runner_group.foreach_env_runner(
        lambda runner: (os.getpid(), runner.num_env_steps_sampled_lifetime), local_env_runner=False
    )
    assert {pid for pid, _ in new} != set(pids)
    assert all(count > 0 for _, count in new)


def test_a_foreign_environment_without_a_state_is_an_error_that_names_the_option():
    from pettingzoo import ParallelEnv

    from rllib_remix.algorithms.registry import get_algorithm_config
    from rllib_remix.envs.parallel import TeamParallelEnv

    class Stateless(TeamParallelEnv):
        state = ParallelEnv.state

    register_env("stateless", lambda context: Stateless(PredatorPrey(1, **context)))
    config = get_algorithm_config("QMIX").environment(
        "stateless", env_config={**TINY, "team_adapter": {"episode_limit": 10}}
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


def test_no_actor_is_left_when_an_algorithm_stops():
    from ray.util.state import list_actors  # noqa: F401  (needs the dashboard; the check below does not)

    algorithm = tiny().env_runners(num_env_runners=1).build_algo()
    pid = algorithm.env_runner_group.foreach_env_runner(lambda _: os.getpid(), local_env_runner=False)[0]
    algorithm.stop()
    deadline = time.time() + 20
    while os.path.exists(f"/proc/{pid}") and time.time() < deadline:
        # Ray may keep an idle process for reuse; then it no longer runs our actor.
        with open(f"/proc/{pid}/cmdline") as file:
            if "TeamEnvRunner" not in file.read():
                break
        time.sleep(0.2)
    assert time.time() < deadline
    assert ray.is_initialized()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_gpu_that_is_not_there_is_said_before_anything_is_started():
    with pytest.raises(SettingError, match=r"num_gpus_per_learner: 1 .* sees no GPU"):
        tiny().learners(num_gpus_per_learner=1).build_algo()
