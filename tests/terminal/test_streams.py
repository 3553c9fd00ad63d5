"""Output that cannot be written is dropped, and whatever writes it goes on."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from forked import RLLIB
from processes import exit_code, iterations, output, some_results, training, wait_for

pytestmark = pytest.mark.slow

ITERATIONS = 40
EVERYBODY = """
import logging, sys
from pathlib import Path
from rllib_remix.terminal.streams import drop_what_cannot_be_written

drop_what_cannot_be_written()
import typer
from rich.console import Console
from rich.live import Live

with open("file", "w") as file:
    assert file.fileno() > 2
for _ in range(3):
    print("x" * 100_000)
    sys.stderr.write("x" * 100_000)
    sys.stdout.buffer.write(b"x" * 100_000)
    typer.echo("x" * 100_000)
    typer.secho("x" * 100_000, err=True, fg="red")
    logging.warning("x" * 100_000)
    Console().print("x" * 10_000)
    sys.stdout.flush()
with Live("x", console=Console(force_terminal=True)):
    print("x" * 10_000)
print("x", end="")  # left for the end of the process
Path("done").touch()
sys.exit(7)
"""


@contextmanager
def reader_gone():
    reader, writer = os.pipe()
    os.close(reader)
    yield {"stdout": writer, "stderr": writer}
    os.close(writer)


@contextmanager
def full():
    with open("/dev/full", "w") as file:
        yield {"stdout": file, "stderr": file}


@contextmanager
def closed():
    yield {"preexec_fn": lambda: os.closerange(0, 3)}


@contextmanager
def terminal_gone():
    terminal, end = pty.openpty()
    os.close(terminal)
    yield {"stdout": end, "stderr": end}
    os.close(end)


WAYS = [reader_gone, full, closed, terminal_gone]


@pytest.mark.parametrize("way", WAYS)
def test_whoever_writes_goes_on_and_the_exit_code_stays(way, tmp_path):
    with way() as options:
        assert subprocess.run([sys.executable, "-c", EVERYBODY], cwd=tmp_path, **options).returncode == 7
    assert (tmp_path / "done").is_file()
    assert (tmp_path / "file").read_text() == ""


def test_what_can_be_written_is_written_whole_and_in_order(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", EVERYBODY], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 7
    # print, buffer, echo, each followed by one line break but for the second; then the consoles and the last x.
    assert result.stdout.startswith("x" * 100_000 + "\n" + "x" * 200_000 + "\n")
    assert result.stdout.endswith("x")
    assert result.stderr.count("x") == 3 * 300_000


def test_characters_that_the_terminal_lacks_end_nothing(tmp_path):
    code = EVERYBODY.split("import typer")[0] + "print('ε → 1')"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, env=environment, check=True)
    assert result.stdout == b"? ? 1\n"


@pytest.mark.parametrize("way", [reader_gone, closed])
@pytest.mark.parametrize(("words", "code"), [(("envs",), 0), (("--help",), 0), (("evaluate", "nowhere"), 2)])
def test_commands_end_as_if_all_had_been_read(way, words, code, tmp_path):
    with way() as options:
        assert subprocess.run([RLLIB, *words], cwd=tmp_path, **options).returncode == code


@contextmanager
def read(terminal):
    """Reads what is shown on a terminal, as its window would."""
    over = threading.Event()

    def window():
        while not over.is_set():
            if select.select([terminal], [], [], 0.1)[0]:
                os.read(terminal, 65536)

    thread = threading.Thread(target=window)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_lost_terminal_stops_a_run_gently_and_it_goes_on_unheard(start, tmp_path):
    terminal, end = pty.openpty()
    process = start(
        *training(ITERATIONS),
        **{"stdin": end, "stdout": end, "stderr": end, "env": {"TERM": "xterm"}},
        is_session=True,
    )
    os.close(end)
    with read(terminal):
        wait_for(lambda: some_results(tmp_path), process, tmp_path)
    os.close(terminal)  # The leader of the session gets SIGHUP, and nothing can be written any more.
    os.killpg(
        process.pid, signal.SIGHUP
    )  # What a shell does to its jobs then; Ray's processes belong to this one.
    assert exit_code(process, tmp_path, 0) == 130
    saved = len(iterations(tmp_path))
    assert saved < ITERATIONS
    assert list(tmp_path.glob("results/run/*/checkpoint_*/files.json"))

    with reader_gone() as out, full() as log:
        process = start(
            *("resume", "results/run"),
            **{"stdout": out["stdout"], "stderr": log["stderr"]},
            ignores_sighup=True,
        )
    wait_for(lambda: some_results(tmp_path, saved + 2), process, tmp_path)
    process.send_signal(signal.SIGHUP)
    assert exit_code(process, tmp_path, 1) == 0, output(tmp_path, 1)
    assert iterations(tmp_path) == list(range(1, ITERATIONS + 1))
