#!/usr/bin/env python
"""Trials of a cluster on one machine: the loss of a node, and the sizes of what machines send each other.

Usage:
  .venv/bin/python scripts/cluster_trial.py node_loss   trains on three Ray nodes, of which one is killed; minutes
  .venv/bin/python scripts/cluster_trial.py messages    bytes and seconds of every message, and the table of docs/scaling.md

With --out FILE.json the run is kept; the ones in the repository are docs/results/node_loss.json and messages.json.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks import machine, messages, node_loss

BESIDE = "Timings were taken beside other work on the machine."


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; exits with a message if it makes no sense."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("node_loss", "messages"))
    parser.add_argument("--out", type=Path, help="write the run to this JSON file")
    parser.add_argument(
        "--algorithms", nargs="+", default=["QMIX", "ReMIX"], help="of node_loss (default: both)"
    )
    parser.add_argument(
        "--rounds", type=int, default=30, help="of each phase of node_loss (default: %(default)s)"
    )
    parser.add_argument(
        "--beside-other-work", action="store_true", help="say in the file that the machine was shared"
    )
    options = parser.parse_args(arguments)
    if options.out is not None and not options.out.absolute().parent.is_dir():
        parser.error(f"there is no folder {str(options.out.parent)!r}.")
    if options.rounds < 1:
        parser.error(f"--rounds: {options.rounds} is not allowed; it must be above 0.")
    return options


def main() -> int:
    options = parse()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    described = machine.describe()
    print(machine.summary(described), flush=True)
    found = _messages() if options.what == "messages" else _node_loss(options)
    if options.out is not None:
        notes = [BESIDE] if options.beside_other_work else []
        content = {"machine": described, "notes": notes, **found}
        options.out.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def _messages() -> dict[str, Any]:
    found = messages.measure()
    print("\n".join(messages.table(found)))
    return found


def _node_loss(options: argparse.Namespace) -> dict[str, Any]:
    found = {}
    for algorithm in options.algorithms:
        print(f"\n{algorithm}", flush=True)
        rounds = node_loss.run(algorithm, node_loss.Plan(rounds=options.rounds))
        phases = node_loss.summary(rounds)
        for phase, figures in phases.items():
            print(
                f"{phase:16} {figures['env_steps_per_second']:8,.0f} env steps/s, "
                f"{figures['median_env_steps_per_round']:5.0f} per round, longest round "
                f"{figures['longest_round_seconds']:5.1f} s, {figures['env_runners_at_end']} env runners",
                flush=True,
            )
        found[algorithm] = {"phases": phases, "rounds": node_loss.as_json(rounds)}
    setting = {"env_config": node_loss.ENV, "env_runners": node_loss.ENV_RUNNERS, "copies": node_loss.COPIES}
    return {"settings": setting | {"nodes": 3, "cpus_of_node": node_loss.CPUS_OF_NODE}, "algorithms": found}


if __name__ == "__main__":
    sys.exit(main())
