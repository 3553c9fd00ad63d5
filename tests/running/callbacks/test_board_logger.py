"""TensorBoard's files: against env steps, without what never changes, with the settings of every run."""

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from tensorboardX.proto.event_pb2 import Event

from rllib_remix.running.callbacks.board_logger import LEFT_OUT, BoardLogger, settings_of, without

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")


class Trial:
    """What the logger reads of Tune's."""

    def __init__(self, folder, config, evaluated_params=None):
        self.local_path, self.config, self.evaluated_params = str(folder), config, evaluated_params or {}
        self.trainable_name = "ReMIX"

    def init_local_path(self):
        Path(self.local_path).mkdir(exist_ok=True)


def result(steps, **more):
    return {
        "num_env_steps_sampled_lifetime": steps,
        "training_iteration": steps // 500,
        "env_runners": {"episode_return_mean": 2.0 * steps, "num_module_steps_sampled": {"p": 3}},
        "learners": {"default_policy": {"td_loss": float("nan"), "weight_quantiles": [0.0, 1.0]}},
        "fault_tolerance": {"num_healthy_workers": 0},
        **more,
    }


def tags_of(folder: Path) -> dict[str, list[tuple[int, float]]]:
    (file,) = folder.glob("events*")
    data, place, found = file.read_bytes(), 0, {}
    while place < len(data):
        (length,) = struct.unpack("<Q", data[place : place + 8])
        event = Event.FromString(data[place + 12 : place + 12 + length])
        place += 16 + length
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


@pytest.mark.parametrize("searched", [{}, {"lr": 0.001}], ids=["plain run", "search"])
def test_the_axis_is_env_steps_and_the_settings_are_there(tmp_path, searched):
    trial = Trial(
        tmp_path / "trial",
        {"lr": 0.001, "seed": 3, "env_config": {"punishment": -2.0}, "list": [1]},
        searched,
    )
    logger = BoardLogger()
    given = [result(500), result(1500)]
    for each in given:
        logger.log_trial_result(1, trial, each)
    logger.log_trial_end(trial)
    assert "timesteps_total" not in given[0]  # which other loggers get too
    tags = tags_of(tmp_path / "trial")
    assert tags["ray/tune/env_runners/episode_return_mean"] == [(500, 1000.0), (1500, 3000.0)]
    assert [step for step, _ in tags["ray/tune/learners/default_policy/weight_quantiles"]] == [500, 1500]
    assert not any("fault_tolerance" in tag or "num_module_steps" in tag or "td_loss" in tag for tag in tags)
    assert "_hparams_/session_start_info" in tags
    (file,) = (tmp_path / "trial").glob("events*")
    content = file.read_bytes()
    assert all(name in content for name in (b"env_config/punishment", b"seed", b"lr", b"algorithm", b"ReMIX"))


def test_without_env_steps_the_axis_is_iterations(tmp_path):
    trial, logger = Trial(tmp_path / "trial", {}), BoardLogger()
    logger.log_trial_result(1, trial, {"training_iteration": 7, "loss": 1.0})
    logger.log_trial_end(trial)
    logger.log_trial_end(trial)  # and once more, as after a failure
    assert tags_of(tmp_path / "trial") == {"ray/tune/loss": [(7, 1.0)]}


def test_settings_that_the_format_has_no_room_for_end_nothing(tmp_path):
    trial, logger = Trial(tmp_path / "trial", {"seed": 2**70, "lr": np.float64(0.5)}), BoardLogger()
    assert settings_of(trial) == {"algorithm": "ReMIX", "seed": 2**70, "lr": 0.5}
    logger.log_trial_result(1, trial, result(500))
    logger.log_trial_end(trial)
    assert "ray/tune/env_runners/episode_return_mean" in tags_of(tmp_path / "trial")


def test_a_norm_is_left_out_only_beside_the_same():
    both = {"grad_norm_actor": 1.0, "gradients_actor_global_norm": 1.0}
    assert without(both, LEFT_OUT) == {"grad_norm_actor": 1.0}
    alone = {"gradients_default_optimizer_global_norm": 1.0}
    assert without(alone, LEFT_OUT) == alone


def test_the_page_says_of_everything_that_is_left_out_that_it_is():
    spans = {part.strip() for line in PAGE.splitlines() for part in re.findall(r"`([^`]+)`(?= †)", line)}
    names = {name for span in spans for name in re.split(r"[/…]", span)}
    assert LEFT_OUT - {"timesteps_total"} <= names
    assert not {"episode_return_mean", "td_loss", "weight_mean"} & names
