"""Which part of the package may load which, read from the sources, and what needs no Ray."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import rllib_remix

ROOT = Path(rllib_remix.__file__).parent


def modules_of(*parts: str) -> list[str]:
    """Full names of the modules of a subpackage, itself included."""
    files = sorted(ROOT.joinpath(*parts).rglob("*.py"))
    return [name_of(file) for file in files]


def name_of(file: Path) -> str:
    names = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imports_of(file: Path) -> set[str]:
    """Everything that a file imports, at the top or within functions, with `from` imports as full names."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def imported_parts(file: Path) -> set[str]:
    """The parts of rllib_remix that a file imports: the first name behind `rllib_remix.`."""
    return {name.split(".")[1] for name in imports_of(file) if name.startswith("rllib_remix.")}


WITHOUT_RAY = [
    "rllib_remix",
    "rllib_remix.settings",
    *modules_of("envs"),
    *modules_of("learning"),
    *modules_of("models"),
    "rllib_remix.rollout.acting",
    "rllib_remix.policy",
]

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


def test_policies_environments_networks_and_formulas_load_no_ray():
    done = subprocess.run(
        [sys.executable, "-c", LOAD_EACH, *WITHOUT_RAY], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr


FORBIDDEN = {
    "learning": {"team", "value_based", "rollout", "algorithms", "cli", "replay"},
    "models": {"team", "value_based", "rollout", "algorithms", "cli", "replay"},
    "envs": {"team", "value_based", "rollout", "algorithms", "cli", "replay"},
    "replay": {"team", "value_based", "algorithms", "cli"},
    "rollout": {"team", "value_based", "algorithms", "cli", "replay"},
    "team": {"value_based", "algorithms", "cli"},
    "value_based": {"algorithms", "cli"},
}


@pytest.mark.parametrize("part", FORBIDDEN)
def test_lower_layers_never_import_higher_ones(part):
    wrong = {
        str(file.relative_to(ROOT)): parts
        for file in ROOT.joinpath(part).rglob("*.py")
        if (parts := imported_parts(file) & FORBIDDEN[part])
    }
    assert not wrong


def test_nothing_but_the_command_line_imports_the_command_line():
    wrong = [
        str(file.relative_to(ROOT))
        for file in ROOT.rglob("*.py")
        if file.relative_to(ROOT).parts[0] != "cli" and "cli" in imported_parts(file)
    ]
    assert not wrong


def test_the_formulas_import_nothing_but_torch_and_the_settings():
    for file in ROOT.joinpath("learning").rglob("*.py"):
        assert imported_parts(file) <= {"learning", "settings", "errors"}
        others = {name.split(".")[0] for name in imports_of(file)} - set(sys.stdlib_module_names)
        assert others <= {"torch", "rllib_remix"}


def test_the_imports_are_found_wherever_they_stand(tmp_path):
    source = (
        "import a.b\ndef f():\n    from rllib_remix.cli import main\n    from rllib_remix import policy\n"
    )
    file = tmp_path / "module.py"
    file.write_text(source)
    assert imports_of(file) >= {"a.b", "rllib_remix.cli", "rllib_remix.cli.main", "rllib_remix.policy"}
    assert imported_parts(file) == {"cli", "policy"}
