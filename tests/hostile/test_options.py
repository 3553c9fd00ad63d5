"""Hostile and clumsy options: each is refused with one line, before Ray starts, and nothing is written."""

import json
import os

import pytest

pytestmark = pytest.mark.battery

QMIX = ("train", "--algo", "QMIX", "--env", "matrix_game")
UNTRAINED = ("evaluate", "--algo", "QMIX", "--env", "matrix_game", "--episodes", "1")
NINES = "9" * 5000
NOBODY = "127.0.0.1:1"  # where nothing listens

# What every option that takes JSON is given → a part of the message.
JSON = {
    "": "not JSON at line 1, column 1",
    " ": "not JSON",
    "{": "not JSON at line 1, column 2",
    "{'a': 1}": "not JSON",
    '{"a": 1,}': "not JSON",
    '{"a" 1}': "not JSON",
    '{"a": 01}': "not JSON",
    '{"a": .5}': "not JSON",
    '{"a": True}': "not JSON",
    '{"a": "\n"}': "not JSON",
    '{"a": "\x1b[31m"}': "not JSON",
    '{"a": 1} {"b": 2}': "not JSON",
    "\ufeff{}": "not JSON",
    "a=1": "not JSON",
    "[1]": "must be a JSON object",
    "5": "must be a JSON object",
    '"text"': "must be a JSON object",
    "null": "must be a JSON object",
    "true": "must be a JSON object",
    "NaN": "numbers must be finite",
    '{"a": NaN}': "numbers must be finite",
    '{"a": -Infinity}': "numbers must be finite",
    '{"a": 1e999}': "numbers must be finite",
    '{"a": -1e999}': "numbers must be finite",
    f'{{"a": {NINES}}}': "more than 64 bits",
    f'{{"a": -{NINES}}}': "more than 64 bits",
    '{"a": 18446744073709551616}': "more than 64 bits",
    '{"a": 1, "a": 2}': "key 'a' is given twice",
    '{"b": {"a": 1, "c": 2, "a": 1}}': "key 'a' is given twice",
    "[" * 100_000: "nested more than 50 levels",
    '{"a": ' + "[" * 60 + "]" * 60 + "}": "nested more than 50 levels",
    '{"a":' * 100_000: "nested more than 50 levels",
    '{"a": [' + "1," * 150_000 + "1]}": "more than 100,000 values",
    '{"a": "' + "x" * 2**20 + '"}': "more than 1,048,576 characters",
    "x" * 10_000_000: "more than 1,048,576 characters",
    "@": "cannot be read",
    "@missing.json": "does not exist",
    "@.": "cannot be read",
    "@/dev/zero": "is not a regular file",
    "@/dev/stdin": "",
    "@pipe": "is not a regular file",
    "@huge": "more than 1,048,576 bytes",
    "@binary": "not a text file in UTF-8",
    "@~nobody_of_that_name/x": "there is no user",
    "@$NO_SUCH_VARIABLE/x": "there is no environment variable NO_SUCH_VARIABLE",
    "@a\0b": "control characters",
    "@a\nb": "control characters",
    "@" + "x" * 300: "cannot be read",
    "@" + "x" * 5000: "4095 bytes at most",
}
JSON_OPTIONS = {
    "--config": QMIX,
    "--env-config": QMIX,
    "--stop": QMIX,
    "--search-config": QMIX,
    "--scheduler-config": (*QMIX, "--scheduler", "ASHA"),
    "--resources-per-trial": QMIX,
    "--runtime-env": (*QMIX, "--submit", "--address", NOBODY),
}
NO_INTEGERS = [
    "",
    "x",
    "1.5",
    "1e3",
    "0x10",
    NINES,
    "-" + NINES,
    "1" * 30,
    "nan",
    "inf",
    "null",
    "٣٣x",
    "1\n2",
    "\0",
]
# Options that are whole numbers → the words before them, and values beside the above that they cannot be.
NUMBERS = {
    "--num-samples": (QMIX, [0, -1, 10**6, 10**30]),
    "--checkpoint-freq": (QMIX, [-1, 10**12, 10**30]),
    "--keep-checkpoints-num": (QMIX, [0, -1, 10**30]),
    "--max-failures": (QMIX, [-2, 10**30]),
    "--max-concurrent": (QMIX, [0, -1, 10**30]),
    "--ray-num-cpus": (QMIX, [0, -1, 10**30]),
    "--ray-num-gpus": (QMIX, [-1, 10**30]),
    "--ray-num-nodes": (QMIX, [0, -1, 10**30]),
    "--ray-object-store-memory": (QMIX, [0, -1, 1000, 10**18, 10**30]),
    "--episodes": (UNTRAINED[:-2], [-1, 10**12, 10**30]),
    "--steps": (UNTRAINED, [-1, 10**15, 10**30]),
    "--seed": (UNTRAINED, [-1, 2**32, 10**30]),
}
FOLDER_NAMES = [
    "",
    " ",
    ".",
    "..",
    "a/b",
    "/a",
    "../a",
    "a\\b",
    "a\0b",
    "a\nb",
    "a\x1b[31mb",
    "a\u202eb",
    "x" * 300,
    "ä" * 120,
]
PATHS = [
    "",
    " ",
    "a\0b",
    "a\nb",
    "a\x07b",
    "~nobody_of_that_name/x",
    "$NO_SUCH_VARIABLE/x",
    "${NO_SUCH_VARIABLE}",
    "x" * 5000,
]
# Other options: words, value, a part of the message.
OTHERS = [
    *[
        (QMIX, "--storage-path", path, "--storage-path: ")
        for path in (*PATHS, "file", "file/results", "s9x://a", "s3://")
    ],
    *[(QMIX, "--restore", path, "--restore: ") for path in (*PATHS[3:], "file", "missing", ".", "/dev/zero")],
    *[
        (QMIX, "--algo", name, "--algo: ")
        for name in ("QMIXX", ".", "..", "a.b", "os.path", "os.nothing", "a\0b", "x" * 5000)
    ],
    *[
        (QMIX, "--env", name, "--env: ")
        for name in ("matrix_gam", ".", "..", "a.b", "os.nothing", "a\0b", "a\nb", "x" * 5000)
    ],
    *[(QMIX, "--framework", name, "--framework: ") for name in ("tf", "", "torch2", "x" * 5000)],
    *[(QMIX, "--scheduler", name, "--scheduler: ") for name in ("ASHAA", "", "a\0b", "hb_bohb", "x" * 5000)],
    *[(QMIX, "--search", name, "--search: ") for name in ("optunaa", "a\0b", "x" * 5000)],
    *[
        (QMIX, "--checkpoint-score-attr", key, "--checkpoint-score-attr: ")
        for key in ("", "los", "min-", "training_iterations", "env_runners", "learners", "a\0b", "x" * 5000)
    ],
    (
        QMIX,
        "--checkpoint-score-attr",
        "env_runners/episode_return_maen",
        "did you mean 'env_runners/episode_return_mean'",
    ),
    (
        QMIX,
        "--checkpoint-score-attr",
        "evaluation/env_runners/episode_return_mean",
        "set evaluation_interval",
    ),
    *[
        (QMIX, "--ray-address", address, "--ray-address: ")
        for address in (
            NOBODY,
            "localhost:99999",
            "localhost:" + NINES,
            ".:1",
            "a..b:1",
            "http://x:1",
            "ü" * 70 + ":1",
        )
    ],
    (QMIX, "--runtime-env", "{}", "belongs to --submit"),
    (QMIX, "--scheduler-config", "{}", "belongs to --scheduler"),
    (("train", "file", "good.yaml"), "--only", "nothing", "unknown name 'nothing'"),
    (("train", "file", "good.yaml"), "--only", "x" * 5000, "unknown name"),
    (("train", "file", "good.yaml"), "--stop", "{}", "works with .py files only"),
    (("train", "file", "good.yaml"), "--env", "matrix_gam", "did you mean 'matrix_game'"),
    (("train", "file", "good.yaml"), "--storage-path", "", "--storage-path: "),
    (("train", "file", "good.yaml"), "--num-samples", 10**30, "num_samples: "),
    (("train", "file", "good.yaml"), "--keep-checkpoints-num", 0, "checkpoints to keep: 0"),
    *[
        (UNTRAINED, "--out", path, "--out: ")
        for path in (*PATHS[3:], "file", "out.txt", "missing/out.json", "folder.json")
    ],
    *[
        (UNTRAINED, "--render", path, "--render: ")
        for path in (*PATHS[3:], "file", "out.png", "missing/out.gif")
    ],
    *[
        (("evaluate",), path, "--episodes=1", "")
        for path in (*PATHS[3:], "file", "missing", ".", "/dev/zero", "folder.json")
    ],
    *[
        (("export", "--out", "new"), path, "--trust-pickle", "")
        for path in (*PATHS[3:], "file", "missing", ".", "/dev/zero")
    ],
    *[(("export", "."), "--out", path, "--out: ") for path in (*PATHS[3:], "file", "missing/new")],
    *[(("resume",), path, "-v", "run") for path in (*PATHS[3:], "file", "missing", "/dev/zero")],
    *[(UNTRAINED, "--algo", name, "") for name in ("QMIXX", "..", "os.path", "x" * 5000)],
    *[(UNTRAINED, "--env", name, "") for name in ("matrix_gam", "..", "os.nothing", "x" * 5000, "a\nb")],
    (UNTRAINED, "--save-info", "--track-progress", "needs the file that --out names"),
    (("evaluate",), "--algo", "QMIX", "CHECKPOINT: none given"),
    (("train",), "--env", "matrix_game", "--algo: no algorithm given"),
    (("train",), "--algo", "QMIX", "--env: no environment given"),
    (QMIX[:3], "--config", '{"env": [1]}', "--env: [1]"),
    (QMIX[:3], "--config", '{"env": null}', "--env: no environment given"),
    (("train",), "--alog", "QMIX", "No such option"),
    (("train",), "--" + "x" * 5000, "QMIX", "No such option"),
    (("train", "files"), "a", "b", ""),
    (("x" * 5000,), "a", "b", "No such command"),
    (("x\ny",), "a", "b", "No such command"),
]
# Settings as JSON: what a file may not hold, the command line may not either.
SETTINGS = [
    ("--config", {"num_env_runners": "two"}, "num_env_runners: 'two'"),
    ("--config", {"num_env_runners": 10**9}, "num_env_runners: 1000000000"),
    ("--config", {"lr": {}}, "lr: {}"),
    ("--config", {"lr": [[5, 1], [0, 1]]}, "lr: "),
    ("--config", {"env_runners": 5}, "unknown key 'env_runners'"),
    ("--config", {"evaluation_config": 5}, "evaluation_config: 5"),
    ("--config", {"evaluation_config": {"lrr": 1}}, "lrr"),
    ("--config", {"callbacks": 5}, "callbacks: 5"),
    ("--config", {"env_config": [1]}, "env_config: [1] is not allowed"),
    ("--config", {"multiagent": 5}, "multiagent: 5"),
    ("--config", {"train_batch_episodes": 1e99}, "train_batch_episodes: 1e+99"),
    ("--config", {"replay_buffer_capacity": 2**63}, "replay_buffer_capacity: "),
    ("--config", {"agent_hidden_dim": 2**40}, "agent_hidden_dim: "),
    ("--config", {"lr": {"grid_search": []}}, "1 to 1,000 values"),
    ("--config", {"lr": {"grid_search": 5}}, "1 to 1,000 values"),
    ("--config", {"lr": {"uniform": [0]}}, "must be [low, high]"),
    ("--config", {"x" * 5000: 1}, "unknown key"),
    ("--config", {"l\0r": 1}, "unknown key 'l\\x00r'"),
    ("--config", {"": 1}, "unknown key ''"),
    ("--config", {"seed": "one"}, "seed: 'one'"),
    ("--config", {"explore": "no"}, "explore: 'no'"),
    ("--config", {"gamma": None}, "gamma: null"),
    ("--env-config", {"payoff": 5}, ""),
    ("--env-config", {"payoff": [[1, 2], [3]]}, ""),
    ("--env-config", {"payoff": "x" * 5000}, ""),
    ("--env-config", {"payof": [[1]]}, "payof"),
    ("--env-config", {"": 1}, "''"),
    ("--stop", {"training_iteration": "soon"}, "'soon' is not a number"),
    ("--stop", {"training_iteration": 0}, "must be above 0"),
    ("--stop", {"training_iteration": None}, "must be a finite number"),
    ("--stop", {"training_iteration": "9" * 5000}, ""),
    ("--stop", {"training_iteration": {"a": 1}}, "It is one number"),
    ("--stop", {"env_runners": {"episode_return_maen": 1}}, "did you mean"),
    ("--stop", {"foo": 1}, "unknown result key 'foo'"),
    ("--stop", {"": 1}, "unknown result key ''"),
    ("--stop", {"env_runners/": 1}, "is a group of results"),
    ("--stop", {"env_runners//x": 1}, "is a group of results"),
    ("--search-config", {"seed": -1}, "seed: -1"),
    ("--search-config", {"seed": "x"}, "seed: 'x'"),
    ("--search-config", {"metric": 5}, "unknown result key '5'"),
    ("--search-config", {"algorithm": [1]}, "unknown algorithm"),
    ("--search-config", {"max_concurrent": 1.5}, "max_concurrent: 1.5"),
    ("--resources-per-trial", {"cpu": "all"}, "cpu: 'all'"),
    ("--resources-per-trial", {"cpu": 1e30}, "cpu"),
    ("--resources-per-trial", {"custom_resources": [1]}, "custom_resources must map"),
    ("--resources-per-trial", {"ram": 1}, "unknown key 'ram'"),
]
RUNTIME_ENVS = [
    ({"pip": 5}, "--runtime-env: "),
    ({"pips": []}, "did you mean 'pip'"),
    ({"env_vars": 5}, "env_vars must be as"),
    ({"env_vars": {"A": 5}}, "--runtime-env: "),
    ({"py_modules": "x"}, "py_modules must be as"),
    ({"working_dir": 5}, "--runtime-env: "),
    ({"pip": [], "conda": "x"}, "cannot be given together"),
]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 50 else f"{text[:30]}…{len(text)}"


@pytest.fixture
def refused_in(refused, tmp_path):
    """`refused`, in a folder that holds some things that no option wants, and a good file."""
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(2**40)
    (tmp_path / "binary").write_bytes(b"\xff\xfe{}")
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "good.yaml").write_text("x: {run: QMIX, env: matrix_game}")
    return refused


@pytest.mark.parametrize("option", JSON_OPTIONS)
def test_json_that_cannot_be_is_refused(refused_in, option):
    for text, part in JSON.items():
        message = refused_in(*JSON_OPTIONS[option], option, text)
        assert part in message, (text[:100], message)
        assert option in message


@pytest.mark.parametrize("option", NUMBERS)
def test_a_number_that_cannot_be_is_refused(refused_in, option):
    words, wrong = NUMBERS[option]
    for value in [*NO_INTEGERS, *wrong]:
        message = refused_in(*words, option, value)
        assert (
            option in message or option.strip("-").replace("-", "_") in message or "checkpoint" in message
        ), message


@pytest.mark.parametrize("name", FOLDER_NAMES, ids=_short)
def test_a_name_of_an_experiment_that_can_be_no_folder_is_refused(refused_in, name):
    assert "--experiment-name: " in refused_in(*QMIX, "--experiment-name", name)
    assert "--experiment-name: " in refused_in("train", "file", "good.yaml", "-n", name)


@pytest.mark.parametrize(("words", "option", "value", "part"), OTHERS, ids=_short)
def test_a_value_that_an_option_cannot_have_is_refused(refused_in, words, option, value, part):
    assert part in refused_in(*words, option, value)


@pytest.mark.parametrize(("option", "settings", "part"), SETTINGS, ids=_short)
def test_settings_on_the_command_line_are_checked(refused_in, option, settings, part):
    assert part in refused_in(*QMIX, option, json.dumps(settings))


@pytest.mark.parametrize("settings", [s for o, s, _ in SETTINGS if o == "--config"], ids=_short)
def test_settings_of_an_evaluation_are_checked(refused_in, settings):
    refused_in(*UNTRAINED, "--config", json.dumps(settings))


@pytest.mark.parametrize("settings", [s for o, s, _ in SETTINGS if o == "--env-config"], ids=_short)
def test_settings_of_an_evaluations_environment_are_checked(refused_in, settings):
    refused_in(*UNTRAINED, "--env-config", json.dumps(settings))


@pytest.mark.parametrize(("environment", "part"), RUNTIME_ENVS, ids=_short)
def test_a_runtime_environment_that_cannot_be_is_refused(refused_in, environment, part):
    assert part in refused_in(
        *QMIX, "--submit", "--address", NOBODY, "--runtime-env", json.dumps(environment)
    )


def test_settings_given_twice_over_are_checked_before_they_are_joined(refused_in):
    words = ("--config", '{"env_config": 5}', "--env-config", '{"payoff": [[1]]}')
    assert "env_config: must map names to values" in refused_in(*QMIX, *words)


def test_a_value_shows_at_most_200_characters_of_itself(refused_in):
    for words in (
        ("--env", "x" * 5000),
        ("--num-samples", "9" * 4000),
        ("--config", json.dumps({"lr": "x" * 5000})),
        ("--config", json.dumps({"lr": [0.5] * 5000})),
        ("--checkpoint-freq", "x" * 5000),
    ):
        message = refused_in(*QMIX, *words)
        assert max(map(len, message.split())) <= 200
        assert message.count("0.5") <= 200 / 5
