#!/usr/bin/env python
"""Plants faults, one after the other, and says which of them the fast tests find: those not marked slow.

Usage:
  .venv/bin/python scripts/plant_faults.py                   all faults; half an hour with --jobs 2
  .venv/bin/python scripts/plant_faults.py --only replay     those with this in their name or file
  .venv/bin/python scripts/plant_faults.py --list            what there is
  .venv/bin/python scripts/plant_faults.py --out docs/results/planted_faults.json

Every fault is planted in a copy of the tree, never in the tree itself. The tests of its own part are asked first, and
all others only if these find nothing. Exit code 1 if a fault is not found.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import machine
from planting.fault import Fault
from planting.judging import Judge, Judged, Trees
from planting.table import FAULTS


def main() -> int:
    """The command."""
    options = parse()
    chosen = [f for f in FAULTS if any(text in f.name or text in f.file for text in options.only or [""])]
    if not chosen:
        print(f"--only: no fault has {options.only} in its name or file; --list shows all.", file=sys.stderr)
        return 2
    if options.list:
        for fault in chosen:
            print(f"{fault.name}: {fault.says} ({fault.file})")
        print(f"{len(chosen)} faults")
        return 0
    if options.out and (options.only or options.quick):
        print("--out: only a complete run is kept; leave out --only and --quick.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, stop)
    with tempfile.TemporaryDirectory(prefix="planted_faults_") as folder:
        # What is loaded before the tests set it must not look into the user's home folder.
        home = Path(folder) / "home"
        home.mkdir()
        os.environ |= {"HOME": str(home), "RAY_AIR_NEW_OUTPUT": "0"}
        judge = Judge(Trees(Path(folder)), all_tests=not options.quick)
        try:
            return run(judge, chosen, options)
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)
            return 130
        finally:
            for another in (signal.SIGINT, signal.SIGTERM):  # must not leave anything behind
                signal.signal(another, signal.SIG_IGN)
            judge.close()


def stop(*_: Any) -> None:
    """SIGTERM ends the run as Ctrl-C does, so that everything is cleaned up."""
    raise KeyboardInterrupt


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", metavar="TEXT", help="faults with one of these in their name or file"
    )
    parser.add_argument("--list", action="store_true", help="show the faults and plant none")
    parser.add_argument(
        "--jobs", type=int, default=1, help="faults that are judged at the same time; default 1"
    )
    parser.add_argument("--quick", action="store_true", help="ask the tests of the fault's own part alone")
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the result of a complete run as JSON")
    return parser.parse_args()


def run(judge: Judge, chosen: list[Fault], options: argparse.Namespace) -> int:
    """Judges the chosen faults, and prints what became of each."""
    own_tests = sorted({path for fault in chosen for path in fault.tests})
    failed, seconds = judge.check_clean(own_tests if options.only or options.quick else [])
    if failed:
        print(f"Without any fault the tests fail, so nothing can be told: {failed}", file=sys.stderr)
        return 2
    print(f"Without a fault: the tests pass ({seconds:.0f} s)", flush=True)
    began = time.monotonic()
    done = []
    for judged in judge.judge_all(chosen, max(1, options.jobs)):
        done.append(judged)
        print(line(judged), flush=True)
    found = sum(judged.found_by is not None for judged in done)
    print(f"{found} of {len(done)} planted faults were found ({time.monotonic() - began:.0f} s)")
    if options.out:
        order = {fault.name: place for place, fault in enumerate(FAULTS)}
        done.sort(key=lambda judged: order[judged.fault.name])
        options.out.write_text(json.dumps(as_json(done, seconds), indent=1, ensure_ascii=False) + "\n")
    return 0 if found == len(done) else 1


def line(judged: Judged) -> str:
    """One fault, for people."""
    where = judged.found_by or judged.problem or judged.fault.says
    word = "found" if judged.found_by else "cannot be judged" if judged.problem else "NOT FOUND"
    others = "" if judged.in_matching or not judged.found_by else " (by a test of another part)"
    return f"{word:9}  {judged.fault.name}: {where}{others}  {judged.seconds:.0f} s"


def as_json(done: list[Judged], seconds: float) -> dict[str, Any]:
    """The result of a complete run."""
    return {
        "planted": len(done),
        "found": sum(judged.found_by is not None for judged in done),
        "seconds_of_the_fast_tests": round(seconds),
        "machine": machine.describe(),
        "faults": [
            {
                "name": judged.fault.name,
                "says": judged.fault.says,
                "file": f"rllib_remix/{judged.fault.file}",
                "found_by": judged.found_by,
                "seconds": round(judged.seconds, 1),
            }
            for judged in done
        ],
    }


if __name__ == "__main__":
    sys.exit(main())
