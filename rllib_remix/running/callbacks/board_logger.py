"""TensorBoard's files: results against env steps, without what never changes, and with the settings of every run."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from ray.tune.logger import TBXLoggerCallback
from ray.tune.result import TIMESTEPS_TOTAL

from rllib_remix.experiments.result_keys import (
    ENV_STEPS,
    GREEDY_RETURN,
    TRAINING_RETURN,
    flattened,
    number_at,
)

logger = logging.getLogger("ray.tune")

# Of the machinery, or counted elsewhere; result.json and progress.csv have them.
LEFT_OUT = frozenset(
    (
        *("done", "iterations_since_restore", "time_since_restore", TIMESTEPS_TOTAL, ENV_STEPS),
        *("fault_tolerance", "env_runner_group", "num_training_step_calls_per_iteration", "weights_seq_no"),
        *("actor_manager_num_outstanding_async_reqs", "num_env_runners_dropped_lifetime"),
        *("num_healthy_workers", "num_remote_worker_restarts", "throughput_since_last_restore"),
        *("num_agent_steps_sampled", "num_agent_steps_sampled_lifetime"),
        *("num_module_steps_sampled", "num_module_steps_sampled_lifetime"),
        *("num_trainable_parameters", "num_non_trainable_parameters"),
        *("restore_env_runners", "restore_eval_env_runners", "synch_env_connectors", "synch_eval_env_connectors"),
    )
)  # fmt: skip
_METRICS = (TRAINING_RETURN, GREEDY_RETURN)
_PREFIX = "ray/tune/"  # of Tune's names in TensorBoard
_PLAIN = (bool, int, float, str)


class BoardLogger(TBXLoggerCallback):
    """Tune's TensorBoard logger with env steps as the x axis and settings that can be compared (HParams).

    Tune's own has iterations there, whose lengths differ between algorithms, and knows settings of searches alone.
    """

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Tune's hook."""
        shown = without(result, LEFT_OUT)
        steps = number_at(result, ENV_STEPS)
        if steps is not None:
            shown[TIMESTEPS_TOTAL] = int(steps)  # by which Tune's places the values
        super().log_trial_result(iteration, trial, shown)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """Tune's hook: what the trial was trained with, and its last returns, then the end of its file."""
        writer: Any = self._trial_writer.pop(trial, None)
        last = self._trial_result.pop(trial, {})
        if writer is None:
            return
        returns = {name: last[name] for key in _METRICS if (name := _PREFIX + key) in last}
        if returns:
            from tensorboardX.summary import hparams

            try:
                for summary in hparams(hparam_dict=settings_of(trial), metric_dict=returns):
                    writer.file_writer.add_summary(summary)
            except (
                TypeError,
                ValueError,
            ) as error:  # a number or a text that TensorBoard's format has no room for
                logger.warning("TensorBoard does not take the settings of %s: %s", trial, error)
        writer.close()


def settings_of(trial: Any) -> dict[str, Any]:
    """The algorithm, and what an experiment sets, as far as it is a number or a text."""
    values = {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in flattened(trial.config).items()
    }
    plain = {name: value for name, value in values.items() if isinstance(value, _PLAIN)}
    return {"algorithm": trial.trainable_name} | plain


def without(nested: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Nested results without these names, on any level, and without numbers that are not there (NaN)."""
    kept: dict[str, Any] = {}
    has_norm = any(str(name).startswith("grad_norm") for name in nested)
    for name, value in nested.items():
        if has_norm and str(name).startswith("gradients_"):  # RLlib's name for the same
            continue
        if name in names or (isinstance(value, float) and math.isnan(value)):
            continue
        kept[name] = without(value, names) if isinstance(value, Mapping) else value
    return kept
