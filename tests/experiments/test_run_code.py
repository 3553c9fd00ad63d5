"""A run keeps the code that it began with: if its file has changed, the user is told, and how to train on with the new."""

import json
import re
import shutil
import textwrap
from pathlib import Path

import pytest
import ray.cloudpickle
from ray.tune.registry import ENV_CREATOR, _global_registry

from rllib_remix.errors import UserError
from rllib_remix.experiments.plan import PLAN_FILE, Plan, check_is_the_same, read_plan
from rllib_remix.experiments.reading.files import read_experiments
from rllib_remix.experiments.run_code import changed_files, code_by_value
from rllib_remix.running.record.going_on import go_on_with_code_of

FILE = """
from rllib_remix import QMIXConfig, parallel_env


class Game:
    def __new__(cls, context):
        env = parallel_env("two_step_game")
        pay = env.step

        def step(actions):
            obs, rewards, *others = pay(actions)
            return obs, {agent: BONUS for agent in rewards}, *others

        env.step = step
        return env


BONUS = 1.0

config = (
    QMIXConfig()
    .environment(Game)
    .training(train_batch_episodes=8)
    .reporting(min_sample_timesteps_per_iteration=10)
    .evaluation(evaluation_interval=1, evaluation_duration=1)
)
stop = {"training_iteration": 2}
"""


REGISTERED = """

def make(context):
    return Game(context)


register_env("of_this_file", make)
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "game.py").write_text(FILE)
    return tmp_path / "game.py"


def plan_of(file: Path) -> Plan:
    experiments = read_experiments(file)
    experiments[0].storage_path = str(file.parent / "results")
    (file.parent / "results" / "game").mkdir(parents=True, exist_ok=True)
    return Plan(experiments)


def test_the_file_of_a_module_is_kept_with_its_hash_and_nothing_that_is_installed(file):
    plan = plan_of(file)
    plan.write()
    code = read_plan(file.parent / "results" / "game").code
    assert code is not None
    assert list(code) == [str(file)]
    assert changed_files(code) == []
    file.write_text(FILE + "# mended\n")
    assert changed_files(code) == [str(file)]
    file.unlink()
    assert changed_files(code) == []


def test_an_environment_that_the_file_registered_is_registered_again_and_is_code_too(file):
    file.write_text(
        "from ray.tune.registry import register_env\n"
        + FILE.replace("(Game)", "('of_this_file')")
        + REGISTERED
    )
    plan_of(file).write()
    _global_registry.unregister(ENV_CREATOR, "of_this_file")
    assert not _global_registry.contains(ENV_CREATOR, "of_this_file")
    plan = read_plan(file.parent / "results" / "game")
    assert _global_registry.get(ENV_CREATOR, "of_this_file").__name__ == "make"
    assert list(plan.code or {}) == [str(file)]


def test_what_can_be_imported_travels_by_name_and_what_stands_in_a_function_by_value():
    assert code_by_value(textwrap.dedent) == {}
    assert code_by_value([Plan, json.loads, {"env": "matrix_game", "lr": 1e-3}]) == {}
    assert list(code_by_value({"deep": [lambda: 0]})) == [__file__]


def test_a_class_without_functions_counts_too(file):
    file.write_text("class Settings:\n    bonus = 1\n")
    namespace = {"__name__": "__main__"}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    assert code_by_value(namespace["Settings"]) is not None  # a class of no file: nothing to say, no error


def test_a_plan_of_an_earlier_version_says_nothing(file):
    plan = plan_of(file)
    plan.write()
    stored = file.parent / "results" / "game" / PLAN_FILE
    old = read_plan(stored.parent)
    del old.__dict__["code"]
    stored.write_bytes(ray.cloudpickle.dumps(old))
    assert read_plan(stored.parent).code == {}


def test_a_plan_that_is_written_again_keeps_the_hashes_of_the_beginning(file):
    plan = plan_of(file)
    plan.write()
    file.write_text(FILE + "# mended\n")
    again = read_plan(file.parent / "results" / "game")
    again.write()
    assert changed_files(read_plan(file.parent / "results" / "game").code or {}) == [str(file)]


def test_the_same_command_with_resume_says_that_the_code_changed(file):
    plan_of(file).write()
    file.write_text(FILE.replace("BONUS = 1.0", "BONUS = 2.0"))
    with pytest.raises(
        UserError, match=r"game\.py changed since\. It has no checkpoint .* rllib train file .*game\.py"
    ):
        check_is_the_same(plan_of(file))


def test_a_run_of_equal_settings_goes_on_with_the_old_code_of_a_registered_environment_and_says_so(file):
    text = (
        "from ray.tune.registry import register_env\n"
        + FILE.replace("(Game)", "('of_this_file')")
        + REGISTERED
    )
    file.write_text(text)
    plan_of(file).write()
    file.write_text(text + "# mended\n")
    now = plan_of(file)
    begun = check_is_the_same(now)
    assert begun is not None
    warnings = []
    go_on_with_code_of(begun, now, warnings.append)
    assert "game.py changed since the run began" in warnings[0]
    now.write()
    assert changed_files(read_plan(file.parent / "results" / "game").code or {}) == [str(file)]


@pytest.mark.slow
def test_a_resumed_run_goes_on_with_the_old_code_and_says_so_and_a_restored_one_with_the_new(
    rllib, file, ray_session
):
    train = ("train", "file", file, "--storage-path", "results", "--checkpoint-freq", 1)
    assert (first := rllib(*train)).exit_code == 0, first.output
    assert returns("game") == [4.0, 4.0]
    for trial in Path("results/game").glob("*/"):  # as if the run had been killed before its last checkpoint
        shutil.rmtree(trial / "checkpoint_000001")
    file.write_text(FILE.replace("BONUS = 1.0", "BONUS = 5.0"))
    resumed = rllib("resume", "results/game")
    assert resumed.exit_code == 0, resumed.output
    assert returns("game") == [4.0, 4.0]
    note = " ".join(resumed.stderr.split())
    assert f"Note: {file} changed since the run began" in note
    command = re.search(r"rllib (train file .*) -n NEW_NAME", note)
    assert command is not None
    words = command.group(1).split()
    restored = rllib(*words, "-n", "new", "--storage-path", "results", "--stop", {"training_iteration": 3})
    assert restored.exit_code == 0, restored.output
    assert returns("new")[-1] == 20.0


def returns(name: str) -> list[float]:
    """Of the only trial: the greedy return of every iteration."""
    (results,) = Path("results", name).glob("*/result.json")
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    return [row["evaluation"]["env_runners"]["episode_return_mean"] for row in rows]
