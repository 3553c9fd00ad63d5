"""What stands in for Ray does what Ray does, for every algorithm."""

import importlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gpu.without_ray import metrics, settings
from gpu.without_ray.names import NAMES, install
from ray.rllib.algorithms.algorithm_config import AlgorithmConfig
from ray.rllib.callbacks.callbacks import RLlibCallback
from ray.rllib.utils.schedules.scheduler import Scheduler

from tests.gpu.drive_stand_ins import updates_of_all_cases

DRIVER = Path(__file__).with_name("drive_stand_ins.py")


def drive(*arguments):
    done = subprocess.run([sys.executable, DRIVER, *arguments], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.battery  # all algorithms, and a process
def test_an_update_on_the_stand_ins_is_rllibs(tmp_path):
    drive("updates", tmp_path / "found.npz")
    with np.load(tmp_path / "found.npz") as found:
        here = dict(found)
    of_rllib = updates_of_all_cases()
    logged = {name for name in of_rllib if ": logged " in name}
    assert {name for name in here if name not in logged} == of_rllib.keys() - logged
    assert {
        "ReMIX: logged td_loss",
        "COMA: logged policy_loss",
        "QMIX: logged grad_norm",
    } <= here.keys() & logged
    wrong = [
        name
        for name in here.keys() & of_rllib.keys()
        if not np.allclose(here[name], of_rllib[name], rtol=1e-6, atol=1e-6, equal_nan=True)
    ]
    assert not wrong


@pytest.mark.battery  # a process
def test_all_algorithms_are_imported_without_a_module_of_ray():
    assert drive("names").strip() == "[]"


def test_ray_must_not_be_there_already():
    with pytest.raises(RuntimeError, match="imported already"):
        install()


@pytest.mark.parametrize("module", NAMES)
def test_names_are_rays_and_constants_have_its_values(module):
    there = importlib.import_module(module)
    for name, value in NAMES[module].items():
        assert hasattr(there, name)
        if isinstance(value, str) and not name.startswith("__"):
            assert getattr(there, name) == value


def test_settings_have_rllibs_defaults():
    here, there = vars(settings.AlgorithmConfig()), AlgorithmConfig()
    others = ("algo_class", "callbacks_class")
    assert {name: getattr(there, name) for name in here if name not in others} == {
        name: value for name, value in here.items() if name not in others
    }
    assert there.callbacks_class is RLlibCallback


def test_a_setting_that_it_has_not_is_refused():
    with pytest.raises(TypeError, match="num_gpus: Ray is not installed here"):
        settings.AlgorithmConfig().learners(num_gpus=1)


@pytest.mark.parametrize("given", [0.5, [[0, 1.0], [10, 0.5], [20, 0.0]]])
def test_a_schedule_is_rllibs(given):
    here, there = settings.Scheduler(given), Scheduler(given)
    assert here.get_current_value() == float(there.get_current_value())
    for step in (0, 1, 10, 15, 20, 99):
        assert here.update(step) == pytest.approx(there.update(step))


def test_what_cannot_be_had_without_ray_says_so():
    with pytest.raises(RuntimeError, match="Algorithm is needed, but Ray is not installed"):
        NAMES["ray.rllib.algorithms.algorithm"]["Algorithm"]()


def test_numbers_are_reduced_as_their_names_say():
    logger = metrics.MetricsLogger()
    for value in (1.0, 3.0):
        logger.log_value(("a", "mean"), value)
        logger.log_value(("a", "latest"), value, window=1)
        logger.log_value("least", value, reduce="min", window=1)
        logger.log_value("total", value, reduce="lifetime_sum")
    expected = {"a": {"mean": 2.0, "latest": 3.0}, "least": 1.0, "total": 4.0}
    assert metrics.peeked(logger.reduce()) == expected
    logger.log_value("total", 1.0, reduce="lifetime_sum")
    assert metrics.peeked(logger.reduce()) == {"total": 5.0}
