#!/usr/bin/env python
"""Tries versions of Ray and Python, and the lowest that setup.py declares, each in an empty environment of its own.

Usage: scripts/versions.py [--ray 2.55.0 …] [--python python3.12 …] [--lowest] [--tests] [--out docs/results/versions.json]
       scripts/versions.py --table docs/results/versions.json

In each, what README.md shows is run from the wheel (see wheel_trial.py), with --tests the fast tests of this tree as well. All
other versions are those of constraints.txt; the lowest are what uv resolves. Needs a network, and a few minutes and GB each;
--out adds to what the file has. Fails if anything failed.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pages.blocks import ROOT
from wheel_trial import build, run, say, try_examples

SHOWN = ("ray", "torch", "numpy", "numba", "scipy", "gymnasium", "pettingzoo", "typer", "pydantic")
LOWEST = "lowest versions"  # of which some do not go with what the tests need
FAST = ["-q", "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider", "-m", "not slow and not battery"]


@dataclass
class Trial:
    """What was tried, and what came of it."""

    name: str
    python: str
    pins: list[str] = field(repr=False)
    versions: dict[str, str] = field(default_factory=dict)
    examples: str = "not run"  # of README.md: "passed in N s", or the first that failed
    tests: str = "not run"  # the last line of pytest

    @property
    def failed(self) -> bool:
        return "fail" in self.examples + self.tests or "error" in self.tests


def pinned(leave_out: str = "") -> list[str]:
    """The lines of constraints.txt but for those of a package."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith(f"{leave_out}==")]


def lowest(folder: Path, python: str) -> list[str]:
    """The lowest versions of what setup.py names, with the newest of what these need, as pins."""
    run([sys.executable, "-m", "venv", str(folder / "uv")], folder)
    run([str(folder / "uv" / "bin" / "pip"), "install", "-q", "uv"], folder)
    words = ["pip", "compile", "-q", "--no-header", "--no-annotate", "--resolution", "lowest-direct"]
    words += ["--python", python, str(ROOT / "setup.py")]
    return run([str(folder / "uv" / "bin" / "uv"), *words], folder).split("\n")


def attempt(trial: Trial, wheel: Path, with_tests: bool, folder: Path) -> None:
    """Makes the environment, and runs examples and tests in it."""
    say(f"{trial.name}:")
    (folder / "work").mkdir(parents=True)
    programs = folder / "environment" / "bin"
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(trial.pins), encoding="utf-8")
    try:
        run([trial.python, "-m", "venv", str(folder / "environment")], folder)
        wanted = f"{wheel}[dev]" if with_tests else str(wheel)
        run([str(programs / "pip"), "install", "-q", "-c", str(constraints), wanted], folder)
        trial.versions = versions_in(programs)
        began = time.monotonic()
        try_examples(programs, "envs" if with_tests else None, folder / "work")
        trial.examples = f"passed in {time.monotonic() - began:.0f} s"
    except SystemExit as failure:
        trial.examples = f"failed: {failure.code}"
    if with_tests and trial.versions:
        tests = [str(programs / "python"), "-m", "pytest", *FAST]
        printed = subprocess.run(tests, cwd=ROOT, capture_output=True, text=True).stdout
        trial.tests = re.sub(r" in [\d.]+s.*", "", printed.strip().rpartition("\n")[2].strip("= "))
        say("\n".join(line for line in printed.splitlines() if line.startswith(("FAILED", "ERROR"))))
    say(f"{trial.name}: examples {trial.examples}; tests {trial.tests}")


def versions_in(programs: Path) -> dict[str, str]:
    """Of Python and of the packages in SHOWN, in an environment."""
    code = "import json, platform, sys; from importlib.metadata import version\n"
    code += (
        "versions = {'python': platform.python_version()} | {name: version(name) for name in sys.argv[1:]}\n"
    )
    return json.loads(
        run([str(programs / "python"), "-c", f"{code}print(json.dumps(versions))", *SHOWN], programs)
    )


def table(trials: list[dict]) -> str:
    """As Markdown."""
    lines = ["| | Python | Ray | torch | numpy | README's examples | fast tests |", "|" + "---|" * 7]
    for each in trials:
        installed = [each["versions"].get(name, "–") for name in ("python", "ray", "torch", "numpy")]
        ended = [each["examples"].partition("\n")[0], each["tests"]]
        lines.append(f"| {' | '.join([each['name'], *installed, *ended])} |")
    return "\n".join(lines)


def write(file: Path, trials: list[Trial]) -> None:
    """Adds the trials to those in the file, in place of those of the same name."""
    before = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []
    kept = {each["name"]: each for each in before}
    for trial in trials:
        row = asdict(trial)
        del row["pins"], row["python"]
        kept[trial.name] = row
    file.write_text(json.dumps(list(kept.values()), indent=1) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ray", nargs="*", default=[], help="its versions")
    parser.add_argument("--python", nargs="*", default=[], help="interpreters")
    parser.add_argument("--lowest", action="store_true", help="the lowest versions that setup.py declares")
    parser.add_argument("--tests", action="store_true", help="the fast tests as well")
    parser.add_argument("--out", type=Path, help="file for the results")
    parser.add_argument("--table", type=Path, help="prints such a file as Markdown, and runs nothing")
    asked = parser.parse_args()
    if asked.table:
        return say(table(json.loads(asked.table.read_text(encoding="utf-8"))))
    with tempfile.TemporaryDirectory(prefix="versions_") as temporary:
        folder = Path(temporary)
        trials = [Trial(f"Ray {ray}", sys.executable, [*pinned("ray"), f"ray=={ray}"]) for ray in asked.ray]
        trials += [Trial(Path(python).name, python, pinned()) for python in asked.python]
        if asked.lowest:
            trials.append(Trial(LOWEST, sys.executable, lowest(folder, sys.executable)))
        wheel = build(folder)
        for number, trial in enumerate(trials):
            attempt(trial, wheel, asked.tests and trial.name != LOWEST, folder / str(number))
            if asked.out:
                write(asked.out, [trial])
            shutil.rmtree(folder / str(number))  # some GB
    sys.exit(any(trial.failed for trial in trials))


if __name__ == "__main__":
    main()
