"""Experiments that Python code made."""

from __future__ import annotations

from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.reading.criteria import parse_stop
from rllib_remix.experiments.reading.names import check_folder_name
from rllib_remix.experiments.resources import check_resources
from rllib_remix.experiments.result_keys import check_result_key
from rllib_remix.experiments.search.schedulers import parse_scheduler
from rllib_remix.experiments.search.searchers import parse_search
from rllib_remix.files.text_files import local_path


def read_object(experiment: Experiment) -> None:
    """Checks the parts of an experiment that are checked where a file or an option is read.

    Args:
        experiment: limits that are written as text become numbers, and paths absolute.

    Raises:
        UserError, SettingError: for a part that cannot be.
    """
    check_folder_name("name", experiment.name)
    experiment.stop = parse_stop("stop", experiment.stop)
    if experiment.checkpoints.score_attribute is not None:
        check_result_key("checkpoints: score_attribute", experiment.checkpoints.score_attribute)
    if experiment.restore is not None:
        experiment.restore = local_path("restore", str(experiment.restore)).absolute()
    experiment.resources = check_resources("resources", experiment.resources)
    scheduler, search = experiment.scheduler, experiment.search
    experiment.scheduler = parse_scheduler("scheduler", scheduler.type, scheduler.settings)
    experiment.search = parse_search("search", vars(search))
