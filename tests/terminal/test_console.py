"""How numbers and text reach the screen."""

import io

import pytest

from rllib_remix.terminal.console import colours_wanted, duration, number, short_count


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (950, "950"), (1000, "1k"), (12_345, "12.3k"), (250_000, "250k"), (1.5e6, "1.5M")],
)
def test_counts_are_short(value, text):
    assert short_count(value) == text


def test_durations_and_missing_numbers():
    assert duration(3 * 3600 + 62) == "3:01:02"
    assert (duration(None), number(None)) == ("–", "–")


@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)],
)
def test_colours_need_a_terminal_that_has_them_and_a_user_who_wants_them(monkeypatch, environment, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert colours_wanted(Terminal()) is coloured
    assert not colours_wanted(io.StringIO())
