"""An algorithm and a weighting from a user's module, trained by the command with no edit of the package."""

import importlib
import json
import shutil
import sys
from pathlib import Path

import pytest
from processes import SMALL, exit_code, output

import rllib_remix
from rllib_remix.algorithms.table import ALGORITHMS, RLLIB_ALGORITHMS, algorithm_class, get_algorithm_config
from rllib_remix.cli.completion import complete_algorithms
from rllib_remix.errors import SettingError
from rllib_remix.experiments import load
from rllib_remix.experiments.algorithm import find_algorithm
from rllib_remix.experiments.old.settings import translate_config
from rllib_remix.learning.weighting import SCHEMES, Weights
from rllib_remix.team.algorithm import TeamAlgorithm
from rllib_remix.value_based.schemes import find_scheme

ALGORITHM = '''
"""QMIX that forgets: an algorithm of a user's own, whose steps count less the earlier they are."""

from typing import Annotated

import torch

from rllib_remix import QMIX, QMIXConfig, register_algorithm, register_weighting
from rllib_remix.learning.weighting import Weights
from rllib_remix.settings import Interval


def late(inputs, *, decay: Annotated[float, Interval(0, 1)] = 0.9):
    steps = torch.arange(inputs.mask.shape[1] - 1, -1, -1)
    return Weights(inputs.mask * decay**steps, {"error": (inputs.q_tot - inputs.targets).abs()})


register_weighting("late", late, needs_q_star=False, terms=["error"])


class LateConfig(QMIXConfig):
    def __init__(self, algo_class=None):
        super().__init__(algo_class or Late)
        self.weighting = "late"


@register_algorithm
class Late(QMIX):
    """QMIX in which late steps count more."""

    @classmethod
    def get_default_config(cls):
        return LateConfig()
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with the user's module; what it registers is forgotten."""
    (tmp_path / "own.py").write_text(ALGORITHM)
    monkeypatch.syspath_prepend(tmp_path)
    algorithms, schemes = dict(ALGORITHMS), dict(SCHEMES)
    yield tmp_path
    sys.modules.pop("own", None)
    for table, before in ((ALGORITHMS, algorithms), (SCHEMES, schemes)):
        table.clear()
        table.update(before)


def results(folder, run):
    (file,) = folder.glob(f"results/{run}/*/result.json")
    return [json.loads(line) for line in file.read_text().splitlines()]


def train(start, folder, *arguments, name, **settings):
    command = ["train", *arguments, "--env", "matrix_game", "--config", json.dumps(SMALL | settings)]
    command += ["-n", name, "--stop", json.dumps({"training_iteration": 2}), "--storage-path", "results"]
    number = len(list(folder.glob("output_*")))
    process = start(*command, "--ray-num-cpus", "4")
    assert exit_code(process, folder, number) == 0, output(folder, number)
    last = results(folder, name)[-1]
    assert last["learners"]["default_policy"]["weight_terms"]["error_mean"] > 0
    return last


@pytest.mark.slow
def test_the_command_trains_and_plays_an_algorithm_of_a_users_module(start, own):
    trained = train(start, own, "--algo", "own.Late", name="late")
    assert trained["config"]["weighting"] == "late"
    (run,) = own.glob("results/late/Late_matrix_game_*")
    for number, command in enumerate(
        (("evaluate", str(run), "--episodes", "4"), ("resume", "results/late")), 1
    ):
        assert exit_code(start(*command), own, number) == 0, output(own, number)
    assert "Late on matrix_game, 4 greedy episodes" in output(own, 1)


@pytest.mark.slow
def test_the_command_trains_with_a_weighting_of_a_users_module_in_workers_too(start, own):
    workers = {"num_env_runners": 1, "num_learners": 1, "weighting_config": {"decay": 0.5}}
    trained = train(start, own, "--algo", "ReMIX", name="path", weighting="own.late", **workers)
    assert trained["config"]["weighting"] == "own.late"


@pytest.mark.slow
def test_what_a_script_registers_is_known_in_the_processes_that_it_starts_and_where_it_is_resumed(start, own):
    script = ALGORITHM + (
        "\n\nconfig = LateConfig().environment('matrix_game').env_runners(num_env_runners=1)"
        "\nconfig.learners(num_learners=1).training(train_batch_episodes=8)"
        "\nstop = {'training_iteration': 2}\n"
    )
    (own / "script.py").write_text(script)
    (own / "own.py").unlink()
    train = ("train", "file", "script.py", "--storage-path", "results", "--checkpoint-freq", "1")
    for number, command in enumerate((train, ("resume", "results/script"))):
        process = start(*command, "--ray-num-cpus", "4")
        assert exit_code(process, own, number) == 0, output(own, number)
        rows = results(own, "script")
        assert [row["training_iteration"] for row in rows] == [1, 2]
        assert rows[-1]["learners"]["default_policy"]["weight_terms"]["error_mean"] > 0
        (newest,) = own.glob("results/script/*/checkpoint_000001")
        shutil.rmtree(newest)  # as if the run had been killed before it


def test_a_registered_algorithm_is_in_every_list(own, rllib):
    import own as module

    assert algorithm_class("Late") is rllib_remix.Late is module.Late
    assert rllib_remix.LateConfig is module.LateConfig
    assert get_algorithm_config("Late").algo_class is module.Late
    assert complete_algorithms("Lat") == [("Late", "QMIX in which late steps count more")]
    assert "  Late         QMIX in which late steps count more\n" in rllib("algorithms").stdout
    assert "Late" in dir(rllib_remix)


def test_iql_is_that_of_teams_for_ray_too_whatever_it_is_asked_for():
    """Tune registers RLlib's algorithms again when it is asked for a name that it does not know."""
    from ray.rllib.algorithms.iql import IQL as Implicit
    from ray.tune.error import TuneError
    from ray.tune.registry import get_trainable_cls

    rllib_remix.register()
    with pytest.raises(TuneError):
        get_trainable_cls("no_such_algorithm")
    assert get_trainable_cls("IQL") is rllib_remix.IQL
    assert find_algorithm("IQL")[1] is rllib_remix.IQL
    assert find_algorithm("PPO")[1].__name__ == "PPO"
    path = f"{Implicit.__module__.removesuffix('.iql')}.IQL"
    assert path in RLLIB_ALGORITHMS
    assert find_algorithm(path)[1] is Implicit is not rllib_remix.IQL


def test_a_registered_weighting_is_checked_as_ours_are(own):
    import own as module

    config = module.LateConfig().environment("matrix_game")
    config.validate()
    with pytest.raises(SettingError, match=r"^weighting_config\.decay: 2"):
        config.training(weighting_config={"decay": 2}).validate()
    with pytest.raises(SettingError, match=r"^weighting_config of 'late': unknown key 'deca'"):
        config.training(weighting_config={"deca": 1}).validate()


def test_a_weighting_is_found_by_its_module_s_path(own):
    assert find_scheme("own.late").function.__name__ == "late"
    with pytest.raises(
        SettingError, match=r"^weighting: 'own\.lat' is not allowed: 'own' registers no weighting"
    ):
        find_scheme("own.lat")
    with pytest.raises(SettingError, match=r"^weighting: cannot import 'gone\.late': ModuleNotFoundError"):
        find_scheme("gone.late")
    with pytest.raises(SettingError, match=r"did you mean 'late'\?.*a module of yours.*: my_module\.mine\.$"):
        find_scheme("lat")


def test_names_that_are_taken_are_refused_and_the_same_thing_again_is_not(own):
    import own as module

    def other(inputs):
        return Weights(inputs.mask, {})

    rllib_remix.register_algorithm(module.Late)
    rllib_remix.register_weighting("late", module.late)
    for name, by in (("late", r"own\.late"), ("remix", r"rllib_remix\.learning\.weighting\.remix")):
        with pytest.raises(SettingError, match=rf"^register_weighting: the name '{name}' is taken, by {by};"):
            rllib_remix.register_weighting(name, other)
    for name, by in (
        ("ReMIX", r"rllib_remix\.algorithms\.remix\.ReMIX"),
        ("PPO", "RLlib"),
        ("Late", r"own\.Late"),
    ):
        with pytest.raises(SettingError, match=rf"^register_algorithm: the name '{name}' is taken, by {by};"):
            rllib_remix.register_algorithm(type(name, (rllib_remix.QMIX,), {"__module__": "another"}))


def test_a_module_that_is_reloaded_registers_again(own):
    import own as module

    before = module.Late
    importlib.reload(module)
    assert algorithm_class("Late") is module.Late is not before
    assert SCHEMES["late"].function is module.late


def test_one_of_ours_that_is_registered_again_stays_as_it_is():
    before = ALGORITHMS["ReMIX"]
    assert rllib_remix.register_algorithm(rllib_remix.ReMIX, text="another") is rllib_remix.ReMIX
    assert ALGORITHMS["ReMIX"] is before


def of_user(name, **attributes):
    """A class of a user below QMIX."""
    return type(name, (rllib_remix.QMIX,), {"__module__": "another", **attributes})


def test_what_can_be_no_algorithm_is_refused(own):
    import own as module

    late = classmethod(lambda cls: module.LateConfig())
    for algorithm, message in (
        ("ReMIX", "'ReMIX' is not allowed; it must be a subclass"),
        (of_user("größe"), "'größe' is not allowed as a name; it must be ASCII letters"),
        (of_user("MineConfig"), "the name 'MineConfig' is not allowed: .* it must not end in 'Config'"),
        (of_user("TeamPolicy"), r"the name 'TeamPolicy' is taken, by rllib_remix\.TeamPolicy; give the class another"),
        (TeamAlgorithm, "'TeamAlgorithm' is not allowed: the config that its `get_default_config` gives is of no algo"),
        (of_user("Mine"), r"'Mine' is not allowed: .* is of rllib_remix\.algorithms\.qmix\.QMIX; .* is 'Mine'\.$"),
        (of_user("Later", get_default_config=late), r"'Later' is not allowed: .* is of own\.Late; "),
    ):  # fmt: skip
        with pytest.raises(SettingError, match=f"^register_algorithm: {message}"):
            rllib_remix.register_algorithm(algorithm)
    assert rllib_remix.TeamPolicy.__module__ == "rllib_remix.policy"


def test_a_decorated_class_with_the_config_of_another_is_refused_when_it_is_used(own):
    (own / "own.py").write_text(
        ALGORITHM.replace("algo_class or Late", "Late and rllib_remix.QMIX") + "\nimport rllib_remix\n"
    )
    import own as module

    assert module.Late is algorithm_class("Late")
    with pytest.raises(
        SettingError, match=r"^algo: 'Late' is not allowed: .* is of rllib_remix\.algo.*QMIX; it must"
    ):
        get_algorithm_config("Late")


def test_settings_of_an_algorithm_that_a_path_names_are_read_as_those_of_teams(own):
    settings = {"prioritized_replay_alpha": 0.6, "weighting_mode": "sampling"}
    for run in ("own.Late", "Late"):
        assert translate_config("--config", settings, run) == (settings, [])
        (experiment,) = load({"run": {"run": run, "env": "matrix_game", "config": {"mixing_embed_dim": 16}}})
        assert experiment.config["mixer_embed_dim"] == 16


def test_that_the_module_of_a_weighting_is_imported_is_said_where_files_are_trusted(rllib):
    texts = [
        rllib("train", "file", "--help").stdout,
        load.__doc__,
        (Path(__file__).parents[2] / "docs" / "not_losing_work.md")
        .read_text()
        .partition("## What is trusted")[2],
    ]
    assert all("weighting" in (text or "") for text in texts)
