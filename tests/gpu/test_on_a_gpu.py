"""Whole trainings with a learner on a GPU; everywhere else they are skipped. `scripts/gpu_check` runs them."""

import pytest
import torch

from rllib_remix.algorithms.table import get_algorithm_config
from rllib_remix.policy import TeamPolicy

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]

GAME = {"grid_height": 6, "grid_width": 6, "num_predators": 4, "num_prey": 4, "episode_limit": 20}


def small(algorithm, **training):
    config = get_algorithm_config(algorithm).environment("predator_prey", env_config=GAME).debugging(seed=0)
    config.min_sample_timesteps_per_iteration = 100
    size = {} if algorithm in ("VDAC", "COMA", "MAPPO") else {"replay_buffer_capacity": 50}
    return config.learners(num_gpus_per_learner=int(torch.cuda.is_available())).training(
        train_batch_episodes=8, **size, **training
    )


def devices(algorithm):
    module = algorithm.learner_group._learner.module["default_policy"]
    return {value.device.type for value in module.state_dict().values()}


def train(algorithm, iterations):
    results = [algorithm.train()["learners"]["default_policy"] for _ in range(iterations)]
    assert results[-1]["num_nonfinite_updates_lifetime"] == 0
    return results[-1]


@pytest.mark.parametrize(
    ("name", "training"),
    [
        ("ReMIX", {}),
        ("ReMIX", {"weighting_mode": "sampling", "replay_buffer": "prioritized"}),
        ("QMIX", {"share_parameters": False}),
        ("MACPO", {"compute_dtype": "bfloat16"}),
        ("FOP", {}),
        ("MAPPO", {}),
    ],
)
def test_it_trains_with_batches_from_page_locked_memory(name, training, ray_session):
    algorithm = small(name, **training).build_algo()
    try:
        assert devices(algorithm) == {"cuda"}
        assert train(algorithm, 3)["grad_norm"] > 0
        assert devices(algorithm) == {"cuda"}
    finally:
        algorithm.stop()


def test_env_runners_that_play_meanwhile_get_its_weights(ray_session):
    config = small("ReMIX", overlap_sampling=True).env_runners(num_env_runners=1)
    algorithm = config.build_algo()
    try:
        train(algorithm, 3)
        assert algorithm.train()["env_runners"]["weights_lag"] >= 0
    finally:
        algorithm.stop()


def test_a_checkpoint_goes_on_there_and_plays_on_a_cpu(tmp_path, ray_session):
    algorithm = small("ReMIX").build_algo()
    try:
        train(algorithm, 2)
        folder = algorithm.save_to_path(str(tmp_path / "saved"))
        on_gpu = algorithm.learner_group._learner.module["default_policy"].agent.state_dict()
        policy = TeamPolicy.from_checkpoint(folder)
        for name, value in policy.network.state_dict().items():
            assert value.device.type == "cpu"
            assert torch.equal(value, on_gpu[name].cpu())
    finally:
        algorithm.stop()
    again = small("ReMIX").build_algo()
    try:
        again.restore_from_path(folder)
        assert devices(again) == {"cuda"}
        train(again, 2)
    finally:
        again.stop()
