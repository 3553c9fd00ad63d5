#!/usr/bin/env python
"""Speed and memory on Predator-Prey (8 agents, episodes of 200 steps) and on smac_sim, in CPU-seconds of one thread.

Usage:
  .venv/bin/python scripts/benchmark.py                      all parts, beside their floors
  .venv/bin/python scripts/benchmark.py --only sweeps        env runners, learners, agents, replay sizes
  .venv/bin/python scripts/benchmark.py --only cores         a learner's threads and processes by the clock; needs an idle machine
  .venv/bin/python scripts/benchmark.py --only smac_sim      the simulator of SMAC's battles, map by map
  .venv/bin/python scripts/benchmark.py --only acting        a step of a trained team: PyTorch, one agent, ONNX
  .venv/bin/python scripts/benchmark.py --only sequences     updates on pieces of episodes beside whole ones
  .venv/bin/python scripts/benchmark.py --only commands      what it takes until the command helps, or refuses a word
  .venv/bin/python scripts/benchmark.py --only memory        what every process of a small run holds
  .venv/bin/python scripts/benchmark.py --only peers         QMIX of XuanCe, PyMARLzoo+ and BenchMARL beside ours
  .venv/bin/python scripts/benchmark.py --only soak          whether memory stays flat over 2,000 iterations
  .venv/bin/python scripts/benchmark.py --only end_to_end --algorithm ReMIX --batch 128 --out RUN.jsonl
  .venv/bin/python scripts/benchmark.py --record FILE.npz --checkpoint FOLDER

With --out FILE.json a run is kept. Every run is compared with the one in docs/results/benchmark.json (one of sweeps,
smac_sim or soak alone: benchmark_sweeps.json, …), or with --compare FILE.json. --record plays 128 episodes
of a trained team; .npz keeps whole episodes for --recorded, .json only how long they and their agents last, the form of
docs/results/half_trained_lengths.json. --only peers installs them first, in environments of their own (3 GB, --peers-folder),
takes some 20 minutes on an idle machine, and goes on where it was interrupted if --out has its runs.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from benchmarks import (
    acting,
    battles,
    commands,
    compare,
    cores,
    end_to_end,
    episodes,
    figures,
    machine,
    memory,
    overhead,
    parts,
    plots,
    sequences,
    soak,
    sweeps,
    updates,
)
from benchmarks.figures import Figure
from benchmarks.peers import comparison, systems, tables

STANDARD = ("kernel", "rollout", "replay", "update", "half_trained", "update_memory", "overhead")
GROUPS = (
    *STANDARD, "smac_sim", "acting", "sequences", "commands", "memory", "cores", "sweeps", "soak", "end_to_end", "peers",
)  # fmt: skip
RESULTS = machine.ROOT / "docs" / "results"
LIVES = RESULTS / "half_trained_lengths.json"


class Benchmark:
    """Runs groups of measurements, prints every figure as it comes, and keeps them.

    Args:
        repeats: of every measurement.
        recorded: file of a half-trained team's episodes; None cuts random episodes to LIVES.
    """

    def __init__(self, repeats: int, recorded: Path | None):
        self.figures: list[Figure] = []
        self.load: float | None = None  # of the machine, when what goes by the clock began
        self.half_trained = ""  # where the half-trained episodes come from
        self._repeats, self._recorded = repeats, recorded
        self._dense_episodes: list[Any] = []

    def run(self, group: str) -> None:
        getattr(self, f"_{group}")()

    def _report(self, figure: Figure) -> None:
        self.figures.append(figure)
        print(figures.row(figure), flush=True)

    def _dense(self) -> list[Any]:
        self._dense_episodes = self._dense_episodes or episodes.play_dense(max(updates.BATCHES))
        return self._dense_episodes

    def _kernel(self) -> None:
        self._report(parts.bench_kernel(self._repeats))

    def _rollout(self) -> None:
        for copies in (8, 32):
            self._report(parts.bench_rollout(copies, self._repeats))

    def _replay(self) -> None:
        parts.bench_replay(self._dense(), self._repeats, self._report)

    def _update(self) -> None:
        updates.bench_dense(self._dense(), self._repeats, self._report)
        shared = {figure.name: figure for figure in self.figures}
        updates.bench_own_parameters(self._dense(), self._repeats, shared, self._report)

    def _half_trained(self) -> None:
        if self._recorded is not None:
            batch, self.half_trained = episodes.load(self._recorded)
        else:
            lives = episodes.half_trained_lives(LIVES)
            batch, self.half_trained = episodes.cut_all(self._dense(), lives), lives.source
        dense = {figure.name: figure for figure in self.figures}
        updates.bench_half_trained(batch, self.half_trained, self._repeats, dense, self._report)

    def _update_memory(self) -> None:
        updates.bench_memory(self._report)

    def _overhead(self) -> None:
        with _ray():
            for algorithm in ("QMIX", "ReMIX"):
                overhead.bench(algorithm, 5 * self._repeats, self._report)
            overhead.bench_tune("QMIX", 5 * self._repeats, self._report)

    def _smac_sim(self) -> None:
        battles.bench(self._repeats, self._report)

    def _acting(self) -> None:
        acting.bench(self._repeats, self._report)

    def _sequences(self) -> None:
        sequences.bench(self._dense(), self._repeats, self._report)

    def _commands(self) -> None:
        commands.bench(self._repeats, self._report)

    def _cores(self) -> None:
        self.load = os.getloadavg()[0]
        with _ray():
            cores.bench(self._repeats, self._report)

    def _memory(self) -> None:
        memory.bench(self._report)

    def _sweeps(self) -> None:
        with _ray():
            sweeps.run(self._report)

    def _soak(self) -> None:
        soak.bench(self._report)


class _ray:
    """A Ray of our own, with room for all processes of the sweeps whatever the number of cores."""

    def __enter__(self) -> None:
        import ray

        ray.init(
            address="local",
            num_cpus=16,
            num_gpus=0,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            object_store_memory=500 * 2**20,
        )

    def __exit__(self, *exception: object) -> None:
        import ray

        ray.shutdown()


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; exits with a message if it makes no sense."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="+", choices=GROUPS, metavar="GROUP", default=STANDARD, help=f"of {', '.join(GROUPS)}"
    )
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="draw benchmark.png and benchmark_sweeps.png"
    )
    parser.add_argument("--repeats", type=int, default=5, help="of every measurement (default: %(default)s)")
    parser.add_argument("--recorded", type=Path, help="half-trained episodes, as --record wrote them")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="earlier run (default: the one in docs/results)"
    )
    parser.add_argument(
        "--tolerance", type=float, default=0.15, help="share of change (default: %(default)s)"
    )
    parser.add_argument("--fail-on-slower", action="store_true", help="exit with 1 if a figure became slower")
    recording = parser.add_argument_group("recording a team")
    recording.add_argument(
        "--record", type=Path, metavar="FILE", help="write the team's episodes, and do no more"
    )
    recording.add_argument("--checkpoint", type=Path, metavar="FOLDER", help="of the team")
    training = parser.add_argument_group("end_to_end (--out gets a line every 20,000 env steps)")
    training.add_argument("--algorithm", default="ReMIX", help="one of tuned_examples/predator_prey")
    training.add_argument("--batch", type=int, default=128, help="episodes per update (default: %(default)s)")
    training.add_argument("--env-steps", type=int, default=1_000_000, help="default: %(default)s")
    training.add_argument("--compute-dtype", default="float32", choices=updates.DTYPES)
    training.add_argument("--seed", type=int, default=0)
    peers = parser.add_argument_group("peers")
    peers.add_argument(
        "--peers", nargs="+", choices=systems.PEERS, default=list(systems.PEERS), metavar="PEER",
        help=f"of {', '.join(systems.PEERS)}",
    )  # fmt: skip
    peers.add_argument(
        "--peers-games", nargs="+", choices=systems.GAMES, default=list(systems.GAMES), metavar="GAME",
        help=f"of {', '.join(systems.GAMES)}",
    )  # fmt: skip
    peers.add_argument("--peers-turns", type=int, default=3, help="of every system (default: %(default)s)")
    peers.add_argument(
        "--peers-folder", type=Path, default=Path(tempfile.gettempdir()) / "rllib_remix_peers",
        metavar="FOLDER", help="of their environments (default: %(default)s)",
    )  # fmt: skip
    peers.add_argument(
        "--peers-table", type=Path, metavar="FILE", help="print the table of such a run, and do no more"
    )
    options = parser.parse_args(arguments)
    for problem in _problems(options):
        parser.error(problem)
    return options


def _problems(options: argparse.Namespace) -> list[str]:
    """What does not go together, or is not there."""
    problems = []
    if (options.record is None) != (options.checkpoint is None):
        problems.append("--record and --checkpoint need each other.")
    if options.record is not None and options.record.suffix not in (".npz", ".json"):
        problems.append(f"--record: {str(options.record)!r} must end in .npz or .json.")
    if "end_to_end" in options.only and (len(options.only) > 1 or options.out is None):
        problems.append("--only end_to_end stands alone, and needs --out FILE.jsonl.")
    if "peers" in options.only and len(options.only) > 1:
        problems.append("--only peers stands alone.")
    problems += [
        f"{name}: there is no file {str(file)!r}."
        for name, file in (
            ("--compare", options.compare),
            ("--recorded", options.recorded),
            ("--peers-table", options.peers_table),
        )
        if file is not None and not file.is_file()
    ]
    problems += [
        f"--{name.replace('_', '-')}: {value} is not allowed; it must be above 0."
        for name in ("repeats", "tolerance", "batch", "env_steps", "peers_turns")
        if (value := getattr(options, name)) <= 0
    ]
    folders = [file.parent for file in (options.out, options.record) if file is not None]
    problems += [f"there is no folder {str(folder)!r}." for folder in folders if not folder.is_dir()]
    return problems


def main() -> int:
    options = parse()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    if options.record is not None:
        print(f"{options.record}: {episodes.record(options.checkpoint, options.record)}")
        return 0
    if options.peers_table is not None:
        print(tables.markdown(comparison.read(options.peers_table)))
        return 0
    described = machine.describe()
    print(machine.summary(described), flush=True)
    if options.only == ["end_to_end"]:
        return _train(options, described)
    if options.only == ["peers"]:
        return comparison.run(
            described,
            peers=options.peers,
            games=options.peers_games,
            folder=options.peers_folder,
            turns=options.peers_turns,
            out=options.out,
        )
    before = _read_before(options.compare, options.only)
    benchmark = Benchmark(options.repeats, options.recorded)
    print(f"\n{figures.HEADER}")
    for group in (group for group in GROUPS if group in options.only):
        benchmark.run(group)
    for line in (*figures.footnotes(benchmark.figures), *_captions(benchmark)):
        print(line)
    if options.out is not None:
        settings = {
            "groups": list(options.only),
            "repeats": options.repeats,
            "half_trained": benchmark.half_trained,
        }
        figures.write(options.out, benchmark.figures, described, settings)
    if options.plots is not None:
        _draw(benchmark.figures, options.plots, described)
    if before is None:
        return 0
    same = compare.same_cpu(described, before)
    changes = compare.compare(benchmark.figures, before, tolerance=options.tolerance, same_machine=same)
    print("\n" + "\n".join(compare.lines(changes, before, described, options.tolerance)))
    slower = any(change.verdict == "slower" for change in changes)
    return 1 if slower and options.fail_on_slower else 0


def _train(options: argparse.Namespace, described: dict[str, Any]) -> int:
    try:
        config = end_to_end.new_config(
            options.algorithm, batch_size=options.batch, dtype=options.compute_dtype, seed=options.seed
        )
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    names = ("algorithm", "batch", "env_steps", "compute_dtype", "seed")
    settings = {name: getattr(options, name) for name in names}
    end_to_end.train(
        config, options.out, env_steps=options.env_steps, facts=settings | {"machine": described}
    )
    return 0


def kept_run(groups: Sequence[str]) -> Path:
    """Where the repository keeps the run of these groups; those of several are in one file."""
    alone = RESULTS / f"benchmark_{groups[0]}.json"
    return alone if len(groups) == 1 and alone.is_file() else RESULTS / "benchmark.json"


def _read_before(file: Path | None, groups: Sequence[str]) -> dict[str, Any] | None:
    """The run to compare with; the one of the repository may be missing."""
    file = file or kept_run(groups)
    if not file.is_file():
        return None
    try:
        return figures.read(file)
    except ValueError as error:
        print(f"No comparison: {error}")
        return None


def _captions(benchmark: Benchmark) -> list[str]:
    captions = []
    if benchmark.half_trained:
        captions.append(f"half-trained: {benchmark.half_trained}.")
    if any(figure.name.startswith("smac_sim") for figure in benchmark.figures):
        captions.append(
            "smac_sim: random play; SMAX and SMAClite: the same on another machine, a 2-core Xeon; orientation only."
        )
    if benchmark.load is not None:
        captions.append(
            f"cores: by the clock, at a load of {benchmark.load:.1f} before; above 0.3 the gains are worth nothing. "
            "× is to one thread. Computed: from parts that ran one after the other; at worst Python's lock lets no two begin a step."
        )
    if any(figure.sweep for figure in benchmark.figures):
        captions.append(
            "sweeps: CPU time of all processes, Ray's own among them, per env step played; QMIX, one update on 32 "
            "episodes per 8 played. With fewer cores than processes they show overhead and correctness, no speed-up."
        )
    return captions


def _draw(measured: Sequence[Figure], folder: Path, described: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    title = machine.summary(described)
    if plots.beside_others(measured):
        plots.draw_figures(measured, folder / "benchmark.png", title)
    if any(figure.sweep for figure in measured):
        plots.draw_sweeps(measured, folder / "benchmark_sweeps.png", title)


if __name__ == "__main__":
    sys.exit(main())
