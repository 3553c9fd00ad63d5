"""On Windows, where modules of the system that the package needs are not there, it says so in one clear message."""

import subprocess
import sys

import pytest

from rllib_remix import supported
from rllib_remix.errors import UserError

AS_ON_WINDOWS = """
import ntpath, sys
sys.platform, sys.modules["fcntl"] = "win32", None
sys.argv = {arguments}
{imports}
"""
MAIN = "from rllib_remix.cli.main import main\nmain()"


def on_windows(arguments, imports):
    """A process that takes itself for one on Windows, where there is no `fcntl`, imports something."""
    code = AS_ON_WINDOWS.format(arguments=arguments, imports=imports)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)


def test_linux_and_macos_pass(monkeypatch):
    for name in ("linux", "darwin"):
        monkeypatch.setattr(sys, "platform", name)
        supported.check_system()


def test_python_gets_an_error_that_says_what_to_do(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", ["train.py"])
    with pytest.raises(UserError, match=r"runs on Linux and macOS, not on Windows.*wsl --install"):
        supported.check_system()


@pytest.mark.parametrize("program", [r"C:\Python\Scripts\rllib", r"C:\Python\Scripts\rllib.exe", "-m"])
def test_the_command_gets_one_line_and_the_exit_code_of_bad_input(program, monkeypatch, capsys):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "argv", [program, "train"])
    with pytest.raises(SystemExit) as ended:
        supported.check_system()
    assert ended.value.code == 2
    assert capsys.readouterr().err == f"Error: {supported.NOT_WINDOWS}\n"


@pytest.mark.battery  # processes
@pytest.mark.parametrize("module", ["rllib_remix", "rllib_remix.running", "rllib_remix.envs.smac.host"])
def test_any_import_says_it_before_something_is_missing(module):
    done = on_windows(["train.py"], f"import {module}")
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == f"rllib_remix.errors.UserError: {supported.NOT_WINDOWS}"


@pytest.mark.battery  # a process
def test_the_command_says_it_instead_of_a_traceback():
    done = on_windows([r"C:\Python\Scripts\rllib", "doctor"], MAIN)
    assert (done.returncode, done.stderr) == (2, f"Error: {supported.NOT_WINDOWS}\n")
