"""What the command makes of training that leaves the range of numbers."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from rllib_remix.running.callbacks.nonfinite import NonFiniteFailures

FAILED = "Failure # 1 (…)\nValueError: x\nFailure # 2 (…)\nNotFiniteError: 5 updates in a row\n"


def a_trial(tmp_path, *, error=FAILED, max_failures=-1, num_failures=2):
    (tmp_path / "error.txt").write_text(error)
    return SimpleNamespace(
        trial_id="a",
        error_file=str(tmp_path / "error.txt"),
        max_failures=max_failures,
        num_failures=num_failures,
    )


@pytest.mark.parametrize("asked", [-1, 7])
def test_a_trial_has_one_try_more_until_it_brings_a_newer_checkpoint(tmp_path, asked):
    callback, trial = NonFiniteFailures(print), a_trial(tmp_path, max_failures=asked)
    callback.on_trial_recover(0, [trial], trial)
    assert trial.max_failures == 2  # the third failure ends it
    callback.on_trial_recover(0, [trial], trial)
    callback.on_checkpoint(0, [trial], trial, None)
    assert trial.max_failures == asked


def test_a_trial_that_failed_last_by_something_else_starts_again_as_often_as_asked(tmp_path):
    error = "Failure # 1 (…)\nNotFiniteError: 5 updates in a row\nFailure # 2 (…)\nValueError: x\n"
    callback, trial = NonFiniteFailures(print), a_trial(tmp_path, error=error)
    callback.on_trial_recover(0, [trial], trial)
    assert trial.max_failures == -1
    trial.error_file = None
    callback.on_trial_recover(0, [trial], trial)
    assert trial.max_failures == -1


def test_the_first_update_that_is_not_finite_is_told_once():
    said, trial = [], SimpleNamespace(trial_id="a")
    callback = NonFiniteFailures(said.append)
    for count in (0, 1, 4):
        result = {"learners": {"default_policy": {"num_nonfinite_updates_lifetime": count}}}
        callback.on_trial_result(0, [trial], trial, result)
        assert len(said) == min(count, 1)
    callback.on_trial_result(0, [trial], SimpleNamespace(trial_id="b"), {"learners": {}})
    assert len(said) == 1
    assert "Look at the scale of rewards" in said[0]


@pytest.mark.slow
def test_training_that_leaves_the_numbers_fails_with_one_message_and_keeps_its_checkpoints(
    rllib, ray_session
):
    settings = {
        "train_batch_episodes": 16,
        "num_envs_per_env_runner": 8,
        "min_sample_timesteps_per_iteration": 8,
    }
    result = rllib(
        *(
            "train",
            "--algo",
            "OWQMIX",
            "--env",
            "matrix_game",
            "--env-config",
            {"payoff": [[1e30, 0], [0, 1]]},
        ),
        *("--config", settings, "--stop", {"training_iteration": 50}, "--storage-path", "results"),
        *("--checkpoint-freq", 1, "--keep-checkpoints-num", 2, "--max-failures", -1),
    )
    assert result.exit_code == 1, result.output
    assert result.output.count("Warning: ") == 1
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert "NotFiniteError: 5 updates in a row could not be made" in error
    named = Path(re.search(r"whose networks are finite, is (\S+)\.$", error)[1])
    kept = sorted(path.name for path in named.parent.glob("checkpoint_*"))
    assert kept[-1] == named.name
    iterations = len((named.parent / "result.json").read_text().splitlines())
    assert (
        iterations < 10
    )  # the first batch is there after 2; it did not go on and on, each time from a newer checkpoint
    assert rllib("evaluate", named, "--episodes", 2).exit_code == 0
