"""Which room of the package may import which, how large a room may be, and what needs no Ray.

A room is a folder of `rllib_remix/`, or a file at its top. `scripts/layout.py` prints the rooms with a sentence each.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import rllib_remix

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

from structure.folders import MOST_FILES, MOST_LINES, layout_of
from structure.imports import child_of, import_statements, imports_of, module_name
from structure.sources import from_folder

ROOT = Path(rllib_remix.__file__).parent
SOURCES = from_folder(ROOT)
IMPORTS = imports_of(SOURCES, "rllib_remix")
LAYOUT = layout_of(SOURCES, "rllib_remix")

# The map, from the top of the house to its ground: each room, and the rooms that it may import. All of them stand below it.
ROOMS = {
    # what people call
    "cli": "__init__ zoo jobs studies onnx_export running playing reporting experiments algorithms team checkpoints envs files diagnosis terminal settings errors",
    "studies": "__init__ running experiments reporting value_based learning files settings terminal errors",
    "jobs": "running experiments files settings terminal errors",
    "running": "algorithms experiments team checkpoints envs files terminal errors",
    "playing": "experiments reporting algorithms policy rollout checkpoints envs models files settings terminal errors",
    "experiments": "__init__ algorithms value_based team rollout checkpoints envs files settings ray_releases errors",
    "__init__": "algorithms moved supported",
    "onnx_export": "policy checkpoints envs models files errors",
    # what is trained
    "algorithms": "actor_critic value_based team rollout envs reporting learning errors",
    "actor_critic": "team rollout models learning settings errors",
    "value_based": "team models learning reporting settings errors",
    "team": "replay rollout checkpoints envs models learning files memory settings errors",
    # what a training is made of
    "policy": "zoo checkpoints rollout envs models errors",
    "replay": "rollout envs files memory settings errors",
    "rollout": "envs models memory settings errors",
    "checkpoints": "zoo envs models files terminal settings errors",
    "reporting": "files errors",
    "diagnosis": "envs compiling ray_releases",
    "envs": "compiling settings errors",
    "models": "compiling errors",
    "learning": "settings errors",
    # the ground
    "zoo": "errors",
    "files": "errors",
    "terminal": "errors",
    "settings": "ray_releases errors",
    "ray_releases": "errors",
    "supported": "errors",
    "errors": "",
    "memory": "",
    "compiling": "",
    "moved": "",
}


def room_of(path: str) -> str:
    return child_of("", path).removesuffix(".py")


def imported_rooms(room: str) -> dict[str, list[str]]:
    """The rooms that a room imports, each with the imports that do it."""
    found: dict[str, list[str]] = {}
    for file, others in IMPORTS.items():
        for other in others:
            if room_of(file) == room != room_of(other):
                found.setdefault(room_of(other), []).append(f"{file} imports {other}")
    return found


def test_every_room_is_on_the_map():
    assert set(ROOMS) == {room_of(path) for path in SOURCES}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_the_map_allows(room):
    wrong = {other: why for other, why in imported_rooms(room).items() if other not in ROOMS[room].split()}
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_the_map_allows_only_what_is_needed_and_stands_below(room):
    assert set(ROOMS[room].split()) <= set(imported_rooms(room))
    below = list(ROOMS)[list(ROOMS).index(room) + 1 :]
    assert set(ROOMS[room].split()) <= set(below)


def test_no_imports_go_in_a_circle():
    assert LAYOUT.file_circles == []
    assert LAYOUT.folder_circles == []


def test_what_all_algorithms_share_mentions_nothing_of_the_value_based_ones():
    names = re.compile(r"weighting|remix\b|mac_?po|qmix|q_tot|q_star|\bq\*|mixer|utility", re.IGNORECASE)
    lines = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for room in ("team", "rollout", "replay")
        for path in sorted(ROOT.joinpath(room).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if names.search(line.replace("rllib_remix", ""))
    ]
    assert not lines


def test_the_formulas_import_nothing_but_torch():
    for file in ROOT.joinpath("learning").rglob("*.py"):
        statements = import_statements(file.read_text(encoding="utf-8"))
        others = {module.split(".")[0] for module, _ in statements} - set(sys.stdlib_module_names)
        assert others <= {"torch", "rllib_remix"}


# A room has a sentence and a size that a newcomer can hold.

LONG_FILES: dict[str, str] = {}  # each with the reason why it may be
FULL_FOLDERS = {
    "algorithms": "a file for each algorithm that has networks, a learner or a paper of its own",
    "cli": "a file for each command, and what all of them share",
    "envs/foreign": "what a step of an environment of any kind is read by, part by part",
}


def test_every_folder_says_in_a_sentence_what_it_is_for():
    assert [folder.path for folder in LAYOUT.folders if not folder.sentence.endswith(".")] == []


def test_no_file_is_too_long_and_no_folder_too_full_but_those_with_a_reason():
    assert LAYOUT.long_files.keys() == LONG_FILES.keys(), f"more than {MOST_LINES} lines"
    assert LAYOUT.full_folders.keys() == FULL_FOLDERS.keys(), f"more than {MOST_FILES} files"


# Rooms that never load Ray while they are imported: it takes seconds, and who only acts or reads files needs none of it.

WITHOUT_RAY = (
    "cli", "jobs", "playing", "onnx_export", "experiments", "policy", "checkpoints", "reporting", "diagnosis", "envs", "models",
    "learning", "files", "terminal", "settings", "errors", "memory", "compiling", "moved", "supported", "ray_releases", "zoo", "__init__",
)  # fmt: skip
ALSO_WITHOUT_RAY = ("rollout/acting.py", "rollout/episode.py", "replay/sum_tree.py")
BUT_FOR = {
    "checkpoints/storage.py": "is Tune's storage",
    "experiments/run_code.py": "pickles as Ray does",
    "cli/__main__.py": "runs the command",
}

LOAD_EACH = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    if "ray" in sys.modules:
        sys.exit(f"{name} loads ray")
import rllib_remix
rllib_remix.make_team_env("predator_prey"), rllib_remix.TeamPolicy, rllib_remix.check_team_env
if "ray" in sys.modules:
    sys.exit("a name of rllib_remix that needs no Ray loads it")
"""


@pytest.mark.battery  # imports nearly all, in a process of its own
def test_commands_policies_environments_networks_formulas_and_files_load_no_ray():
    paths = [path for path in SOURCES if room_of(path) in WITHOUT_RAY and path not in BUT_FOR]
    names = [module_name(path, "rllib_remix") for path in [*paths, *ALSO_WITHOUT_RAY]]
    done = subprocess.run(
        [sys.executable, "-c", LOAD_EACH, *names], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


DESCRIBE = """
import sys
import rllib_remix.running.tune_run
from rllib_remix import QMIXConfig
QMIXConfig()
sys.exit("numba" in sys.modules and "numba is loaded")
"""


@pytest.mark.battery  # loads RLlib in a process of its own
def test_the_process_that_drives_tune_loads_no_numba_for_networks_that_it_never_steps():
    done = subprocess.run([sys.executable, "-c", DESCRIBE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
