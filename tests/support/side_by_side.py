"""Runs the test files in several processes, forked when all tests are collected.

    python -m pytest -p tests.support.side_by_side --side-by-side 2

As pytest-xdist's `--dist loadfile`, but what is imported and collected, which takes longer than most files of tests, is
so once. Not for tests that share a Ray, and not where a process cannot fork (Windows).
"""

from __future__ import annotations

import os
import warnings
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--side-by-side", type=int, default=0, metavar="N", help="processes that share the files"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """True once all tests have run; None leaves them to pytest."""
    count = session.config.getoption("side_by_side")
    if not count or session.config.option.collectonly or session.testsfailed:
        return None
    files: dict[Any, list[pytest.Item]] = {}
    for item in session.items:
        files.setdefault(item.path, []).append(item)
    session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all, which this process removes
    workers = [_fork(session, list(files.values())) for _ in range(count)]
    _hand_out(session, workers, len(files))
    return True


def _fork(session: pytest.Session, files: list[list[pytest.Item]]) -> Connection:
    """Starts a process that runs the files whose numbers it is sent, and sends back what is to be reported."""
    ours, theirs = Pipe()
    if os.fork():
        theirs.close()
        return ours
    try:
        ours.close()
        _run(session.config, files, theirs)
    finally:
        os._exit(1)


def _hand_out(session: pytest.Session, workers: list[Connection], count: int) -> None:
    numbers = iter(range(count))
    while workers:
        for worker in wait(workers):
            assert isinstance(worker, Connection)
            try:
                kind, content = worker.recv()
            except EOFError:
                pytest.exit("A process that ran tests ended before they did.", returncode=3)
            if kind == "next":
                number = next(numbers, None) if not (session.shouldstop or session.shouldfail) else None
                worker.send(number)
            elif kind == "end":
                workers.remove(worker)
                os.wait()
            elif kind == "warning":
                category, message, filename, line, rest = content
                caught = warnings.WarningMessage(category(message), category, filename, line)
                session.ihook.pytest_warning_recorded.call_historic(
                    kwargs={"warning_message": caught, **rest}
                )
            else:
                hook = session.config.hook
                report = hook.pytest_report_from_serializable(config=session.config, data=content)
                hook.pytest_runtest_logreport(report=report)
    if session.shouldfail:
        raise session.Failed(session.shouldfail)


def _run(config: pytest.Config, files: list[list[pytest.Item]], parent: Connection) -> NoReturn:
    # What is printed goes to a file that all processes share, unless each starts anew.
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(_Sender(config, parent))

    def next_file() -> list[pytest.Item]:
        parent.send(("next", None))
        number = parent.recv()
        return [] if number is None else files[number]

    items = next_file()
    while items:
        item = items.pop(0)
        items = items or next_file()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=items[0] if items else None)
    parent.send(("end", None))
    os._exit(0)


class _Sender:
    """Sends reports and warnings to the process that shows them."""

    def __init__(self, config: pytest.Config, parent: Connection) -> None:
        self.config = config
        self.parent = parent

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        hook = self.config.hook
        data = hook.pytest_report_to_serializable(config=self.config, report=report)
        self.parent.send(("report", data))

    def pytest_warning_recorded(self, warning_message: Any, when: str, nodeid: str, location: Any) -> None:
        kind = next(parent for parent in warning_message.category.__mro__ if parent.__module__ == "builtins")
        rest = {"when": when, "nodeid": nodeid, "location": location}
        text, file, line = str(warning_message.message), warning_message.filename, warning_message.lineno
        self.parent.send(("warning", (kind, text, file, line, rest)))
