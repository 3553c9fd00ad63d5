#!/usr/bin/env python
"""Installs the wheel into an empty environment and runs README.md's examples from it, in an empty folder with an empty home.

Usage: scripts/wheel_trial.py [--python python3.12] [--extra envs] [--folder FOLDER] [--wheel FILE]

Needs a network, some GB of disk and some minutes. Examples that take an extra are run where `--extra` names it, with fewer env
steps. The command's help, a picture of a team (--render) and `rllib doctor` are tried as well.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pages.blocks import ROOT, blocks_of, commands

# What an example needs beside the plain installation, by a word in it.
EXTRAS = {"mpe2": "envs"}
FEWER = ("500000", "3000")  # env steps


def say(text: str) -> None:
    print(text, flush=True)


def run(words: list[str], folder: Path, environment: dict[str, str] | None = None) -> str:
    """Runs a command to its end, and says how long it took; ends the trial if it fails."""
    began, shown = time.monotonic(), " ".join([Path(words[0]).name, *words[1:]]).partition("\n")[0]
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    say(f"{time.monotonic() - began:7.1f} s  {shown[:120]}")
    if done.returncode:
        sys.exit(f"exit code {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    return done.stdout


def build(folder: Path) -> Path:
    """The wheel, built of the tree as it is."""
    run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)], folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, python: str, extra: str | None, folder: Path) -> Path:
    """Makes an empty environment with the wheel in it; returns its folder of programs."""
    run([python, "-m", "venv", str(folder / "environment")], folder)
    programs = folder / "environment" / "bin"
    wanted = f"{wheel}[{extra}]" if extra else str(wheel)
    run([str(programs / "pip"), "install", "-q", "-c", str(ROOT / "constraints.txt"), wanted], folder)
    return programs


def try_examples(programs: Path, extra: str | None, folder: Path) -> None:
    """Every Python example and every `rllib` command of README.md, as they stand."""
    environment = {"HOME": str(folder), "PATH": f"{programs}:{os.environ['PATH']}", "TERM": "dumb"}
    for block in blocks_of(ROOT / "README.md"):
        needed = next((EXTRAS[word] for word in EXTRAS if word in block.text), None)
        if needed not in (None, extra):
            say(f"      –    {block.name} needs --extra {needed}")
        elif block.language == "python":
            run([str(programs / "python"), "-c", block.text], folder, environment)
        elif block.language == "bash":
            for words in commands(block.text.replace(*FEWER)):
                if words[0] == "rllib":
                    run([str(programs / "rllib"), *words[1:]], folder, environment)
    rllib = str(programs / "rllib")
    run([rllib, "evaluate", "my_checkpoint", "--episodes", "4", "--render", "team.gif"], folder, environment)
    run([rllib, "doctor"], folder, environment)
    say(f"           team.gif has {(folder / 'team.gif').stat().st_size:,} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", default=sys.executable, help="of the empty environment")
    parser.add_argument("--extra", help="to install with it, such as envs")
    parser.add_argument("--folder", type=Path, help="instead of a temporary one, which is removed")
    parser.add_argument("--wheel", type=Path, help="instead of one that is built of this tree")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wheel_trial_") as temporary:
        folder = (asked.folder or Path(temporary)).resolve()
        (folder / "work").mkdir(parents=True)
        wheel = asked.wheel.resolve() if asked.wheel else build(folder)
        programs = install(wheel, asked.python, asked.extra, folder)
        try_examples(programs, asked.extra, folder / "work")
    say(f"{wheel.name} works.")


if __name__ == "__main__":
    main()
