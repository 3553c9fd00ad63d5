"""Ours and the peers in turn, so that what else the machine does meets all of them; every run is kept as it ends."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.peers import environments, tables, watching
from benchmarks.peers.drivers import recorder
from benchmarks.peers.systems import BATCHES, GAMES, OURS, PEERS, SYSTEMS, Amount

FORMAT = 1  # of the JSON file
SETTINGS = {
    "copies": recorder.COPIES,
    "episodes_per_update": recorder.COPIES,
    "batches": BATCHES,
    "agent_hidden_dim": recorder.HIDDEN,
    "mixer_embed_dim": recorder.EMBED,
    "hypernet_hidden_dim": recorder.HYPERNET,
    "replay_episodes": recorder.CAPACITY,
    "threads": 1,
}
THREADS = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


class Comparison:
    """What was measured so far, and the file that keeps it.

    Args:
        described: the machine, as `machine.describe` has it.
        out: JSON file; None keeps nothing. Runs that it holds of this commit and processor are not repeated.
        say: takes every line for the user.
    """

    def __init__(self, described: dict[str, Any], out: Path | None, say: Callable[[str], object] = print):
        self._out, self._say = out, say
        machine = described | {"mkl_told_that_it_may_use_avx512": _mkl_is_told()}
        self.content: dict[str, Any] = {
            "format": FORMAT, "machine": machine, "settings": SETTINGS, "systems": {}, "left_out": {}, "runs": [],
        }  # fmt: skip
        if out is not None and out.is_file():
            self._go_on(read(out))

    def _go_on(self, before: dict[str, Any]) -> None:
        names = ("cpu", "commit", "mkl_told_that_it_may_use_avx512")
        other = [name for name in names if before["machine"].get(name) != self.content["machine"].get(name)]
        if other:
            self._say(f"{self._out}: measured anew, as it is of another {' and '.join(other)}.")
            return
        self.content["runs"], self.content["systems"] = before["runs"], before["systems"]
        self._say(f"{self._out}: goes on after {len(before['runs'])} runs.")

    def measure(
        self, pythons: dict[str, Path], games: Sequence[str], turns: int, amounts: dict[str, Amount] = GAMES
    ) -> None:
        """Every system that has a Python, on every game and batch, so many times; what fails is named and left out."""
        for turn in range(turns):
            for game in games:
                for batch in BATCHES:
                    for name in pythons:
                        self._measure(name, pythons[name], game, batch, turn, amounts[game])

    def _measure(self, name: str, python: Path, game: str, batch: int, turn: int, amount: Amount) -> None:
        key = {"system": name, "game": game, "batch": batch}
        failed = f"{name}, {game}, batch {batch}"
        if any((key | {"turn": turn}).items() <= run.items() for run in self.content["runs"]):
            return
        if failed in self.content["left_out"]:
            return
        try:
            figures = watching.run(command(name, python, game, batch, amount), environment(name))
        except watching.Failed as error:
            self.leave_out(failed, str(error))
            return
        self.content["runs"].append(key | {"turn": turn} | figures)
        self._write()
        self._say(tables.line(self.content["runs"][-1]))

    def leave_out(self, what: str, reason: str) -> None:
        self.content["left_out"][what] = reason
        self._write()
        self._say(f"{what}: left out: {reason}")

    def describe_system(self, name: str, packages: dict[str, str]) -> None:
        system = SYSTEMS[name]
        self.content["systems"][name] = {
            "title": system.title, "shims": list(system.shims), "packages": packages,
        }  # fmt: skip

    def _write(self) -> None:
        if self._out is not None:
            beside = self._out.with_suffix(".tmp")
            text = json.dumps(self.content, indent=1, ensure_ascii=False)
            beside.write_text(f"{text}\n", encoding="utf-8")
            beside.replace(self._out)


def read(file: Path) -> dict[str, Any]:
    """A file of `Comparison`'s.

    Raises:
        ValueError: it is something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{str(file)!r} cannot be read: {error}.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or "runs" not in content:
        raise ValueError(f"{str(file)!r} is no comparison with peers of format {FORMAT}.")
    return content


def command(name: str, python: Path, game: str, batch: int, amount: Amount) -> list[str]:
    """What runs a driver, but for its `--out`."""
    module = f"benchmarks.peers.drivers.{SYSTEMS[name].driver}"
    words = {"game": game, "batch": batch, "rounds": amount.rounds, "updates": amount.updates}
    return [
        str(python),
        "-m",
        module,
        *(word for key, value in words.items() for word in (f"--{key}", str(value))),
    ]


def environment(name: str) -> dict[str, str]:
    """One thread, no GPU, no Ray that is there already; peers see no package of ours but their driver."""
    folders = [ROOT, ROOT / "scripts"] if name == OURS else [ROOT / "scripts"]
    return {
        **THREADS,
        "PYTHONPATH": os.pathsep.join(map(str, folders)),
        "CUDA_VISIBLE_DEVICES": "",
        "RAY_ADDRESS": "",
    }


def run(
    described: dict[str, Any],
    *,
    peers: Sequence[str],
    games: Sequence[str],
    folder: Path,
    turns: int,
    out: Path | None,
) -> int:
    """Installs what is not there, measures, and prints the table; 1 if there is nothing to compare."""
    comparison = Comparison(described, out)
    pythons = {OURS: Path(sys.executable)}
    comparison.describe_system(OURS, {})
    for name in peers:
        print(f"{PEERS[name].title}: its environment in {folder / name} …", flush=True)
        try:
            pythons[name] = environments.prepare(name, folder)
        except environments.NotInstalled as error:
            comparison.leave_out(name, str(error))
        else:
            comparison.describe_system(name, _packages(pythons[name]))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, which leaves no process
    try:
        comparison.measure(pythons, games, turns)
    except KeyboardInterrupt:
        print("Interrupted." if out is None else "Interrupted; the same command goes on with the rest.")
        return 130
    print("\n" + tables.markdown(comparison.content))
    return 0 if {OURS} < {run["system"] for run in comparison.content["runs"]} else 1


def _packages(python: Path) -> dict[str, str]:
    done = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {package["name"]: package["version"] for package in json.loads(done.stdout)}


def _mkl_is_told() -> bool:
    """Whether something (docs/performance.md) tells MKL that it may use AVX-512 on a processor that is not Intel's."""
    return bool(getattr(ctypes.CDLL(None), "mkl_serv_intel_cpu_true", None))
