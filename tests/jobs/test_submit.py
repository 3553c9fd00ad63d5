"""What `rllib train --submit` refuses before anything is sent, and what it sends."""

import importlib.metadata
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rllib_remix.errors import UserError
from rllib_remix.jobs.command import ShippedFiles, job_command
from rllib_remix.jobs.environment import (
    add_missing_packages,
    job_environment,
    read_runtime_env,
    requirements,
)

QMIX = ("train", "--algo", "QMIX", "--env", "matrix_game")
NOBODY = ("--submit", "--address", "http://127.0.0.1:1")
YAML = "a: {run: QMIX, env: matrix_game, stop: {training_iteration: 1}}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--submit",), "--submit: give the cluster's job server"),
        (NOBODY, "no job server answers at 'http://127.0.0.1:1'"),
        (("--submit", "--address", "127.0.0.1:1"), "no Ray answers at '127.0.0.1:1'"),
        (("--no-wait",), "--no-wait: belongs to --submit"),
        (("--runtime-env", "{}"), "--runtime-env: belongs to --submit"),
        (("--address", "http://127.0.0.1:1"), "add --submit to send the run there"),
        ((*NOBODY, "--storage-path", "results"), "--storage-path: 'results' is not allowed with --submit"),
        ((*NOBODY, "--runtime-env", {"pips": []}), "unknown key 'pips'; did you mean 'pip'"),
        ((*NOBODY, "--runtime-env", {"env_vars": 3}), "env_vars must be as"),
        ((*NOBODY, "--runtime-env", {"pip": [], "conda": "x"}), "pip and conda cannot be given together"),
        ((*NOBODY, "--runtime-env", "missing.yaml"), "'missing.yaml' does not exist"),
        ((*NOBODY, "--config", {"td_lambda": 3}), "td_lambda: 3 is not allowed"),
    ],
)
def test_bad_input_is_one_clear_line_before_anything_is_sent(refused, monkeypatch, arguments, message):
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    assert message in refused(*QMIX, *arguments)


def test_results_below_the_home_folder_make_no_folder_here(refused, tmp_path):
    refused(*QMIX, *NOBODY)
    assert not (tmp_path / "home" / "ray_results").exists()


@pytest.mark.battery  # imports the command anew
def test_without_rays_job_client_the_error_says_what_to_install(tmp_path):
    run = "import sys; sys.modules['aiohttp'] = None; from rllib_remix.cli.main import main; main()"
    command = [sys.executable, "-c", run, *QMIX, *NOBODY]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert ended.returncode == 2
    assert ended.stderr.strip() == (
        "Error: --submit: Ray's job client is not installed; pip install 'ray[default]'."
    )


@pytest.fixture
def sent(rllib, monkeypatch, tmp_path):
    """Runs a command up to the point where it would be sent; returns the job's words and the names of its files."""

    def run(*arguments):
        found = {}

        def catch(given, experiments, submission, *, verbosity):
            folder = tmp_path / "shipped"
            folder.mkdir()
            files = ShippedFiles(folder, submission.runtime_env)
            found["command"] = shlex.split(job_command(given, files))
            found["files"] = sorted(path.name for path in folder.iterdir())
            return 0

        monkeypatch.setattr("rllib_remix.cli.train.submit_run", catch)
        result = rllib(*arguments)
        if result.exit_code:
            raise UserError(result.stderr)
        return found["command"], found["files"]

    return run


def test_the_job_runs_the_same_command_without_what_belongs_to_the_submission(sent):
    command, files = sent(
        *(*QMIX, *NOBODY, "--no-wait", "--runtime-env", "{}", "-c", {"td_lambda": 0.5}, "--num-samples", 2),
        *("--no-checkpoint-at-end", "-vv"),
    )
    assert command[:5] == ["exec", "python", "-m", "rllib_remix.cli", "train"]
    options = command[5:]
    assert sorted(options) == sorted(
        [
            *QMIX[1:],
            "--config",
            '{"td_lambda": 0.5}',
            "--num-samples",
            "2",
            "--no-checkpoint-at-end",
            "--verbose",
            "--verbose",
        ]
    )
    assert files == []


def test_files_travel_alone_and_lose_their_folders(sent, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "config.json").write_text('{"td_lambda": 0.5}')
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "secret.txt").touch()
    command, files = sent(*QMIX, *NOBODY, "-c", "@deep/config.json", "--env-config", "@config.json")
    assert files == ["1_config.json", "config.json"]
    assert {"@config.json", "@1_config.json"} < set(command)


def test_an_experiment_file_is_the_last_word(sent, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "small.yaml").write_text(YAML)
    command, files = sent("train", "file", "deep/small.yaml", *NOBODY, "--num-samples", 2)
    assert command[4:] == ["train", "file", "--num-samples", "2", "small.yaml"]
    assert files == ["small.yaml"]


def test_files_stay_where_they_are_in_the_users_own_working_dir(sent, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "small.yaml").write_text(YAML)
    command, files = sent(
        "train", "file", "deep/small.yaml", *NOBODY, "--runtime-env", {"working_dir": str(tmp_path)}
    )
    assert (command[-1], files) == ("deep/small.yaml", [])


def test_a_file_outside_of_the_users_own_working_dir_is_refused(sent, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "small.yaml").write_text(YAML)
    with pytest.raises(UserError, match="does not hold"):
        sent("train", "file", "small.yaml", *NOBODY, "--runtime-env", {"working_dir": str(tmp_path / "deep")})


def test_options_that_start_ray_here_do_not_go_with_submit(sent):
    with pytest.raises(UserError, match="--ray-num-cpus: "):
        sent(*QMIX, *NOBODY, "--ray-num-cpus", 2)


def test_the_default_environment_ships_this_package_and_lets_a_run_save_when_it_is_stopped():
    environment = job_environment({}, "folder")
    assert [Path(module).name for module in environment["py_modules"]] == ["rllib_remix"]
    assert environment["working_dir"] == "folder"
    assert environment["env_vars"] == {"RAY_JOB_STOP_WAIT_TIME_S": "120"}


def test_the_users_environment_is_laid_over_the_default():
    environment = job_environment({"env_vars": {"A": "1"}, "py_modules": ["mine"], "excludes": None}, None)
    assert environment["env_vars"] == {"RAY_JOB_STOP_WAIT_TIME_S": "120", "A": "1"}
    assert environment["py_modules"][1:] == ["mine"]
    assert environment["excludes"] is None


@pytest.mark.parametrize("name", ["env.json", "env.yaml"])
def test_the_environment_can_come_from_a_file(tmp_path, name):
    (tmp_path / name).write_text('{"pip": ["wandb"]}')
    assert read_runtime_env(str(tmp_path / name)) == {"pip": ["wandb"]}
    assert read_runtime_env('{"pip": ["wandb"]}') == {"pip": ["wandb"]}


class HeadThatHas:
    """A job server whose Python has these distributions."""

    def __init__(self, versions):
        self._versions, self.jobs = versions, []

    def submit_job(self, *, entrypoint):
        self.jobs.append(shlex.split(entrypoint))
        return "job"

    def get_job_status(self, _):
        from ray.job_submission import JobStatus

        return JobStatus.SUCCEEDED

    def get_job_logs(self, _):
        asked = json.loads(self.jobs[-1][-1])
        return "a line\nfound=" + json.dumps({name: self._versions.get(name) for name in asked})

    def delete_job(self, _):
        return True


def installed():
    return {name: importlib.metadata.version(name) for name in requirements()}


def test_a_cluster_that_has_everything_installs_nothing():
    environment = job_environment({}, None)
    assert "pip" not in add_missing_packages(environment, HeadThatHas(installed()))


def test_what_a_cluster_lacks_is_installed_in_the_versions_from_here():
    found = installed() | {"torch": None, "numba": "0.1"}
    environment = add_missing_packages(job_environment({"pip": ["wandb"]}, None), HeadThatHas(found))
    assert [package.partition("==")[0] for package in environment["pip"]] == ["wandb", "numba", "torch"]
    assert environment["pip"][1] == f"numba=={installed()['numba']}"
    assert "+" not in environment["pip"][2]


def test_another_ray_on_the_cluster_is_refused():
    with pytest.raises(UserError, match=r"the cluster has Ray 2\.9\.0"):
        add_missing_packages(job_environment({}, None), HeadThatHas(installed() | {"ray": "2.9.0"}))


@pytest.mark.parametrize("own", [{"pip": None}, {"conda": "mine"}, {"image_uri": "mine"}])
def test_users_who_see_to_the_packages_themselves_are_not_asked(own):
    head = HeadThatHas({})
    environment = add_missing_packages(job_environment(own, None), head)
    assert "pip" not in environment
    assert head.jobs == []


def test_requirements_are_those_of_rllib_too():
    assert {"ray", "torch", "numba", "dm_tree", "gymnasium", "pyarrow"} <= set(requirements())
    assert not {"pytest", "wandb"} & set(requirements())
