"""Hostile and clumsy experiment files: each is refused with one line, before Ray starts, and nothing is written."""

import os
from pathlib import Path

import pytest

from rllib_remix.errors import UserError
from rllib_remix.experiments.reading.files import read_experiments

pytestmark = pytest.mark.battery

HEAD = "x: {run: QMIX, env: matrix_game"  # how most of the files begin
DEEP = "[" * 5000 + "]" * 5000
NINES = "9" * 5000
LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DOUBLING = "".join(f"{n}: &m{n} {{<<: *m{n - 1}, k{n}: [*m{n - 1}, *m{n - 1}]}}\n" for n in range(1, 40))

# What stands in the file → a part of the message.
DOCUMENTS = {
    "": "must hold experiments",
    "# nothing\n": "must hold experiments",
    "null": "must hold experiments",
    "~": "must hold experiments",
    "5": "must hold experiments",
    "just text": "must hold experiments",
    "- x": "must hold experiments",
    "[]": "must hold experiments",
    "{}": "must hold experiments",
    "---\n...\n": "must hold experiments",
    HEAD + "}\n---\ny: {run: VDN}": "line 2, column 1: a second document begins",
    "x: [": "line 1, column 5: not YAML",
    "x: {run: QMIX": "not YAML",
    "x: 'run": "not YAML",
    "x:\n\trun: QMIX": "line 2, column 1: not YAML: found character '\\\\t' that cannot start any token; there is a tab",
    "x:\n  run: QMIX\n bad: 1": "line 3, column 2: not YAML",
    "x: a: b": "not YAML",
    "x: `run`": "not YAML",
    "x: @run": "not YAML",
    "x: %run": "not YAML",
    "%YAML 9.9\n---\nx: 1": "not YAML",
    "x: \0": "line 1: not YAML: the character '\\\\x00' is not allowed",
    "x: \x1b[31m": "not YAML: the character '\\\\x1b' is not allowed",
    "a: 1\nx: \x07": "line 2: not YAML",
    "x: !!python/object/apply:os.system ['true']": "tag '!!python/object/apply:os.system' is not allowed",
    "x: !!python/name:os.system": "tag '!!python/name:os.system' is not allowed",
    "x: !!python/tuple [1]": "tag '!!python/tuple' is not allowed",
    "x: !!binary aGVsbG8=": "tag '!!binary' is not allowed",
    "x: !!timestamp 2024-01-01": "tag '!!timestamp' is not allowed",
    "x: !!set {a, b}": "tag '!!set' is not allowed",
    "x: !!omap [a: 1]": "tag '!!omap' is not allowed",
    "x: !mine 5": "tag '!mine' is not allowed",
    "x: !!int five": "'five' is not what its tag !!int says",
    "x: !!map [1]": "is not what its tag !!map says",
    "x: &x [*x]": "alias *x stands within itself",
    "x: &x {run: *x}": "alias *x stands within itself",
    "x: &x {<<: *x}": "alias *x stands within itself",
    "x: *nothing": "alias *nothing has no anchor",
    LAUGHS: "more than 100,000 values, aliases written out",
    "m0: &m0 {a: 1}\n" + DOUBLING: "",
    "x: " + DEEP: "nested more than 50 levels",
    "x: " + "{a: " * 2000 + "1" + "}" * 2000: "nested more than 50 levels",
    "- " * 3000 + "x": "nested more than 50 levels",
    "\n".join(" " * n + f"k{n}:" for n in range(500)) + " 1": "nested more than 50 levels",
    "x: [" + "1, " * 150_000 + "1]": "more than 100,000 values",
    "".join(f"k{n}: 1\n" for n in range(60_000)): "more than 100,000 values",
    "x: '" + "y" * 2**20 + "'": "more than 1,048,576 bytes",
    "x: {run: QMIX, run: VDN}": "key 'run' is given twice, first in line 1",
    HEAD + "}\n" + HEAD + "}": "line 2, column 1: key 'x' is given twice, first in line 1",
    HEAD + ", config: {lr: 1, gamma: 0.9, lr: 2}}": "key 'lr' is given twice",
    "? [1, 2]\n: 3": "a key must be text or a number",
    "? {a: 1}\n: 3": "a key must be text or a number",
    "&k x: 1": "has an anchor or a tag",
    "~: {run: QMIX}": "a key is null",
    "x: {<<: 5}": "<< must be a mapping",
    "x: {<<: [1]}": "<< must be a mapping",
    "x": "must hold experiments",
    "x: 5": "must map run, env",
    "x: [run, QMIX]": "must map run, env",
    "x: null": "must map run, env",
    "x: {}": "run must name an algorithm",
}
NAMES = {
    "''": "must be the name of one folder",
    "' '": "must be the name of one folder",
    ".": "must be the name of one folder",
    "..": "must be the name of one folder",
    "a/b": "must be the name of one folder",
    "/a": "must be the name of one folder",
    "../../a": "must be the name of one folder",
    "'a\\b'": "must be the name of one folder",
    '"a\\0b"': "must be the name of one folder",
    '"a\\nb"': "no line breaks or control characters",
    '"a\\u001b[31m"': "no line breaks or control characters",
    '"a\\u202eb"': "no line breaks or control characters",
    "y" * 250: "200 bytes at most",
    "ä" * 120: "200 bytes at most",
}
# Text that YAML's versions read in different ways, as a value → a part of the message.
TWO_WAYS = {
    "no": "write false, or 'no' in quotes",
    "No": "write false",
    "off": "write false",
    "yes": "write true, or 'yes' in quotes",
    "ON": "write true",
    "010": "write 10, or 0o",
    "-010": "write -10",
    "00": "write 0,",
    "08": "write 8,",
    "0_7": "write 7,",
    "0" * 4000 + "7": "octal",
    "1:30": "'1:30' in quotes",
    "12:30:45": "in quotes",
    "1:30.5": "in quotes",
    "0b101": "in quotes",
    "1__0": "in quotes",
    "0.1_5": "in quotes",
    ".nan": "numbers must be numbers",
    "1e999": "write .inf for infinity",
    "-1e999": "write .inf",
    NINES: "more than 64 bits",
    "-" + NINES: "more than 64 bits",
    "0x" + "f" * 5000: "more than 64 bits",
    "18446744073709551616": "more than 64 bits",
}
# What an experiment's key holds → a part of the message.
VALUES = [
    *[
        (key, value, f"{key}: ")
        for key in ("storage_path", "restore")
        for value in (
            "null",
            "5",
            "true",
            "1.5",
            "[a]",
            "{a: b}",
            "''",
            "' '",
            '"a\\0b"',
            '"a\\nb"',
            "'a\\tb'",
        )
        if value != "'a\\tb'"
    ],
    ("storage_path", "~nobody_of_that_name/x", "there is no user 'nobody_of_that_name'"),
    ("storage_path", "$NO_SUCH_VARIABLE/x", "there is no environment variable NO_SUCH_VARIABLE"),
    ("storage_path", "'${NO_SUCH_VARIABLE}'", "there is no environment variable NO_SUCH_VARIABLE"),
    ("storage_path", "y" * 5000, "4095 bytes at most"),
    ("storage_path", "'" + "y" * 300 + "'", "cannot write to"),
    ("storage_path", "experiments.yaml", "cannot write to"),
    ("storage_path", "experiments.yaml/results", "cannot write to"),
    ("storage_path", "s4://bucket/x", "is no address of a folder"),
    ("storage_path", "'s3://'", "is no address of a folder"),
    ("storage_path", "gss://x", "did you mean gs://"),
    ("storage_path", "'://x'", "is no address of a folder"),
    ("restore", "~nobody_of_that_name/x", "there is no user"),
    ("restore", "$NO_SUCH_VARIABLE", "there is no environment variable"),
    ("restore", "nowhere", "is not a folder"),
    ("restore", "experiments.yaml", "is not a folder"),
    ("restore", "/proc", "is no checkpoint"),
    ("restore", "/dev/zero", "is not a folder"),
    *[
        ("run", value, "run must name an algorithm")
        for value in ("null", "5", "true", "[QMIX]", "{a: b}", "''")
    ],
    ("run", "QMIXX", "did you mean 'QMIX'"),
    ("run", "no_module.Class", "cannot import"),
    ("run", "os.path", "is no RLlib Algorithm class"),
    ("run", ".", "--algo: "),
    ("run", "..", "--algo: "),
    ("run", "y" * 5000, "unknown name"),
    ("run", "'" + "y." * 2500 + "'", "--algo: "),
    *[
        ("env", value, "env must name an environment")
        for value in ("null", "5", "true", "[matrix_game]", "{a: b}", "''")
    ],
    ("env", "matrix_gam", "did you mean 'matrix_game'"),
    ("env", "no_module.Class", "cannot import 'no_module.Class'"),
    ("env", "os.nothing", "has no 'nothing'"),
    ("env", "..", "--env: "),
    ("env", "y" * 5000, "unknown environment"),
    ("env", '"a\\0b"', "unknown environment"),
    *[("stop", value, "stop") for value in ("5", "[training_iteration]", "soon", "true")],
    ("stop", "{training_iteration: soon}", "'soon' is not a number"),
    ("stop", "{training_iteration: null}", "must be a finite number"),
    ("stop", "{training_iteration: [1]}", "must be a finite number"),
    ("stop", "{training_iteration: true}", "must be a finite number"),
    ("stop", "{training_iteration: .inf}", "must be a finite number"),
    ("stop", "{training_iteration: 0}", "must be above 0"),
    ("stop", "{training_iteration: -5}", "must be above 0"),
    ("stop", "{5: 5}", "key 5 is not allowed"),
    ("stop", '{"a\\0": 5}', "is not allowed"),
    ("stop", "{training_iterations: 5}", "did you mean 'training_iteration'"),
    ("stop", "{iteration: 5}", "unknown result key 'iteration'"),
    ("stop", "{training_iteration/x: 5}", "it is one number"),
    ("stop", "{env_runners: 5}", "is a group of results"),
    ("stop", "{learners/td_loss: 5}", "below learners come modules"),
    ("stop", "{learners/default_policy/td_los: 5}", "did you mean 'learners/default_policy/td_loss'"),
    ("stop", "{env_runners/episode_return_maen: 5}", "did you mean 'env_runners/episode_return_mean'"),
    ("stop", "{env_runners/episode_retrun_mean: 5}", "did you mean 'env_runners/episode_return_mean'"),
    ("stop", "{env_runners/foo: 5}", "is never reported"),
    ("stop", "{env_runners: {episode_return: 5}}", "is never reported"),
    ("stop", "{evaluation/env_runners/episode_return_mean: 5}", "set evaluation_interval"),
    ("stop", "{? " + "y" * 5000 + " : 5}", "unknown result key"),
    ("stop", "{episode_reward: 5}", "unknown result key 'episode_reward'"),
    *[
        ("num_samples", value, "num_samples: ")
        for value in ("null", "two", "0", "-1", "1.5", "true", "[2]", "1e9", ".inf")
    ],
    *[
        ("max_failures", value, "max_failures: ")
        for value in ("null", "two", "-2", "1.5", "true", "[2]", "1e12")
    ],
    *[("checkpoint_config", value, "checkpoint_config") for value in ("5", "[1]", "often", "true")],
    *[
        ("checkpoint_config", f"{{checkpoint_frequency: {value}}}", "checkpoint_frequency: ")
        for value in ("-1", "1.5", "often", "true", "[1]", "1e15")
    ],
    *[
        ("checkpoint_config", f"{{num_to_keep: {value}}}", "num_to_keep: ")
        for value in ("0", "-1", "all", "true", "{}")
    ],
    *[
        ("checkpoint_config", f"{{checkpoint_at_end: {value}}}", "checkpoint_at_end: ")
        for value in ("5", "'no'", "[]")
    ],
    ("checkpoint_config", "{checkpoint_freq: 1}", "did you mean 'checkpoint_frequency'"),
    ("checkpoint_config", "{5: 1}", "key 5 is not allowed"),
    ("checkpoint_config", "{checkpoint_score_attribute: 5}", "must be the key of a result"),
    (
        "checkpoint_config",
        "{checkpoint_score_attribute: [training_iteration]}",
        "must be the key of a result",
    ),
    (
        "checkpoint_config",
        "{checkpoint_score_attribute: training_iterations}",
        "did you mean 'training_iteration'",
    ),
    (
        "checkpoint_config",
        "{checkpoint_score_attribute: env_runners/episode_return_maen}",
        "is never reported",
    ),
    ("checkpoint_config", "{checkpoint_score_attribute: min-env_runners/foo}", "is never reported"),
    ("checkpoint_config", "{checkpoint_score_order: best}", "checkpoint_score_order: unknown name 'best'"),
    ("checkpoint_config", "{checkpoint_score_order: [max]}", "checkpoint_score_order: unknown name"),
    ("checkpoint_score_attr", "5", "must be the key of a result"),
    ("checkpoint_freq", "often", "checkpoint_frequency: 'often'"),
    ("keep_checkpoints_num", "0", "num_to_keep: 0"),
    ("local_dir", "null", "storage_path: None"),
    ("upload_dir", "5", "storage_path: 5"),
    *[("resources_per_trial", value, "resources_per_trial") for value in ("5", "[1]", "all", "true")],
    *[
        ("resources_per_trial", f"{{cpu: {value}}}", "cpu: ")
        for value in ("-1", "two", "[1]", ".inf", "true")
    ],
    ("resources_per_trial", "{cpus: 1}", "did you mean 'cpu'"),
    ("resources_per_trial", "{custom_resources: 5}", "custom_resources must map"),
    ("resources_per_trial", "{custom_resources: {a: b}}", "custom_resources: a: 'b'"),
    *[
        ("scheduler", value, "scheduler")
        for value in ("5", "null", "[ASHA]", "true", "{}", "{type: 5}", "''")
    ],
    ("scheduler", "ASHAA", "did you mean"),
    ("scheduler", "{type: ASHA, max_t: soon}", "max_t: 'soon'"),
    ("scheduler", "{type: ASHA, max_t: -1}", "max_t: -1"),
    ("scheduler", "{type: ASHA, maxt: 5}", "did you mean 'max_t'"),
    ("scheduler", "{type: ASHA, metric: los}", "unknown result key 'los'"),
    ("scheduler", "{type: ASHA, max_t: 5, time_attr: [1]}", "unknown result key"),
    ("scheduler", "{type: ASHA, mode: best}", "unknown name 'best'"),
    ("scheduler", "{type: ASHA, stop_last_trials: 'yes'}", "must be true or false"),
    ("scheduler", "{type: pbt, hyperparam_mutations: 5}", "must map settings"),
    ("scheduler", "{type: pbt, hyperparam_mutations: {lr: 5}}", "must be a list of values"),
    ("scheduler", "{type: pbt_replay, policy_file: 5}", "must be the path of a file"),
    ("scheduler", "{type: pbt_replay, policy_file: ~nobody_of_that_name/x}", "there is no user"),
    *[("search", value, "search") for value in ("5", "null", "[optuna]", "true", "''", "{algorithm: 5}")],
    ("search", "optunaa", "did you mean"),
    ("search", "{metrc: a}", "did you mean 'metric'"),
    ("search", "{metric: los}", "unknown result key 'los'"),
    ("search", "{metric: env_runners/episode_return_maen}", "is never reported"),
    ("search", "{seed: -1}", "seed: -1"),
    ("search", "{seed: 1e3}", "seed: 1000.0"),
    ("search", "{seed: 5000000000}", "seed: 5000000000"),
    ("search", "{max_concurrent: 0}", "max_concurrent: 0"),
    ("search", "{mode: [max]}", "mode: unknown name"),
    *[("config", value, "config must map settings") for value in ("5", "[lr]", "lr", "true")],
    ("config", "{5: 5}", "key 5 is not allowed"),
    ("config", '{"l\\0r": 5}', "is not allowed"),
    ("envs", "a", "did you mean 'env'"),
    ("5", "a", "unknown key 5"),
    ("y" * 5000, "a", "unknown key"),
]
# Settings within `config` → a part of the message.
SETTINGS = [
    *[
        ("num_env_runners", value, "num_env_runners: ")
        for value in ("two", "-1", "1.5", "true", "[1]", "{}", "1000000000")
    ],
    *[
        ("num_envs_per_env_runner", value, "num_envs_per_env_runner: ")
        for value in ("0", "x", "1e9", "1000000000")
    ],
    *[
        ("lr", value, "lr: ")
        for value in ("{}", "'1e-4'", "-1", "0", "true", ".inf", "[]", "[1]", "[[0, 1]]", "[[5, 1], [0, 1]]")
    ],
    *[("gamma", value, "gamma: ") for value in ("1.1", "-0.1", "high", "[0.9]", "null")],
    *[("td_lambda", value, "td_lambda: ") for value in ("7", "x", "{}", "null")],
    *[("env_config", value, "env_config: ") for value in ("5", "[1]", "x")],
    *[("evaluation_config", value, "evaluation_config: ") for value in ("5", "[1]", "x", "{5: 1}")],
    (
        "evaluation_config",
        "{num_envs_per_env_runner: two}",
        "evaluation_config: num_envs_per_env_runner: 'two'",
    ),
    ("evaluation_config", "{lrr: 1}", "lrr"),
    ("evaluation_config", "{env_config: 5}", "evaluation_config: env_config: 5"),
    *[("evaluation_interval", value, "evaluation_interval: ") for value in ("-1", "1.5", "often")],
    *[("evaluation_duration", value, "evaluation_duration: ") for value in ("0", "long", "[1]")],
    *[
        ("train_batch_episodes", value, "train_batch_episodes: ")
        for value in ("0", "1e99", "x", "2.0", "null", "[1]")
    ],
    *[("replay_buffer_capacity", value, "replay_buffer_capacity: ") for value in ("0", "x", "1e9")],
    *[
        ("epsilon", value, "epsilon: ")
        for value in ("2", "x", "[[0, 1]]", "[[0, 1], [0, 0]]", "[[0, 1], [10, 2]]", "{}")
    ],
    *[("explore", value, "explore: ") for value in ("5", "'no'", "[]", "null")],
    *[("seed", value, "seed: ") for value in ("one", "1.5", "[1]", "true")],
    *[("callbacks", value, "callbacks: ") for value in ("5", "{}", "true")],
    *[("multiagent", value, "multiagent: ") for value in ("5", "[1]", "x")],
    *[("mixer", value, "mixer: ") for value in ("5", "qmixx", "[qmix]", "null")],
    *[("weighting", value, "weighting: ") for value in ("5", "remixx", "[ow]", "null")],
    *[("weighting_config", value, "weighting_config") for value in ("5", "[1]", "{alpa: 1}", "null")],
    *[("utility_clamp", value, "utility_clamp: ") for value in ("5", "[1]", "[2, 1]", "[a, b]", "{}")],
    *[("agent_hidden_dim", value, "agent_hidden_dim: ") for value in ("0", "x", "64.0", "null")],
    *[
        ("num_cpus_per_env_runner", value, "num_cpus_per_env_runner: ")
        for value in ("two", "[1]", "{}", "-1")
    ],
    *[
        ("min_sample_timesteps_per_iteration", value, "min_sample_timesteps_per_iteration: ")
        for value in ("x", "[1]")
    ],
    ("env_runners", "5", "unknown key 'env_runners'"),
    ("env", "[matrix_game]", "env is 'matrix_game' but config has env"),
    ("framework", "tf", "runs on PyTorch only"),
    ("framework", "[torch]", "runs on PyTorch only"),
    ("y" * 5000, "5", "unknown key"),
]
GRIDS = [
    ("{grid_search: []}", "must be a list of 1 to 1,000 values; got 0 values"),
    ("{grid_search: 5}", "must be a list of 1 to 1,000 values; got 5"),
    ("{grid_search: null}", "got None"),
    ("{grid_search: {a: 1}}", "must be a list"),
    ("{grid_search: text}", "must be a list"),
    ("{grid_search: [0.1], other: 5}", "must stand alone"),
    ("{grid_serch: [0.1]}", "did you mean 'grid_search'"),
    (f"{{grid_search: {[0.001] * 2000}}}", "got 2,000 values"),
    (f"{{grid_search: {[0.001] * 99_900}}}", "got 99,900 values"),
    (f"{{grid_search: {list(range(120_000))}}}", "more than 100,000 values"),
    ("{grid_search: [0.1, -5]}", "lr: -5"),
    ("{grid_search: [0.1, no]}", "write false"),
    ("{uniform: [1]}", "must be [low, high]"),
    ("{uniform: 5}", "must be [low, high]"),
    ("{uniform: [2, 1]}", "low must be below high"),
    ("{loguniform: [0, 1]}", "low must be above 0"),
    ("{uniform: [0, .inf]}", "finite numbers"),
    ("{choice: []}", "choice must be a list"),
    ("{choice: 5}", "choice must be a list"),
    ("{choice: [0.1, x]}", "lr: 'x'"),
    ("{sample_from: 'lambda: 1'}", "sample_from runs code"),
    ("{uniformm: [0, 1]}", "did you mean 'uniform'"),
]


@pytest.fixture
def refused_file(refused, tmp_path):
    """Writes a file of experiments, runs it, and checks a part of the message."""

    def check(content: str | bytes, part: str, *words: object) -> None:
        file = tmp_path / "experiments.yaml"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        message = refused("train", "file", file, *words)
        assert part.lower() in message.lower(), message

    return check


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else f"{text[:40]}…{len(text)}"


@pytest.mark.parametrize("text", DOCUMENTS, ids=_short)
def test_a_document_that_is_no_experiment_is_refused(refused_file, text):
    refused_file(text, DOCUMENTS[text].replace("\\\\", "\\"))


@pytest.mark.parametrize("name", NAMES, ids=_short)
def test_a_name_that_can_be_no_folder_is_refused(refused_file, name):
    refused_file(f"{name}: {{run: QMIX, env: matrix_game}}", NAMES[name])


@pytest.mark.parametrize("text", TWO_WAYS, ids=_short)
def test_what_yaml_reads_in_two_ways_is_refused_with_its_line(refused_file, text):
    refused_file(f"x:\n  run: QMIX\n  env: matrix_game\n  config:\n    explore: {text}\n", TWO_WAYS[text])
    refused_file(
        f"x:\n  run: QMIX\n  env: matrix_game\n  config:\n    explore: {text}\n", "line 5, column 14"
    )


@pytest.mark.parametrize(("key", "value", "part"), VALUES, ids=_short)
def test_a_key_with_a_value_that_it_cannot_have_is_named(refused_file, key, value, part):
    first = "" if key in ("run", "env") else "run: QMIX, env: matrix_game, "
    other = {"run": "env: matrix_game, ", "env": "run: QMIX, "}.get(key, first)
    refused_file(
        f"x: {{{other}? {key} : {value}}}" if len(key) > 1000 else f"x: {{{other}{key}: {value}}}", part
    )


@pytest.mark.parametrize(("key", "value", "part"), SETTINGS, ids=_short)
def test_a_setting_with_a_value_that_it_cannot_have_is_named(refused_file, key, value, part):
    refused_file(f"{HEAD}, config: {{{'? ' if len(key) > 1000 else ''}{key} : {value}}}}}", part)


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, value, part in SETTINGS if part == f"{key}: "], ids=_short
)
def test_a_setting_of_rllibs_own_algorithm_ends_in_no_error_of_python(tmp_path, key, value):
    """RLlib may take what a team cannot; what it does not take is told as a setting."""
    from rllib_remix.errors import SettingError
    from rllib_remix.experiments.checking import check_experiment

    file = tmp_path / "experiments.yaml"
    file.write_text(
        f"x: {{run: PPO, env: CartPole-v1, storage_path: {tmp_path}, config: {{{key}: {value}}}}}"
    )
    try:
        (experiment,) = read_experiments(file)
        check_experiment(experiment)
    except (UserError, SettingError) as error:
        message = str(error)
    else:
        message = ""
    assert "object is not" not in message
    assert "NoneType" not in message


@pytest.mark.parametrize(("value", "part"), GRIDS, ids=_short)
def test_a_grid_or_a_range_that_cannot_be_is_named(refused_file, value, part):
    refused_file(f"{HEAD}, config: {{lr: {value}}}}}", part)


def test_grids_that_multiply_to_more_trials_than_anybody_means_are_refused(refused_file):
    grid = f"{{grid_search: {list(range(1, 31))}}}"
    settings = ", ".join(f"{name}: {grid}" for name in ("seed", "agent_hidden_dim", "mixer_embed_dim"))
    refused_file(f"{HEAD}, config: {{{settings}}}}}", "27000 points together; allowed: up to 10,000")
    refused_file(f"{HEAD}, num_samples: 5000, config: {{seed: {grid}}}}}", "150000 trials")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"\xff\xfex\x00:\x00", "not a text file in UTF-8"),
        (b"x: {run: \xe9}", "not a text file in UTF-8"),
        (b"\x80\x04\x95.", "not a text file in UTF-8"),
        (b"\x00" * 100, "not YAML"),
        (os.urandom(64).join([b"\xff"] * 2), "not a text file in UTF-8"),
    ],
    ids=["UTF-16", "Latin-1", "pickle", "NULs", "noise"],
)
def test_a_file_that_is_no_text_is_refused(refused_file, content, part):
    refused_file(content, part)


def test_a_huge_file_is_refused_without_being_read(refused, tmp_path):
    with open(tmp_path / "sparse.yaml", "wb") as file:
        file.truncate(2**40)
    assert "more than 1,048,576 bytes" in refused("train", "file", "sparse.yaml")


def test_what_is_no_regular_file_is_refused_at_once(refused, tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    (tmp_path / "nowhere.yaml").symlink_to("missing")
    for name in ("pipe.yaml", "pipe.py", "zero.yaml"):
        assert "is not a regular file" in refused("train", "file", name)
    assert "cannot be read" in refused("train", "file", "folder.yaml")
    assert "cannot be read" in refused("train", "file", "loop.yaml")
    assert "does not exist" in refused("train", "file", "nowhere.yaml")


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("missing.yaml", "does not exist"),
        ("a\nb.yaml", "control characters"),
        ("~nobody_of_that_name/a.yaml", "there is no user"),
        ("$NO_SUCH_VARIABLE/a.yaml", "there is no environment variable"),
        ("y" * 300 + ".yaml", "cannot be read"),
        ("y" * 5000 + ".yaml", "4095 bytes at most"),
        ("a.txt", "must end in .yaml"),
        ("/dev/stdin", "must end in .yaml"),
        ("", "must end in .yaml"),
    ],
    ids=_short,
)
def test_a_file_that_cannot_be_is_refused(refused, name, part):
    assert part in refused("train", "file", name)


# What is meant is read.


def read(tmp_path: Path, content: str | bytes) -> dict:
    file = tmp_path / "good.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (experiment,) = read_experiments(file)
    return experiment.config


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4),
        ("1E6", 1e6),
        ("5e-4", 5e-4),
        ("1.5e+3", 1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-3", -3),
        ("+3", 3),
        ("1_000_000", 1_000_000),
        ("0x1F", 31),
        ("0o17", 15),
        ("0", 0),
        ("0.10", 0.1),
        (".inf", float("inf")),
        ("-.INF", float("-inf")),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("'no'", "no"),
        ('"010"', "010"),
        ("'1:30'", "1:30"),
        ("!!str 5", "5"),
        ("!!float 5", 5.0),
        ("!!int '7'", 7),
        ("y", "y"),
        ("n", "n"),
        ("none", "none"),
        ("=", "="),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01 10:00:00", "2024-01-01 10:00:00"),
        ("127.0.0.1:6379", "127.0.0.1:6379"),
        ("3s_vs_5z", "3s_vs_5z"),
        ("1c3s5z", "1c3s5z"),
        ("Straße", "Straße"),
        ('"\\u00e9"', "é"),
        ("18446744073709551615", 2**64 - 1),
        ("[1, 2.0, x]", [1, 2.0, "x"]),
        ("{5: a, '5': b, no: c}", {5: "a", "5": "b", "no": "c"}),
    ],
)
def test_values_are_read_as_yaml_1_2_has_them(tmp_path, text, value):
    read_value = read(tmp_path, f"x:\n  run: PPO\n  env: e\n  config:\n    key: {text}\n")["key"]
    assert read_value == value
    assert type(read_value) is type(value)


def test_anchors_aliases_and_merges_are_read_and_share_nothing(tmp_path):
    config = read(
        tmp_path,
        "x:\n  run: PPO\n  env: e\n  config:\n"
        "    base: &base {a: 1, inner: {b: 2}}\n"
        "    same: *base\n"
        "    more: {<<: *base, a: 3}\n"
        "    both: {<<: [{a: 5, c: 6}, *base], d: 7}\n",
    )
    assert config["same"] == {"a": 1, "inner": {"b": 2}}
    assert config["more"] == {"a": 3, "inner": {"b": 2}}
    assert config["both"] == {"a": 5, "inner": {"b": 2}, "c": 6, "d": 7}
    config["same"]["inner"]["b"] = 0
    assert config["base"]["inner"] == config["more"]["inner"] == {"b": 2}


@pytest.mark.parametrize(
    "content",
    [
        b"x: {run: PPO, env: e, config: {lr: 1}}",
        b"\xef\xbb\xbfx: {run: PPO, env: e, config: {lr: 1}}",
        b"x:\r\n  run: PPO\r\n  env: e\r\n  config:\r\n    lr: 1\r\n",
        b"x:\r  run: PPO\r  env: e\r  config:\r    lr: 1\r",
        b"---\nx: {run: PPO, env: e, config: {lr: 1}}\n...\n",
        b"%YAML 1.2\n---\nx: {run: PPO, env: e, config: {lr: 1}}\n",
        b"x:\n  run: PPO\n  env: e\n  stop:\n  checkpoint_config:\n  config: {lr: 1}\n",
    ],
    ids=["plain", "byte order mark", "CRLF", "CR", "marks", "directive", "empty keys"],
)
def test_files_of_all_editors_are_read(tmp_path, content):
    assert read(tmp_path, content) == {"env": "e", "lr": 1}


def test_variables_and_home_folders_stand_for_what_they_are(tmp_path, monkeypatch):
    from rllib_remix.experiments.checks.storage import check_storage

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PLACE", str(tmp_path / "place"))
    assert check_storage("$HOME/results") == str(tmp_path / "results")
    assert check_storage("${PLACE}/results") == str(tmp_path / "place" / "results")
    assert check_storage("~/results") == str(tmp_path / "results")
    assert check_storage("s3://bucket/results") == "s3://bucket/results"
    (tmp_path / "$old").mkdir()
    assert check_storage(f"{tmp_path}/$old") == f"{tmp_path}/$old"
