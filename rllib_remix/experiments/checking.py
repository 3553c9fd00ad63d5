"""All checks of an experiment that can be made before Ray starts, in their order."""

from __future__ import annotations

from collections.abc import Sequence

from rllib_remix.errors import SettingError, UserError
from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.checks.comparison import check_comparison
from rllib_remix.experiments.checks.counts import check_counts
from rllib_remix.experiments.checks.first_step import try_first_steps
from rllib_remix.experiments.checks.reported_results import check_result_keys
from rllib_remix.experiments.checks.resources import check_there_is_enough
from rllib_remix.experiments.checks.restore import check_restore
from rllib_remix.experiments.checks.storage import check_storage
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.one_policy import NOTE, ONE_POLICY
from rllib_remix.experiments.reading.objects import read_object
from rllib_remix.experiments.resources import bundles_of, reserve
from rllib_remix.experiments.search.points import check_trials
from rllib_remix.experiments.search.schedulers import starting_points
from rllib_remix.experiments.search.spaces import with_domains
from rllib_remix.experiments.trials import settings_of_trials


def check(
    *experiments: Experiment,
    num_cpus: int | None = None,
    num_gpus: float | None = None,
    here: bool = True,
) -> list[Experiment]:
    """Checks experiments that Python code made, as `load` checks those of a file, without starting Ray.

    Args:
        experiments: what is to run; they are changed as `check_experiment` says.
        num_cpus, num_gpus: what will be there, or None if that is not known (a cluster).
        here: whether this process will run them; the folders of another machine are not looked at.

    Returns:
        The same experiments, for `rllib_remix.running.run`. What a user should know of one is in its `notes`.

    Raises:
        UserError: for what cannot run, naming the setting, the value and what is allowed. Where an option of
            `rllib train` says the same, messages call the setting by it, such as --storage-path.
        SettingError: the same, from the settings of our own algorithms.
    """
    for experiment in experiments:
        read_object(experiment)
    check_experiments(experiments, num_cpus=num_cpus, num_gpus=num_gpus, here=here)
    return list(experiments)


def check_experiments(
    experiments: Sequence[Experiment],
    *,
    num_cpus: int | None = None,
    num_gpus: float | None = None,
    here: bool = True,
) -> None:
    """Checks experiments that were read; what is wrong with one of several names it. See `check_experiment`."""
    for experiment in experiments:
        try:
            check_experiment(experiment, num_cpus=num_cpus, num_gpus=num_gpus, here=here)
        except (UserError, SettingError) as error:
            if len(experiments) == 1:
                raise
            raise UserError(f"experiment {experiment.name!r}: {error}") from error


def check_experiment(
    experiment: Experiment,
    *,
    num_cpus: int | None = None,
    num_gpus: float | None = None,
    here: bool = True,
) -> None:
    """Checks an experiment and all variants of its settings, without starting Ray.

    Args:
        experiment: what is to run. Its `run` is replaced by the class if it was a class path, samplers by
            Tune's search domains; what it reserves becomes part of its settings.
        num_cpus, num_gpus: what will be there, or None if that is not known (a cluster).
        here: whether this process will run it; the folders of another machine are not looked at.

    Raises:
        UserError: for what cannot run, naming the setting, the value and what is allowed.
        SettingError: the same, from the settings of our own algorithms.
    """
    check_counts(experiment)
    experiment.run, algorithm_class, default = find_algorithm(experiment.run)
    if experiment.restore is not None and here:
        check_restore(experiment.restore, algorithm_class)
    check_trials("config", experiment.config, experiment.num_samples)
    experiment.config = starting_points(experiment.scheduler, with_domains("config", experiment.config))
    trials = settings_of_trials(default, experiment.config)
    if experiment.resources:
        reserve(experiment, algorithm_class, trials)
        trials = settings_of_trials(default, experiment.config)
    for config, settings in trials:
        check_there_is_enough(
            bundles_of(algorithm_class, settings), config.num_env_runners, num_cpus, num_gpus
        )
    configs = [trial.config for trial in trials]
    check_comparison(experiment, configs)
    check_result_keys(experiment, configs)
    if here:
        experiment.storage_path = check_storage(experiment.storage_path)
        if try_first_steps(configs):
            experiment.config = {**experiment.config, **ONE_POLICY}
            experiment.notes.append(NOTE)
