"""What a search found: its best trial, in a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rllib_remix.errors import nearest
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.result_keys import flattened
from rllib_remix.experiments.search.spaces import search_domains
from rllib_remix.terminal.console import number


def is_search(experiment: Experiment) -> bool:
    """Whether an experiment's trials are there to be compared: they draw settings, or a scheduler compares them."""
    return bool(search_domains(experiment.config)) or not experiment.scheduler.is_fifo


def best_trial(experiment: Experiment, trials: Sequence[Any]) -> tuple[Any | None, str]:
    """The trial whose last value of the experiment's metric is best, if any has one, and a line with its settings.

    Args:
        experiment: whose trials these are.
        trials: Tune's, with a result or an error.
    """
    metric = experiment.scheduler.settings.get("metric", experiment.metric)
    mode = experiment.scheduler.settings.get("mode", experiment.search.mode)
    results = {trial: flattened(trial.last_result or {}) for trial in trials}
    values = {trial: result[metric] for trial, result in results.items() if _is_number(result.get(metric))}
    if not values:
        known = {key for result in results.values() for key, value in result.items() if _is_number(value)}
        guess = nearest(metric, known)
        hint = f"; did you mean {guess!r}?" if guess else "."
        return None, f"{experiment.name}: no trial can be called best, none reported {metric!r}{hint}"
    best = (max if mode == "max" else min)(values, key=lambda trial: values[trial])
    settings = ", ".join(f"{path}={_short(value)}" for path, value in _searched(experiment, best).items())
    return best, (
        f"{experiment.name}: best of {len(trials)} by {metric}: {number(values[best])} ({best})"
        f"{', with ' + settings if settings else ''}"
    )


def _searched(experiment: Experiment, trial: Any) -> dict[str, Any]:
    """What a trial was trained with at its end, of what was searched; PBT changes it on the way."""
    searched = {}
    for path in search_domains(experiment.config):
        value = trial.config
        for key in path:
            value = value[key]
        searched["/".join(map(str, path))] = value
    return searched


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, (str, bool)) and math.isfinite(value)
    except TypeError:
        return False


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
