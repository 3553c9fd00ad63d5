"""What a user's code registered is kept in the plan of a run that uses it, and known again where the plan is read."""

import sys
from pathlib import Path

import pytest
import ray.cloudpickle
from ray.tune.registry import TRAINABLE_CLASS, _global_registry

from rllib_remix import QMIX, QMIXConfig, register_algorithm, register_weighting
from rllib_remix.algorithms.table import ALGORITHMS
from rllib_remix.errors import UserError
from rllib_remix.experiments import check
from rllib_remix.experiments.experiment import Experiment
from rllib_remix.experiments.plan import PLAN_FILE, Plan, check_is_the_same, read_plan
from rllib_remix.experiments.reading.files import read_experiments
from rllib_remix.learning.weighting import SCHEMES, uniform

SCRIPT = """
from rllib_remix import QMIX, QMIXConfig, register_weighting
from rllib_remix.learning.weighting import Weights


def late(inputs):
    return Weights(inputs.mask.float(), {})


register_weighting("late", late, needs_q_star=False)
register_weighting("unused", late)


class LateConfig(QMIXConfig):
    def __init__(self, algo_class=None):
        super().__init__(algo_class or Late)
        self.weighting = "late"


class Late(QMIX):
    @classmethod
    def get_default_config(cls):
        return LateConfig()


"""


@pytest.fixture
def forget():
    """Forgets what was registered, as another process knows nothing of it; called at the end, too."""
    algorithms, schemes = dict(ALGORITHMS), dict(SCHEMES)

    def forget():
        for table, before in ((ALGORITHMS, algorithms), (SCHEMES, schemes)):
            table.clear()
            table.update(before)

    yield forget
    forget()
    sys.modules.pop("rllib_experiment_script", None)


def written(folder: Path, experiment: Experiment) -> Path:
    """The folder of a run that has begun."""
    experiment.storage_path = str(folder)
    (folder / experiment.name).mkdir()
    Plan([experiment]).write()
    return folder / experiment.name


@pytest.mark.parametrize(
    "config",
    [
        "LateConfig()",  # whose default it is
        "QMIXConfig().training(weighting='late')",
    ],
)
def test_the_weighting_of_a_script_is_known_again_and_its_code_is_the_run_s(tmp_path, forget, config):
    file = tmp_path / "script.py"
    file.write_text(SCRIPT + f"config = {config}.environment('matrix_game')\n")
    folder = written(tmp_path, read_experiments(file)[0])
    forget()
    plan = read_plan(folder)
    assert list(plan.weightings) == ["late"]
    assert SCHEMES["late"].function.__name__ == "late"
    assert not SCHEMES["late"].needs_q_star
    assert list(plan.code or {}) == [str(file)]
    (experiment,) = plan.experiments
    experiment.run.get_default_config().update_from_dict(experiment.config).validate()


@pytest.mark.parametrize(
    "searched", [{"grid_search": ["late", "remix"]}, {"choice": ["remix", "late"]}, "late"]
)
def test_weightings_that_are_searched_are_kept(tmp_path, forget, searched):
    def late(inputs):
        return uniform(inputs)

    register_weighting("late", late)
    config = {"env": "matrix_game", "weighting": searched}
    (experiment,) = check(Experiment("run", "QMIX", config, storage_path=str(tmp_path)))
    folder = written(tmp_path, experiment)
    forget()
    assert list(read_plan(folder).weightings) == ["late"]
    assert "late" in SCHEMES


def test_shipped_weightings_are_not_kept_and_stay_as_they_are(tmp_path, forget):
    folder = written(tmp_path, Experiment("run", "ReMIX", {"env": "matrix_game"}))
    plan = read_plan(folder)
    assert plan.weightings == {}
    shipped, plan.weightings = SCHEMES["remix"], {"remix": SCHEMES["uniform"]}
    (folder / PLAN_FILE).write_bytes(ray.cloudpickle.dumps(plan))
    read_plan(folder)
    assert SCHEMES["remix"] is shipped


def test_a_plan_of_an_earlier_version_has_no_weightings(tmp_path, forget):
    folder = written(tmp_path, Experiment("run", "QMIX", {"env": "matrix_game"}))
    old = read_plan(folder)
    del old.__dict__["weightings"]
    (folder / PLAN_FILE).write_bytes(ray.cloudpickle.dumps(old))
    assert read_plan(folder).weightings == {}


def registered() -> type[QMIX]:
    class OfAUserConfig(QMIXConfig):
        pass

    class OfAUser(QMIX):
        @classmethod
        def get_default_config(cls):
            return OfAUserConfig(OfAUser)

    return register_algorithm(OfAUser)


def test_a_registered_algorithm_is_kept_as_its_class(tmp_path, forget):
    algorithm = registered()
    given = Experiment("run", "OfAUser", {"env": "matrix_game"}, storage_path=str(tmp_path))
    (experiment,) = check(given)
    assert experiment.run is algorithm
    folder = written(tmp_path, experiment)
    forget()
    _global_registry.unregister(TRAINABLE_CLASS, "OfAUser")
    (again,) = read_plan(folder).experiments
    assert _global_registry.contains(TRAINABLE_CLASS, "OfAUser")  # by which Tune's record names it
    assert again.run.__name__ == "OfAUser"
    assert again.run.get_default_config().algo_class is again.run


def test_a_run_that_was_begun_with_the_name_goes_on_with_the_class(tmp_path, forget):
    algorithm = registered()
    folder = written(tmp_path, Experiment("run", "QMIX", {"env": "matrix_game"}))
    begun = read_plan(folder)
    begun.experiments[0].run = "OfAUser"
    (folder / PLAN_FILE).write_bytes(ray.cloudpickle.dumps(begun))
    check_is_the_same(
        Plan([Experiment("run", algorithm, {"env": "matrix_game"}, storage_path=str(tmp_path))])
    )
    other = Experiment("run", QMIX, {"env": "matrix_game"}, storage_path=str(tmp_path))
    with pytest.raises(UserError, match="was begun with run = 'OfAUser'"):
        check_is_the_same(Plan([other]))
