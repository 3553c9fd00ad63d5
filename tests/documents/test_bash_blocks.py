"""Every command of a block of bash is run, or checked up to where Ray would start, or is in a table with the reason."""

import os
import re

import forked
import pytest
from pages.blocks import ROOT, all_blocks, commands
from typer.main import get_command

from rllib_remix.cli.main import app
from rllib_remix.errors import UserError
from tests.documents.blocks_run import changed, text_of

# How a command begins, and why no test runs it.
NOT_RUN = {
    "$EDITOR": "an editor",
    "cd rllib_remix": "into what `git clone` has made",
    "docker": "needs Docker and a registry; tests/cluster/test_files.py checks the file",
    "echo int mkl_serv_intel_cpu_true": "needs a C compiler, and changes what is loaded into every process",
    "export": "a variable of a shell",
    "gcc": "as the line that begins with echo",
    "git clone": "needs a network",
    "kubectl": "needs a cluster; tests/cluster/test_files.py checks the file",
    "make check": "runs the tests",
    "pip install": "needs a network; scripts/wheel_trial.py installs, and the extras are checked below",
    "python main.py": "is EPyMARL's",
    "ray dashboard": "needs a cluster",
    "ray down": "needs a cloud",
    "ray up": "needs a cloud; tests/cluster/test_files.py checks the file",
    "sbatch": "needs Slurm; tests/cluster/test_files.py checks the script",
    "scancel": "needs Slurm",
    "scripts/demo": "installs, and trains for minutes",
    "scripts/docs": "installs; .github/workflows/docs.yml runs it",
    "scripts/gpu_check": "needs a GPU, or half a minute; tests/gpu/test_check.py runs it on the CPU",
    "scripts/install_sc2.sh": "needs a network; tests/envs/smac/test_install_script.py runs it on a small stand-in",
    "scripts/test": "runs the tests",
    "source .venv/bin/activate": "into what `scripts/demo` has made",
    "squeue": "needs Slurm",
    "tail -f": "needs Slurm's log",
}
COMMANDS = [(block.page, words) for block in all_blocks("bash") for words in commands(block.text)]
OF_RLLIB = [(page, words[1:]) for page, words in COMMANDS if words[0] == "rllib"]
TRAINING = [each for each in OF_RLLIB if each[1][0] in ("train", "example")]
SHOWING = [each for each in OF_RLLIB if each[1][0] == "envs" or each[1] == ["reproduce", "list"]]
OTHERS = [each for each in OF_RLLIB if each not in TRAINING]
TRAINED = ("docs/quickstart.md", "docs/weightings/own.md")  # at the end of this file
REACHED = "Ray would start here"


def named(page_and_words):
    page, words = page_and_words
    return f"{page} {' '.join(words)}"[:90]


def test_what_is_no_command_of_ours_is_in_the_table_and_nothing_else_is():
    others = [" ".join(words) for _, words in COMMANDS if words[0] != "rllib"]
    unknown = [line for line in others if not any(line.startswith(start) for start in NOT_RUN)]
    unused = [start for start in NOT_RUN if not any(line.startswith(start) for line in others)]
    assert (unknown, unused) == ([], [])


def test_scripts_that_are_named_can_be_executed_and_extras_exist():
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    for _, words in COMMANDS:
        if words[0].startswith("scripts/"):
            assert os.access(ROOT / words[0], os.X_OK), words[0]
        for extras in re.findall(r"^\.\[(.*)\]$", "\n".join(words), flags=re.MULTILINE):
            for extra in extras.split(","):
                assert f'        "{extra}": ' in setup


@pytest.fixture
def dry_run(rllib, monkeypatch, tmp_path):
    """Runs a command of a page in a folder with the files that the pages name, up to where Ray or a job would start."""

    def stop(*_, **__):
        raise UserError(REACHED)

    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", stop)
    monkeypatch.setattr("rllib_remix.cli.train.submit_run", stop)
    (tmp_path / "tuned_examples").symlink_to(ROOT / "tuned_examples")
    example = (ROOT / "tuned_examples/matrix_game/qmix.yaml").read_text(encoding="utf-8")
    (tmp_path / "experiment.yaml").write_text(example, encoding="utf-8")
    (tmp_path / "my_game.py").write_text(text_of("docs/environments.md python 1"), encoding="utf-8")
    return lambda words: rllib(*words)


@pytest.mark.battery
@pytest.mark.parametrize("command", [each for each in TRAINING if each[0] not in TRAINED], ids=named)
def test_what_is_to_be_trained_passes_all_checks(command, dry_run):
    _, words = command
    result = dry_run(words)
    wanted = "cannot run here" if {"smac", "smacv2"} & set(words) else REACHED
    assert wanted in result.stderr, result.output
    assert result.exit_code == 2


@pytest.mark.battery
@pytest.mark.parametrize("command", SHOWING, ids=named)
def test_what_only_shows_something_is_run(command, dry_run):
    result = dry_run(command[1])
    assert result.exit_code == 0, result.output


def parsed(words):
    """The options of a command as it reads them; nothing is run."""
    command, context, name = get_command(app), None, "rllib"
    while True:
        context = command.make_context(name, list(words), parent=context)
        if not hasattr(command, "resolve_command"):
            return context.params
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])


@pytest.mark.parametrize("command", OTHERS, ids=named)
def test_what_needs_a_run_or_a_game_has_only_options_that_are_there(command):
    assert parsed(command[1])


def test_an_option_that_is_not_there_is_found():
    with pytest.raises(Exception, match="No such option"):
        parsed(["plot", "curves", "x", "--outt", "y"])


def environment_of(folder):
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    return environment | {"HOME": str(folder), "TERM": "dumb"}


def run(words, folder, *more):
    """A command as a process of its own in a folder, which is its home too."""
    done = forked.run([*words, *more], folder, environment_of(folder), timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_quickstart_trains_plays_and_draws(tmp_path):
    (train,) = commands(text_of("docs/quickstart.md bash 0"))
    run(train[1:], tmp_path, "--set", "stop.num_env_steps_sampled_lifetime=600", "--ray-num-cpus", 1)
    for words in commands(text_of("docs/quickstart.md bash 1")):
        words = [word.replace("~", str(tmp_path)) for word in words]
        said = run(words[1:], tmp_path)
        if words[1] == "evaluate":
            assert "CWQMIX on matrix_game, 8 greedy episodes" in said
    assert (tmp_path / "curves.png").stat().st_size > 1000
    assert (tmp_path / "weights.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_weighting_of_ones_own_is_trained(tmp_path):
    (tmp_path / "my_weights.py").write_text(text_of("docs/weightings/own.md python 0"), encoding="utf-8")
    (words,) = commands(changed(text_of("docs/weightings/own.md bash 0"), (": 200000", ": 300")))
    run(words[1:], tmp_path, "--set", "config.train_batch_episodes=4", "--ray-num-cpus", 1)
    (results,) = (tmp_path / "ray_results").glob("default/QMIX_*/result.json")
    assert '"error_mean"' in results.read_text(encoding="utf-8")
