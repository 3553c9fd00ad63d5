"""Live progress of a Tune run: a table that redraws on a terminal, plain lines elsewhere."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from ray.tune import Callback
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rllib_remix.running.callbacks.trial_progress import TrialProgress
from rllib_remix.terminal.console import duration, number, redraws, short_count, thousands

LINE_INTERVAL_S = 5.0  # least seconds between two plain lines of one trial
REDRAWS_PER_SECOND = 2
NUMBERS_WIDTH = 60  # characters that the columns of numbers need at most; labels are cut before numbers are
MIN_LABEL_WIDTH = 12  # characters
SHOWN_FAILURES = 5  # rows
MARKS = {
    "starting": ("…", "dim"),
    "running": ("▶", "cyan"),
    "stopped": ("‖", "yellow"),
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
}


class ProgressCallback(Callback):
    """A Tune callback that keeps one TrialProgress per trial and shows them.

    Use it as a context manager around the Tune run: leaving it gives the terminal back.

    Args:
        title: what runs, for the head of the table.
        names: of several experiments, by the folders that Tune gives them; trials of one are called by their algorithm.
        console: where to show it.
        live: redraw a table (True), or write plain lines.
        clock: seconds, never going back.
    """

    def __init__(
        self,
        title: str,
        *,
        names: Sequence[str] = (),
        console: Console | None = None,
        live: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.trials: dict[str, TrialProgress] = {}
        self._title = title
        self._message: str | None = None
        self._console = console or Console(highlight=False)
        self._clock = clock
        self._names: Counter[str] = Counter()
        self._short_names = without_common_beginning(names)
        self._last_line: dict[str, float] = {}
        wanted = redraws() if live is None else live
        # Live asks for the table on each redraw, from its own thread.
        self._live = (
            Live(get_renderable=self.table, console=self._console, refresh_per_second=REDRAWS_PER_SECOND)
            if wanted
            else None
        )

    def __enter__(self) -> ProgressCallback:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune's hook: shows a new trial."""
        seen = trial.trial_id in self.trials
        progress = self._progress(trial)
        if self._live is None:
            self._console.print(f"{progress.label}: {'goes on' if seen else 'started'}", soft_wrap=True)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: Mapping[str, Any], **info: Any
    ) -> None:
        """Tune's hook: takes in a result."""
        progress = self._progress(trial)
        now = self._clock()
        progress.update(result, now)
        due = now - self._last_line.get(trial.trial_id, -LINE_INTERVAL_S) >= LINE_INTERVAL_S
        if self._live is None and (due or result.get("done")):
            self._last_line[trial.trial_id] = now
            self._console.print(plain_line(progress), soft_wrap=True)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune's hook: marks a trial that reached its end."""
        self._end(trial, "done")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Tune's hook: marks a trial that failed."""
        self._end(trial, "failed")

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """Tune's hook: marks the trials that did not reach their end."""
        for trial in trials:
            if trial.trial_id in self.trials and self._progress(trial).state in ("starting", "running"):
                self._end(trial, "stopped")

    def say(self, message: str) -> None:
        """Shows a message: below the table, or as a line."""
        self._message = message
        if self._live is None:
            self._console.print(message, soft_wrap=True)

    def table(self) -> Table:
        """All trials as they stand."""
        table = Table(title=self._title, title_justify="left", box=None, padding=(0, 1, 0, 0), pad_edge=False)
        table.caption, table.caption_justify = self._message, "left"
        width = max(MIN_LABEL_WIDTH, self._console.width - NUMBERS_WIDTH)
        table.add_column("Trial", no_wrap=True, overflow="ellipsis", max_width=width)
        trials = list(self.trials.values())
        any_weighs = any(progress.mean_weight is not None for progress in trials)
        for head in ("Env steps", "Steps/s", "Left", "Return", "Greedy", "ε", *["Weight"] * any_weighs):
            table.add_column(head, justify="right", no_wrap=True)
        for name, rest, state, progress in rows(trials):
            mark, style = MARKS[state]
            cells = _cells(progress)[: len(table.columns) - 1] if progress else ()
            table.add_row(Text(f"{mark} {fitted(name, rest, width - 2)}", style=style), *cells)
        if not trials:
            table.add_row(Text("starting …", style="dim"))
        return table

    def _progress(self, trial: Any) -> TrialProgress:
        if trial.trial_id not in self.trials:
            name = str(trial.trainable_name)
            if self._short_names:
                name = self._short_names.get(str(trial.experiment_dir_name), name)
            self._names[name] += 1
            self.trials[trial.trial_id] = TrialProgress(
                name,
                dict(trial.stopping_criterion or {}),
                number=self._names[name],
                varied=", ".join(
                    f"{_setting_name(key)}={_short(value)}"
                    for key, value in (trial.evaluated_params or {}).items()
                ),
            )
        return self.trials[trial.trial_id]

    def _end(self, trial: Any, state: str) -> None:
        progress = self._progress(trial)
        progress.state = state
        progress.seconds_left = 0.0 if state == "done" else None
        if self._live is None:
            after = f" after {duration(progress.time_total_s)}" if progress.time_total_s is not None else ""
            self._console.print(f"{progress.label}: {state}{after}", soft_wrap=True)


def rows(trials: Sequence[TrialProgress]) -> list[tuple[str, str, str, TrialProgress | None]]:
    """Name, rest of the label, state and numbers of each row.

    First what is still to end, then what failed, then one row for all that is done, with the numbers of the trial that
    plays best so far.
    """
    failed = [each for each in trials if each.state == "failed"]
    done = [each for each in trials if each.state == "done"]
    going = [each for each in trials if each.state not in ("failed", "done")]
    alone = [*going, *failed[:SHOWN_FAILURES], *(done if len(done) == 1 else ())]
    found: list[tuple[str, str, str, TrialProgress | None]]
    found = [(each.name, f"#{each.number} {each.varied}".strip(), each.state, each) for each in alone]
    if len(failed) > SHOWN_FAILURES:
        found.append(("", f"{len(failed) - SHOWN_FAILURES} more failed", "failed", None))
    if len(done) > 1:
        best = max(done, key=lambda each: each.rank)
        found.append((f"{len(done)} done, best {best.name}", f"#{best.number}", "done", best))
    return found


def fitted(name: str, rest: str, width: int) -> str:
    """A label within so many characters: the name is shortened first, so that the number stays, then the end is cut off."""
    label = f"{name} {rest}".strip()
    too_many = len(label) - width
    if too_many > 0 and len(name) > 4:
        label = f"{name[: max(3, len(name) - too_many - 1)]}… {rest}"
    return label if len(label) <= width else f"{label[: width - 1]}…"


def without_common_beginning(names: Sequence[str]) -> dict[str, str]:
    """Names without the words that all of several begin with: simple-spread-qmix and simple-spread-vdn are qmix and vdn."""
    if len(names) < 2:
        return {}
    words = [re.split("(?<=[-_ ])", name) for name in names]
    alike = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False)))
    return {name: "".join(each[alike:]) or name for name, each in zip(names, words, strict=True)}


def plain_line(progress: TrialProgress) -> str:
    """One trial's progress as one line of text."""
    steps = "–" if progress.env_steps is None else thousands(progress.env_steps)
    if progress.env_steps_goal and progress.env_steps is not None:
        share = 100 * progress.env_steps / progress.env_steps_goal
        steps += f" of {thousands(progress.env_steps_goal)} ({share:.0f} %)"
    rate = "–" if progress.steps_per_second is None else thousands(progress.steps_per_second)
    weight = "" if progress.mean_weight is None else f", weight {number(progress.mean_weight)}"
    return (
        f"{progress.label}: {steps} env steps, {rate} steps/s, {duration(progress.seconds_left)} left, "
        f"return {number(progress.training_return)}, greedy {number(progress.greedy_return)}, "
        f"ε {number(progress.epsilon)}{weight}"
    )


def _setting_name(path: str) -> str:
    """The last name of a path of keys and list indices: `epsilon/1/0` is of epsilon."""
    names = [part for part in path.split("/") if not part.isdigit()]
    return names[-1] if names else path


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _cells(progress: TrialProgress) -> tuple[str, ...]:
    steps = "–" if progress.env_steps is None else short_count(progress.env_steps)
    if progress.env_steps_goal:
        steps += f" of {short_count(progress.env_steps_goal)}"
    return (
        steps,
        "–" if progress.steps_per_second is None else short_count(progress.steps_per_second),
        duration(progress.seconds_left),
        number(progress.training_return),
        number(progress.greedy_return),
        number(progress.epsilon),
        number(progress.mean_weight),
    )
