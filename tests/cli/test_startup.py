"""Help and refused options answer at once: they load nothing that takes long to load."""

import subprocess
import sys

import pytest

# What takes tens of milliseconds and more, and what these bring along.
SLOW_TO_LOAD = {
    *(
        "ray",
        "torch",
        "numpy",
        "scipy",
        "pandas",
        "pyarrow",
        "numba",
        "matplotlib",
        "gymnasium",
        "pettingzoo",
    ),
    *(
        "safetensors",
        "onnx",
        "onnxruntime",
        "optuna",
        "PIL",
        "requests",
        "aiohttp",
        "tensorboardX",
        "wandb",
        "mlflow",
    ),
    *("rich", "pygments", "markdown_it", "asyncio"),
}
REFUSED = [
    ["--nonsense"],
    ["nonsense"],
    *([*command, "--nonsense"] for command in (["train"], ["train", "file", "x.yaml"], ["resume", "x"])),
    *([*command, "--nonsense"] for command in (["evaluate", "x"], ["export", "x", "--out", "y"])),
    *([*command, "--nonsense"] for command in (["plot"], ["plot", "curves", "x"], ["plot", "weights", "x"])),
    *([*command, "--nonsense"] for command in (["example"], ["example", "list"], ["example", "get", "x"])),
    *([*command, "--nonsense"] for command in (["algorithms"], ["envs"], ["doctor"], ["smac", "check"])),
    ["train", "--num-samples", "many"],
    ["train", "file"],
    ["resume", "x", "--ray-num-cpus", "0"],
    ["evaluate", "x", "--episodes", "many"],
    ["export"],
    ["export", "x", "--out", "y", "--format", "nonsense"],
    ["plot", "curves", "x", "--best", "much"],
    ["example", "run"],
]
RUN = """
import sys
from rllib_remix.cli.main import app
try:
    app(sys.argv[1:])
except SystemExit as end:
    print(f"\\nexit code {end.code}, loaded:", *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def end_of(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["evaluate", "--help"]], ids=" ".join)
def test_help_loads_nothing_that_is_slow(arguments):
    exit_code, loaded = end_of(RUN, *arguments).split(", loaded:")
    assert exit_code == "exit code 0"
    assert not SLOW_TO_LOAD & set(loaded.split())


def test_a_refused_option_of_any_command_loads_nothing_that_is_slow():
    """All in one process, so that what any of them loads is seen at its end."""
    code = f"""
import sys
from rllib_remix.cli.main import app
for words in {REFUSED!r}:
    try:
        app(words)
    except SystemExit as end:
        assert end.code == 2, words
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""
    assert not SLOW_TO_LOAD & set(end_of(code).split())


def test_the_packages_that_python_calls_load_their_parts_when_they_are_touched():
    code = """
import sys
import rllib_remix.playing, rllib_remix.reporting, rllib_remix.running
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
    assert not (SLOW_TO_LOAD | {"typer"}) & set(end_of(code).split())
