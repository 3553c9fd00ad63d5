"""Every option of every command, run as a process, and what it did."""

import csv
import functools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import forked
import pytest
import typer

from rllib_remix.cli.main import app

pytestmark = pytest.mark.slow

NOBODY = "127.0.0.1:1"  # where nothing listens
QUICK = {
    "train_batch_episodes": 8,
    "rollout_episodes_per_update": 8,
    "min_sample_timesteps_per_iteration": 50,
    "evaluation_interval": 1,
}
QUICK |= {"evaluation_duration": 4, "num_env_runners": 0}
TWO_EXPERIMENTS = """
first: {run: QMIX, env: matrix_game, stop: {training_iteration: 50}}
second:
  run: VDN
  env: matrix_game
  stop: {training_iteration: 3}
  config: {train_batch_episodes: 8, rollout_episodes_per_update: 8, min_sample_timesteps_per_iteration: 50, lr: {loguniform: [1.0e-4, 1.0e-2]}}
"""

# Option → value (None for flags) of each run, by the command's words.
TRAIN = {
    "--algo": "QMIX",
    "--env": "matrix_game",
    "--env-config": {"payoff": [[1, 0], [0, 2]]},
    "--config": QUICK | {"lr": {"uniform": [1e-3, 2e-3]}},
    "--stop": {"training_iteration": 9},
    "--set": "stop.training_iteration=3",
    "--preset": "papers",
    "--experiment-name": "run",
    "--num-samples": 2,
    "--checkpoint-freq": 1,
    "--checkpoint-at-end": None,
    "--keep-checkpoints-num": 1,
    "--checkpoint-score-attr": "training_iteration",
    "--storage-path": "results",
    "--resources-per-trial": {"cpu": 1},
    "--framework": "torch",
    "--scheduler": "ASHA",
    "--scheduler-config": {"grace_period": 3, "max_t": 3, "time_attr": "training_iteration"},
    "--search": "random",
    "--search-config": {"seed": 0},
    "--max-concurrent": 1,
    "--max-failures": 0,
    "--ray-num-cpus": 2,
    "--ray-num-gpus": 0,
    "--ray-object-store-memory": 100_000_000,
    "--ray-ui": None,
}
RESTORED = {
    "--run": "QMIX",
    "--env": "matrix_game",
    "--env-config": {"payoff": [[1, 0], [0, 2]]},
    "--config": QUICK,
    "--stop": {"training_iteration": 4},
    "--preset": "papers",
    "--restore": "CHECKPOINT",
    "--resume": None,
    "--no-checkpoint-at-end": None,
    "--storage-path": "restored",
    "--ray-num-nodes": 2,
    "-v": None,
}
FILE = {
    "--only": "second",
    "--env": "two_step_game",
    "--set": "config.gamma=0.9",
    "--preset": "papers",
    "--experiment-name": "other",
    "--num-samples": 2,
    "--checkpoint-freq": 1,
    "--no-checkpoint-at-end": None,
    "--keep-checkpoints-num": 1,
    "--checkpoint-score-attr": "min-training_iteration",
    "--storage-path": "from_file",
    "--scheduler": "median_stopping",
    "--scheduler-config": {"grace_period": 1},
    "--search": "random",
    "--search-config": {"seed": 1},
    "--max-concurrent": 2,
    "--max-failures": 1,
    "--resume": None,
    "--ray-num-cpus": 2,
    "--ray-num-gpus": 0,
    "--ray-object-store-memory": 100_000_000,
    "--verbose": None,
}
RESUMED = {
    "--ray-num-cpus": 2,
    "--ray-num-gpus": 0,
    "--ray-num-nodes": 1,
    "--ray-object-store-memory": 100_000_000,
    "--ray-ui": None,
    "--verbose": None,
}
EVALUATED = {
    "--algo": "QMIX",
    "--env": "matrix_game",
    "--config": {"explore": True, "epsilon": 1.0},
    "--env-config": {"payoff": [[1, 0], [0, 3]]},
    "--episodes": 5,
    "--steps": 100,
    "--seed": 3,
    "--out": "evaluation.json",
    "--save-info": None,
    "--track-progress": None,
    "--render": "evaluation.gif",
    "--trust-pickle": None,  # which a team's checkpoint does not need
    "--verbose": None,
}
# What these do needs a network or a cluster (test_job_server.py): here, what they say without.
REFUSED = [
    ("train", {"--wandb-key": "k", "--wandb-project": "p", "--wandb-run-name": "r"}, "pip install"),
    ("train", {"--mlflow-tracking-uri": "sqlite:///m.db", "--mlflow-experiment": "e"}, "pip install"),
    ("train", {"--ray-address": NOBODY}, f"no Ray answers at '{NOBODY}'"),
    (
        "train",
        {"--submit": None, "--address": f"http://{NOBODY}", "--no-wait": None},
        "no job server answers",
    ),
    ("train", {"--submit": None, "--address": NOBODY, "--runtime-env": {"pips": []}}, "did you mean 'pip'"),
    ("file", {"--wandb-key": "k", "--wandb-project": "p", "--wandb-run-name": "r"}, "pip install"),
    ("file", {"--mlflow-tracking-uri": "sqlite:///m.db", "--mlflow-experiment": "e"}, "pip install"),
    ("file", {"--ray-address": NOBODY}, f"no Ray answers at '{NOBODY}'"),
    ("file", {"--submit": None, "--address": f"http://{NOBODY}", "--no-wait": None}, "no job server answers"),
    ("file", {"--submit": None, "--address": NOBODY, "--runtime-env": {"pips": []}}, "did you mean 'pip'"),
    ("file", {"--restore": "missing"}, "name the one to restore with --only"),
    ("file", {"--ray-ui": None, "--address": NOBODY}, "--ray-ui: starts Ray here"),
    ("file", {"--ray-num-nodes": 2, "--address": NOBODY}, "--ray-num-nodes: starts Ray here"),
    ("file", {"--stop": {"training_iteration": 1}}, "--stop"),
    ("file", {"--log-debug": None, "--env": "no_such_game"}, "no_such_game"),
    ("resume", {"--ray-address": NOBODY}, f"no Ray answers at '{NOBODY}'"),
    ("evaluate", {"--use-shelve": None}, "use --out FILE.json"),
    ("example run", {"--ray-address": NOBODY}, f"no Ray answers at '{NOBODY}'"),
    ("reproduce run", {"--ray-address": NOBODY}, f"no Ray answers at '{NOBODY}'"),
    ("reproduce run", {"--raw": "missing.json"}, "missing.json"),
    ("train", {"--log-debug": None, "--algo": "Remix"}, "did you mean 'ReMIX'"),
    ("train", {"--env": "matrx_game"}, "did you mean 'matrix_game'"),
    ("train", {"-c": '{"lr": 1,}'}, "--config: not JSON at line 1, column 10"),
    ("train", {"-c": '{"lr": NaN}'}, "NaN is not allowed"),
    ("train", {"-c": "@missing.json"}, "'missing.json' does not exist"),
    ("train", {"-c": {"td_lamda": 0.5}}, "did you mean 'td_lambda'"),
    ("train", {"-c": {"num_env_runners": 7}, "--ray-num-cpus": 2}, "lower num_env_runners"),
    ("train", {"-s": {"training_iterations": 1}}, "did you mean 'training_iteration'"),
    ("train", {"-n": "../up"}, "must be the name of one folder"),
    ("train", {"--storage-path": "two.yaml"}, "two.yaml"),
    ("train", {"--restore": "missing"}, "is not a folder"),
    ("train", {"--framework": "tf2"}, "--framework: 'tf2' is not supported"),
    ("train", {"--local-dir": "x"}, "use --storage-path"),
    ("train", {"--num-samples": "many"}, "--num-samples"),
    ("train", {"--no-such-option": None}, "--no-such-option"),
    ("train", {"--scheduler": "ASAH"}, "did you mean 'asha'"),
    ("train file code.yaml", {}, "code.yaml"),
    ("train file broken.yaml", {}, "broken.yaml"),
    ("train file missing.yaml", {}, "'missing.yaml' does not exist"),
    ("train file two.yaml", {"--only": "secnd"}, "did you mean 'second'"),
    ("resume missing", {}, "missing"),
    ("evaluate broken", {}, "broken"),
    ("evaluate two.yaml", {}, "is a file"),
    ("export broken", {"--out": "never"}, "broken"),
    ("export broken", {"--out": "never.onnx", "--format": "onnx"}, "broken"),
    ("export two.yaml", {"--out": "never", "--format": "onnx"}, "must end in .onnx"),
    ("export two.yaml", {"--out": "never", "--format": "tflite"}, "--format"),
    ("plot curves broken", {"--out": "never.png"}, "broken"),
    ("example get matrix_game/qmx", {}, "did you mean 'matrix_game/qmix'"),
    ("trian", {}, "train"),
]
BAD_FILES = {
    "two.yaml": TWO_EXPERIMENTS,
    "code.yaml": "a: !!python/object/apply:os.system ['touch never']",
    "broken.yaml": "a: {run: QMIX, env: [",
    "broken/rllib_checkpoint.json": '{"type": "alg',
}
OTHERS = {
    "": ["--version", "--show-completion", "--install-completion"],
    "example list": ["--filter", "--verbose"],
    "example get": ["--out", "--verbose"],
    "example run": ["--storage-path", "--ray-num-cpus", "-v"],
    "algorithms": ["--json", "--verbose"],
    "envs": ["--env-config", "--json", "--verbose"],
    "plot curves": ["--out", "--metric", "--title", "--best", "--verbose"],
    "plot weights": ["--out", "--title", "--verbose"],
    "export": ["--out", "--format", "--acting-only", "--trust-pickle", "--verbose"],
    "reproduce list": ["--verbose"],
    "zoo list": ["--json", "--verbose"],
    "reproduce run": [
        *(
            "--budget",
            "--seeds",
            "--only",
            "--storage-path",
            "--raw",
            "--max-concurrent",
            "--checkpoint-freq",
        ),
        *("--ray-num-cpus", "--ray-num-gpus", "--ray-object-store-memory", "--verbose"),
    ],
    "reproduce report": ["--budget", "--seeds", "--storage-path", "--raw", "--out", "--verbose"],
    "doctor": ["--storage-path", "--json", "--verbose"],
    "smac check": ["--env", "--map", "--game-version", "--sc2-path", "--start", "--verbose"],
}
RUNS = {"train": [TRAIN, RESTORED], "train file": [FILE], "resume": [RESUMED], "evaluate": [EVALUATED]}


def words(options: dict) -> list[str]:
    """The options as a shell would pass them."""
    found = []
    for option, value in options.items():
        found.append(option)
        if value is not None:
            found.append(json.dumps(value) if isinstance(value, dict) else str(value))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("options")


@pytest.fixture(scope="module")
def rllib(folder):
    """Runs the command in one folder for all tests of this file, which build on each other's results."""
    kept = {name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "NO_COLOR")}
    environment = kept | {"HOME": str(folder / "home"), "TERM": "dumb", "SHELL": "/bin/bash"}

    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess:
        texts = [json.dumps(a) if isinstance(a, dict) else str(a) for a in arguments]
        ended = forked.run(texts, folder, environment, timeout=300)
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended

    run.environment = environment
    return run


@pytest.fixture(scope="module")
def trained(rllib, folder) -> Path:
    """The experiment's folder, of the run with all options of `rllib train`."""
    ended = rllib("train", *words(TRAIN))
    assert "Dashboard: http://" in ended.stdout
    return folder / "results" / "run"


def rows(trial: Path) -> list[dict]:
    return [json.loads(line) for line in (trial / "result.json").read_text().splitlines()]


def trials(experiment: Path) -> list[Path]:
    return sorted(file.parent for file in experiment.glob("*/result.json"))


def test_train_does_what_its_options_say(trained):
    found = trials(trained)
    assert len(found) == 2
    for trial in found:
        assert [row["training_iteration"] for row in rows(trial)] == [1, 2, 3]
        config = rows(trial)[0]["config"]
        assert config["env_config"] == {"payoff": [[1, 0], [0, 2]]}
        assert config["num_env_runners"] == 0
        assert 1e-3 <= config["lr"] <= 2e-3
        assert [folder.name for folder in trial.glob("checkpoint_*")] == ["checkpoint_000002"]
        with open(trial / "progress.csv", newline="") as file:
            assert len(list(csv.DictReader(file))) == 3


def test_a_checkpoint_is_restored_on_two_nodes_and_none_is_saved(rllib, folder, trained):
    (checkpoint,) = trials(trained)[0].glob("checkpoint_*")
    rllib("train", *words(RESTORED | {"--restore": checkpoint}))
    (trial,) = trials(folder / "restored" / "default")
    assert [row["training_iteration"] for row in rows(trial)] == [4]
    assert not list(trial.glob("checkpoint_*"))


def test_train_file_does_what_its_options_say_and_resume_finds_nothing_left_to_do(rllib, folder):
    (folder / "two.yaml").write_text(TWO_EXPERIMENTS)
    rllib("train", "file", "two.yaml", *words(FILE))
    found = trials(folder / "from_file" / "other")
    assert [rows(trial)[-1]["training_iteration"] for trial in found] == [3, 3]
    configs = [rows(trial)[0]["config"] for trial in found]
    assert {config["env"] for config in configs} == {"two_step_game"}
    assert {(config["gamma"], config["td_lambda"]) for config in configs} == {(0.9, 0.6)}
    for trial in found:  # The lowest score is the first checkpoint's; the newest stays in any case.
        kept = sorted(folder.name for folder in trial.glob("checkpoint_*"))
        assert kept == ["checkpoint_000000", "checkpoint_000002"]
    before = [rows(trial) for trial in found]
    resumed = rllib("resume", "from_file/other", *words(RESUMED))
    assert "other" in resumed.stdout
    assert [rows(trial) for trial in found] == before


def test_evaluate_does_what_its_options_say(rllib, folder, trained):
    ended = rllib("evaluate", "results/run", *words(EVALUATED))
    assert "5 exploring episodes" in ended.stdout
    found = json.loads((folder / "evaluation.json").read_text())
    assert len(found["episodes"]["returns"]) == 5
    assert set(found["episodes"]["returns"]) <= {0, 1, 3}
    assert (folder / "evaluation.gif").read_bytes().startswith(b"GIF89a")
    assert not (folder / "__progress_evaluation.json").exists()  # It is there while episodes are played.


@pytest.mark.parametrize(("command", "options", "message"), REFUSED)
def test_what_cannot_be_is_refused_in_one_line_and_nothing_is_written(
    rllib, folder, trained, command, options, message
):
    for name, content in BAD_FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    start = {
        "train": ["train", "--algo", "QMIX", "--env", "matrix_game"],
        "file": ["train", "file", "two.yaml"],
        "resume": ["resume", trained],
        "evaluate": ["evaluate", trained],
        "example run": ["example", "run", "matrix_game/qmix"],
        "reproduce run": ["reproduce", "run", "systems_3m"],
    }.get(command, command.split())
    before = listing(folder)
    ended = rllib(*start, *words(options), code=2)
    assert listing(folder) == before
    assert message in ended.stderr
    if "--log-debug" not in options:
        *usage, line = ended.stderr.strip().splitlines()
        assert line.startswith("Error: ")
        assert [line for line in usage if line and not line.startswith(("Usage: ", "Try "))] == []


def listing(folder: Path) -> dict[str, int]:
    """Every file and folder below, with the time of its last change, but for matplotlib's list of fonts and the like."""
    caches = (folder / "home" / ".cache", folder / "home" / ".config")
    return {
        str(path): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if not any(path.is_relative_to(cache) or path == cache.parent for cache in caches)
    }


def test_lists_examples_and_exports(rllib, folder, trained):
    assert "QMIX" in {row["name"] for row in json.loads(rllib("algorithms", "--json", "-v").stdout)}
    assert "smac_sim" in {row["name"] for row in json.loads(rllib("envs", "--json", "--verbose").stdout)}
    assert "matrix_game/qmix" in rllib("example", "list", "--filter", "matrix", "--verbose").stdout
    rllib("example", "get", "matrix_game/qmix", "--out", "mine.yaml", "--verbose")
    assert "QMIX" in (folder / "mine.yaml").read_text()
    rllib("export", trained, "--out", "team", "--acting-only", "--trust-pickle", "--verbose")
    assert sorted(file.name for file in (folder / "team").iterdir()) == [
        "settings.json",
        "weights.safetensors",
    ]
    ended = rllib("export", trained, "--out", "team.onnx", "--format", "onnx")
    assert "1,000 steps by onnxruntime" in ended.stdout
    assert b"previous_action" in (folder / "team.onnx").read_bytes()


def test_an_example_is_trained_until_ctrl_c(rllib, folder):
    command = ["example", "run", "matrix_game/qmix", "--storage-path", "example", "--ray-num-cpus", "1", "-v"]
    with open(os.devnull, "w") as nowhere:
        process = forked.command(command, folder, rllib.environment, stdout=nowhere)
    try:
        deadline = time.monotonic() + 180
        while not list(folder.glob("example/*/*/progress.csv")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        assert process.wait(120) == 130
    finally:
        process.kill()
    assert list(folder.glob("example/*/*/checkpoint_*"))


def test_plots(rllib, folder, trained):
    rllib(
        *("plot", "curves", trained, "--out", "c.svg", "--metric", "training"),
        *("--title", "Our title", "--best", 3, "--verbose"),
    )
    assert "Our title" in (folder / "c.svg").read_text()
    rllib("plot", "weights", trained, "--out", "w.svg", "--title", "Our weights", "--verbose")
    assert "Our weights" in (folder / "w.svg").read_text()


def test_doctor_smac_version_and_completion(rllib, folder):
    found = json.loads(rllib("doctor", "--storage-path", "results", "--json", "--verbose").stdout)
    assert found
    ended = rllib(
        *(
            "smac",
            "check",
            "--env",
            "smac",
            "--map",
            "3m",
            "--game-version",
            "4.10",
            "--sc2-path",
            folder / "nothing",
        ),
        *("--start", "--verbose"),
        code=1,
    )
    assert str(folder / "nothing") in ended.stdout + ended.stderr
    assert "rllib_remix" in rllib("--version").stdout
    shell = functools.partial(  # It looks for the shell that started it.
        subprocess.run, env=rllib.environment, cwd=folder, capture_output=True, text=True, check=True
    )
    command = Path(sys.executable).with_name("rllib")
    assert "rllib" in shell(["bash", "-c", f"{command} --show-completion; true"]).stdout
    shell(["bash", "-c", f"{command} --install-completion; true"])
    assert (folder / "home" / ".bash_completions" / "rllib.sh").exists()


def commands(group, path: str = "") -> Iterator[tuple[str, object]]:
    """All commands that are shown in the help, and the groups above them, by their words."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        if not command.hidden:
            yield from commands(command, f"{path} {name}".strip())


@pytest.mark.parametrize("path", [path for path, _ in commands(typer.main.get_command(app))])
def test_no_option_is_left_out(path):
    command = dict(commands(typer.main.get_command(app)))[path]
    refused = {"train file": "file"}.get(path, path)
    used = {option for run in RUNS.get(path, []) for option in run} | set(OTHERS.get(path, []))
    used |= {option for name, options, _ in REFUSED if name == refused for option in options}
    for parameter in command.params:
        names = [*parameter.opts, *parameter.secondary_opts]
        is_shown = names[0].startswith("-") and not getattr(parameter, "hidden", False)
        if is_shown and parameter.name != "help":
            assert used & set(names), f"rllib {path}: no run with {parameter.opts}"
