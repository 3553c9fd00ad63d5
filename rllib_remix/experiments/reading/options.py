"""Experiments as the options of `rllib train` describe them: one in full, or what is to be otherwise in others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rllib_remix.errors import UserError
from rllib_remix.experiments.checks.environment import check_environment_settings
from rllib_remix.experiments.checks.spelling import check_spelling
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.old.settings import translate_config
from rllib_remix.experiments.reading.assignments import with_assignments
from rllib_remix.experiments.reading.criteria import parse_score_attribute, parse_stop
from rllib_remix.experiments.reading.names import check_folder_name
from rllib_remix.experiments.resources import check_resources
from rllib_remix.experiments.search.schedulers import parse_scheduler
from rllib_remix.experiments.search.searchers import parse_search
from rllib_remix.files.json_text import parse_json_object
from rllib_remix.files.text_files import local_path


@dataclass(frozen=True)
class Changes:
    """What is to be otherwise than an experiment has it, named as the options of `rllib train file`; None leaves it.

    Settings that are mappings may also be given as options have them: JSON text, or "@FILE".
    """

    experiment_name: str | None = None  # of the only experiment
    env: str | None = None  # of the first experiment
    stop: Mapping[str, Any] | None = None  # result key to limit; of a Python module alone
    num_samples: int | None = None
    checkpoint_freq: int | None = None  # iterations
    checkpoint_at_end: bool | None = None
    keep_checkpoints_num: int | None = None
    checkpoint_score_attr: str | None = None  # result key; min- before it keeps the lowest
    storage_path: str | None = None
    restore: str | Path | None = None  # checkpoint, of the only experiment
    resources_per_trial: Mapping[str, Any] | str | None = None
    max_failures: int | None = None
    scheduler: str | None = None
    scheduler_config: Mapping[str, Any] | str | None = None
    search: str | None = None
    search_config: Mapping[str, Any] | str | None = None
    set: Sequence[str] = ()  # "config.lr=1e-3"; of YAML files and mappings, see `assignments.py`

    def check_stop_can_change(self, source: str) -> None:
        """Raises UserError if stop criteria are given for anything else than a Python module."""
        if self.stop is not None and Path(source).suffix != ".py":
            raise UserError(f"--stop: works with .py files only; write the stop of {source!r} into the file.")

    def make(self, source: str, experiments: Sequence[Experiment]) -> None:
        """Makes the changes.

        Args:
            source: where the experiments are from, for messages.
            experiments: are changed.

        Raises:
            UserError, SettingError: for a value that cannot be, or what only one of several experiments can have.
        """
        if self.experiment_name is not None:
            if len(experiments) > 1:
                raise UserError(
                    f"--experiment-name: {source!r} has {len(experiments)} experiments with their own names."
                )
            experiments[0].name = check_folder_name("--experiment-name", self.experiment_name)
        if self.env is not None:
            experiments[0].config["env"] = self.env
        if self.restore is not None:
            if len(experiments) > 1:
                raise UserError(
                    f"--restore: {source!r} has {len(experiments)} experiments; name the one to restore with --only."
                )
            experiments[0].restore = local_path("--restore", str(self.restore)).absolute()
        for experiment in experiments:
            self._change_run(experiment)
        if self.scheduler_config is not None and self.scheduler is None:
            raise UserError("--scheduler-config: belongs to --scheduler; give both.")
        search_config = _mapping("--search-config", self.search_config)
        for experiment in experiments:
            self._change_comparison(experiment, search_config)

    def _change_run(self, experiment: Experiment) -> None:
        """How often it is trained, when it ends and is saved, and what it reserves."""
        if self.stop is not None:
            experiment.stop = parse_stop("--stop", self.stop)
        if self.num_samples is not None:
            experiment.num_samples = self.num_samples
        if self.checkpoint_freq is not None:
            experiment.checkpoints.frequency = self.checkpoint_freq
        if self.checkpoint_at_end is not None:
            experiment.checkpoints.at_end = self.checkpoint_at_end
        if self.keep_checkpoints_num is not None:
            experiment.checkpoints.num_to_keep = self.keep_checkpoints_num
        if self.storage_path is not None:
            experiment.storage_path = self.storage_path
        if self.resources_per_trial is not None:
            given = _mapping("--resources-per-trial", self.resources_per_trial)
            experiment.resources = check_resources("--resources-per-trial", given)
        if self.max_failures is not None:
            experiment.max_failures = self.max_failures

    def _change_comparison(self, experiment: Experiment, search_config: Mapping[str, Any]) -> None:
        """The best checkpoint, the scheduler and the search."""
        if self.checkpoint_score_attr is not None:
            key, order = parse_score_attribute("--checkpoint-score-attr", self.checkpoint_score_attr)
            experiment.checkpoints.score_attribute, experiment.checkpoints.score_order = key, order
        if self.scheduler is not None:
            settings = _mapping("--scheduler-config", self.scheduler_config)
            experiment.scheduler = parse_scheduler("--scheduler", self.scheduler, settings)
        if self.search is not None or search_config:
            given = {**vars(experiment.search), **search_config}
            experiment.search = parse_search(
                "--search", given | ({"algorithm": self.search} if self.search else {})
            )


def experiment_of_options(
    algo: str,
    *,
    env: str | None,
    env_config: str,
    config: str,
    stop: str,
    assignments: Sequence[str] = (),
) -> Experiment:
    """The experiment that options of `rllib train` describe: what is trained, and until when.

    Args:
        algo: name of an algorithm, or a class path.
        env: name of an environment, instead of one in `config`.
        env_config, config, stop: JSON objects, or "@FILE".
        assignments: values to set in `config` and `stop`, see `assignments.py`.

    Raises:
        UserError, SettingError: for what is no JSON, old settings without successor, and unknown result keys.
    """
    settings = parse_json_object("--config", config)
    settings_of_env = parse_json_object("--env-config", env_config)
    if env:
        settings["env"] = env
    if settings_of_env:
        check_environment_settings("--config: env_config", settings.get("env_config"))
        settings["env_config"] = {**(settings.get("env_config") or {}), **settings_of_env}
    spec = with_assignments({"config": settings, "stop": parse_json_object("--stop", stop)}, assignments)
    for key in spec:
        if key not in ("config", "stop"):
            raise UserError(f"--set: {key} has an option of its own; --set takes config.… and stop.… here.")
    settings, notes = translate_config("--config", spec["config"], algo)
    criteria = parse_stop("--stop", spec["stop"])
    experiment = Experiment(name="default", run=algo, config=settings, stop=criteria, notes=notes)
    check_spelling([experiment])
    return experiment


def _mapping(option: str, given: Mapping[str, Any] | str | None) -> dict[str, Any]:
    if isinstance(given, str):
        return parse_json_object(option, given)
    return dict(given or {})
