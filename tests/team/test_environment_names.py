"""A team is trained by name, class or function of its environment, and its checkpoint says the name."""

import json

import pytest

from rllib_remix import QMIXConfig, parallel_env
from rllib_remix.playing import evaluate


def make(config):
    return parallel_env("two_step_game", **config)


@pytest.mark.slow
@pytest.mark.parametrize("given", [make, f"{__name__}.make", lambda config: make(config)])
def test_a_team_learns_and_its_checkpoint_names_what_a_name_can_find(ray_session, tmp_path, given):
    algorithm = QMIXConfig().environment(given).training(train_batch_episodes=8).build_algo()
    try:
        assert algorithm.train()["env_runners"]["episode_len_mean"] == 2
        algorithm.save_to_path(tmp_path / "checkpoint")
    finally:
        algorithm.stop()
    said = json.loads((tmp_path / "checkpoint" / "rllib_checkpoint.json").read_text())["environment"]
    if getattr(given, "__name__", "") == "<lambda>":
        assert said is None
        return
    assert said == f"{__name__}.make"
    result = evaluate(tmp_path / "checkpoint", 2, env=said)
    assert result["environment"] == f"{__name__}.make"
    assert result["episodes"]["lengths"] == [2, 2]
