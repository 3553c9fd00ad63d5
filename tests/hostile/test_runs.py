"""`rllib plot`, `rllib example` and `rllib resume` on damaged and strange runs: a clear refusal, or a picture."""

import json
import os
import pickle
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rllib_remix.cli.main import app
from tests.hostile.limits import limited, listing

pytestmark = pytest.mark.battery

TRIAL = "ReMIX_predator_prey_1a2b3_00000_0_2026-01-01_00-00-00"
CONFIG = {
    "env": "predator_prey",
    "seed": 0,
    "weight_histogram_range": [0.01, 10.0],
    "weight_histogram_bins": 4,
}


def result(row: int = 0, **changes: Any) -> dict[str, Any]:
    """A result as Tune writes it, with `changes` of its parts."""
    counts = {"default_policy": {"weight_histogram": [0, 1, 2, 3, 4, 0]}}
    returns = {"episode_return_mean": float(row), "num_env_steps_sampled": 100}
    whole = {
        "num_env_steps_sampled_lifetime": 100 * (row + 1),
        "env_runners": returns,
        "evaluation": {"env_runners": returns},
        "learners": counts,
        "config": CONFIG,
    }
    return whole | changes


def lines(*results: Any) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in results or (result(0), result(1))).encode()


def trial(folder: Path, content: bytes = lines(), settings: bytes = b"{}") -> Path:
    place = folder / "run" / TRIAL
    place.mkdir(parents=True)
    (place / "result.json").write_bytes(content)
    (place / "params.json").write_bytes(settings)
    return place


def nested(depth: int, middle: str = "1", kind: str = "list") -> str:
    opening, closing = ("[", "]") if kind == "list" else ('{"a":', "}")
    return opening * depth + middle + closing * depth


def greedy(value: str) -> bytes:
    """Two results whose greedy return stands there as written."""
    text = lines().decode().replace('"episode_return_mean": 1.0', f'"episode_return_mean": {value}')
    return text.encode()


VALUES = (
    "null",
    "true",
    '"7"',
    "[]",
    "{}",
    "NaN",
    "Infinity",
    "-Infinity",
    "1e999",
    "1e308",
    "-1e308",
    "10" * 1500,
)
BAD_LINES = {
    "text": b"broken\n{}\n",
    "binary": bytes(range(256)) * 10 + b"\n{}\n",
    "NULs": b"\0" * 5000 + b"\n{}\n",
    "list": b"[1]\n{}\n",
    "number": b"5\n{}\n",
    "null": b"null\n{}\n",
    "string": b'"x"\n{}\n',
    "only an unfinished line": b'{"num_env',
    "empty lines": b"\n\n\n",
    "deep list": nested(100_000).encode() + b"\n{}\n",
    "deep object": nested(100_000, kind="object").encode() + b"\n{}\n",
    "integer of 5000 digits": b'{"num_env_steps_sampled_lifetime": ' + b"9" * 5000 + b"}\n{}\n",
    "UTF-16": lines().decode().encode("utf-16"),
    "a line of 20 MB": b'{"a": "' + b"x" * 20_000_000 + b'"}\n' + lines(),
    "two objects in a line": b"{}{}\n{}\n",
    "a comma at the end": b'{"a": 1,}\n{}\n',
    "a pickle": pickle.dumps({"a": 1}) + b"\n{}\n",
    "carriage returns": b"{}\r\r{}\n{}\n",
    "single quotes": b"{'a': 1}\n{}\n",
    "HTML": b"<html></html>\n{}\n",
}


@pytest.mark.parametrize("what", BAD_LINES)
@pytest.mark.parametrize("picture", ["curves", "weights"])
def test_a_damaged_result_is_refused_with_its_line(refused, tmp_path, what, picture):
    trial(tmp_path, BAD_LINES[what])
    assert "line 1: damaged result" in refused("plot", picture, "run", "--out", "p.png")


NOTHING_TO_DRAW = {
    **{
        f"all returns {value}": lines(
            result(evaluation={"env_runners": {"episode_return_mean": json.loads(value)}})
        )
        for value in VALUES[:9]
    },
    **{
        f"{part} {value!r:.20}": lines(*[result(row, **{part: value}) for row in range(2)])
        for part in ("evaluation", "num_env_steps_sampled_lifetime")
        for value in (None, [], "x", {"env_runners": 5}, {"env_runners": {"episode_return_mean": []}})
    },
    "empty objects": b"{}\n{}\n",
}


@pytest.mark.parametrize("what", NOTHING_TO_DRAW)
def test_runs_without_a_number_to_draw_are_refused(refused, tmp_path, what):
    trial(tmp_path, NOTHING_TO_DRAW[what])
    assert "nothing to plot" in refused("plot", "curves", "run", "--out", "p.png")


def histogram(counts: Any = (0, 1, 2, 3, 4, 0), **settings: Any) -> bytes:
    learners = {"default_policy": {"weight_histogram": counts}}
    return lines(*[result(row, learners=learners, config=CONFIG | settings) for row in range(2)])


NO_HISTOGRAM = {
    **{
        f"counts {value!r:.30}": histogram(value)
        for value in (None, [], [1], "x", {}, [None] * 6, ["a"] * 6, [[1]] * 6, [True] * 6, [-1] * 6, [0] * 6, [1e300] * 6)
    },
    **{
        f"range {value!r:.30}": histogram(weight_histogram_range=value)
        for value in (
            5, "ab", [1], [1, 2, 3], [2, 1], [1, 1], [0, 1], [-1, 1], ["a", "b"], [None, 1], [1, 1e300], [1e-300, 1],
            [1, 1.0000000001], {"a": 1, "b": 2}, [True, 2], [[1], [2]], [1, 10**400],
        )
    },
    **{
        f"bins {value!r:.30}": histogram(weight_histogram_bins=value)
        for value in (0, -1, 10**9, 10**30, 2.5, "4", True, None, [4], {}, 5)
    },
    **{f"config {value!r:.30}": lines(result(config=value), result(1, config=value)) for value in (None, [], "x", 5, True)},
}  # fmt: skip


@pytest.mark.parametrize("what", NO_HISTOGRAM)
def test_runs_without_a_histogram_that_can_be_drawn_are_refused(refused, tmp_path, what):
    trial(tmp_path, NO_HISTOGRAM[what])
    assert "nothing to plot" in refused("plot", "weights", "run", "--out", "p.png")


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_socket(file: Path) -> None:
    file.unlink()
    here = os.getcwd()
    os.chdir(file.parent)  # The path of a socket must be short.
    try:
        socket.socket(socket.AF_UNIX).bind(file.name)
    finally:
        os.chdir(here)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_link(target: str) -> Callable[[Path], None]:
    def make(file: Path) -> None:
        file.unlink()
        file.symlink_to(target)

    return make


def sparse(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(10**12)


NO_FILES = {
    "a pipe": a_pipe,
    "a socket": a_socket,
    "a folder": a_folder,
    "a link to nothing": a_link("nowhere"),
    "a link to itself": a_link("result.json"),
    "a link to a device": a_link("/dev/zero"),
    "a link to a folder": a_link("/"),
    "empty": lambda file: file.write_bytes(b""),
    "a terabyte of nothing": sparse,
}


@pytest.mark.parametrize("what", NO_FILES)
@pytest.mark.parametrize("picture", ["curves", "weights"])
def test_what_is_no_file_is_never_waited_for(refused, tmp_path, what, picture):
    NO_FILES[what](trial(tmp_path) / "result.json")
    line = refused("plot", picture, "run", "--out", "p.png")
    assert "holds no results" in line or "damaged result" in line


PLACES = (
    "",
    "nothing",
    "a\0b",
    "~nobody_of_that_name",
    "x" * 300,
    "x/" * 3000,
    "file",
    "ring",
    "a\nb",
    "\x1b[31m",
    "/dev/null",
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", [("plot", "curves"), ("plot", "weights"), ("resume",)])
def test_a_place_without_a_run_is_refused(refused, tmp_path, place, command):
    (tmp_path / "file").write_text("x")
    (tmp_path / "ring").symlink_to("ring")
    refused(*command, place)


OUTS = (
    "",
    ".png",
    "p",
    "p.gif",
    "p.png.exe",
    "folder.png",
    "missing/p.png",
    "a\0b.png",
    "x" * 300 + ".png",
    "file/p.png",
)


@pytest.mark.parametrize("out", OUTS)
def test_a_picture_that_cannot_be_written_is_refused(refused, tmp_path, out):
    trial(tmp_path)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").write_text("x")
    refused("plot", "curves", "run", "--out", out)


def test_more_than_a_picture_can_hold_is_refused(refused, tmp_path):
    for number in range(101):
        settings = json.dumps({"lr": number}).encode()
        trial(tmp_path / str(number), settings=settings)
    assert "101 different settings" in refused("plot", "curves", ".", "--out", "p.png")
    assert "101 trials" in refused("plot", "weights", ".", "--out", "p.png")


STRANGE = {
    "names with formulas": lines(result(config=CONFIG | {"env": r"$\frac{$"}), result(1, config=CONFIG | {"env": "$$"})),
    "names with escapes": lines(result(1, config=CONFIG | {"env": "\x1b[31m\0\n\u202e"})),
    "a name of a megabyte": lines(result(1, config=CONFIG | {"env": "x" * 10**6})),
    "a name that is a list": lines(result(1, config=CONFIG | {"env": ["a"]})),
    "a name that begins with a line": lines(result(1, config=CONFIG | {"env": "_x"})),
    "no environment": lines(result(1, config={"weight_histogram_range": [0.01, 10], "weight_histogram_bins": 4})),
    "a seed that is a list": lines(result(1, config=CONFIG | {"seed": [1]})),
    "a seed that is text": lines(result(1, config=CONFIG | {"seed": "x"})),
    "a seed of 4000 digits": lines(result(1)).replace(b'"seed": 0', b'"seed": ' + b"7" * 4000),
    "steps that run backwards": lines(result(3), result(1), result(2)),
    "the same step thrice": lines(result(1), result(1), result(1)),
    "steps below 0": lines(result(-9), result(-5)),
    "large steps": lines(*[result(row, num_env_steps_sampled_lifetime=10**14 * (row + 1)) for row in range(3)]),
    "large returns": greedy("1e14"),
    **{f"one return is {value[:12]}": greedy(value) for value in VALUES},
    "an unfinished last line": lines() + b'{"num',
    "bad UTF-8 in a text": lines().replace(b"predator_prey", b"pred\xff\xfeprey"),
}  # fmt: skip
SETTINGS = {
    "missing": None,
    "a list": b"[1]",
    "broken": b"{",
    "binary": bytes(range(256)),
    "deep": nested(5000, kind="object").encode(),
    "nested 900 deep": nested(900, kind="object").encode(),
    "formulas": json.dumps({"$": "$\\frac{"}).encode(),
    "a long value": json.dumps({"lr": "x" * 10**6}).encode(),
    "an integer of 5000 digits": b'{"lr": ' + b"9" * 5000 + b"}",
    "many": json.dumps({f"key{n}": n for n in range(20_000)}).encode(),
}


def draw(tmp_path: Path, monkeypatch, picture: str) -> None:
    """The run is drawn, and nothing but the picture is written."""
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)
    with limited():
        answer = CliRunner().invoke(app, ["plot", picture, "run", "--out", "p.png"])
    assert answer.exit_code == 0, answer.output
    assert answer.output.strip().replace("\n", "").isprintable()
    assert set(listing(tmp_path)) - set(before) == {"p.png"}


@pytest.mark.parametrize("what", STRANGE)
def test_strange_results_are_drawn_as_far_as_they_go(tmp_path, monkeypatch, what):
    trial(tmp_path, STRANGE[what])
    draw(tmp_path, monkeypatch, "curves")


@pytest.mark.parametrize("what", SETTINGS)
@pytest.mark.parametrize("picture", ["curves", "weights"])
def test_settings_that_cannot_be_read_do_not_matter(tmp_path, monkeypatch, what, picture):
    for number in (0, 1):
        place = trial(tmp_path / "run" / str(number), settings=SETTINGS[what] or b"")
        if SETTINGS[what] is None:
            (place / "params.json").unlink()
    draw(tmp_path, monkeypatch, picture)


# Resuming


class Other:
    pass


def plan_with(**changes: Any) -> Any:
    from rllib_remix.experiments.experiment import Experiment
    from rllib_remix.experiments.plan import Plan

    experiment = Experiment(name="run", run="QMIX", config={"env": "matrix_game"})
    for name, value in changes.items():
        setattr(experiment, name, value)
    return Plan([experiment])


PLANS: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"hello",
    "cut off": lambda: pickle.dumps(plan_with())[:-20],
    "JSON": lambda: b"{}",
    "zeros": lambda: b"\0" * 1000,
    **{
        f"{value!r:.30}": lambda value=value: pickle.dumps(value)
        for value in (None, 5, "x", [], {}, {"experiments": []}, Other(), object)
    },
    "no such module": lambda: b"cno_such_module\nThing\n.",
    "no such class": lambda: b"crllib_remix.cli.plan\nPlans\n.",
    "asks for memory": lambda: b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b".",
    "without experiments": lambda: pickle.dumps(type(plan_with())([])),
    "experiments of another kind": lambda: pickle.dumps(type(plan_with())([5])),
    "experiments that are a number": lambda: pickle.dumps(type(plan_with())(5)),
    "loggers of another kind": lambda: pickle.dumps(type(plan_with())(plan_with().experiments, None, 5)),
    "another name": lambda: pickle.dumps(plan_with(name="other")),
    **{f"name {value!r}": lambda value=value: pickle.dumps(plan_with(name=value)) for value in (None, 5, ["run"])},
    **{f"place {value!r}": lambda value=value: pickle.dumps(plan_with(storage_path=value)) for value in (None, 5, ["."])},
}  # fmt: skip


@pytest.mark.parametrize("what", PLANS)
def test_a_damaged_plan_is_refused(refused, tmp_path, what):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "rllib_run.pkl").write_bytes(PLANS[what]())
    assert "rllib_run.pkl" in refused("resume", "run")


@pytest.mark.parametrize(
    "what", ["a pipe", "a socket", "a folder", "a link to nothing", "a terabyte of nothing"]
)
def test_a_plan_that_is_no_file_is_refused(refused, tmp_path, what):
    (tmp_path / "run").mkdir()
    file = tmp_path / "run" / "rllib_run.pkl"
    file.touch()
    NO_FILES[what](file)
    assert "rllib_run.pkl" in refused("resume", "run")


RECORDS = {
    "empty": b"",
    "text": b"hello",
    "list": b"[]",
    "no parts": b"{}",
    "trials of another kind": b'{"trial_data": 5, "runner_data": {}}',
    "no pairs": b'{"trial_data": [5], "runner_data": {}}',
    "trials that are numbers": b'{"trial_data": [[1, 2]], "runner_data": {}}',
    "trials that are broken": b'{"trial_data": [["{", "{"]], "runner_data": {}}',
    "trials without a name": b'{"trial_data": [["{}", "{}"]], "runner_data": {}}',
    "a pickle that is none": b'{"trial_data": [["{\\"a\\": {\\"_type\\": \\"CLOUDPICKLE_FALLBACK\\", \\"value\\": \\"zz\\"}}", "{}"]], "runner_data": {}}',
    "no runner": b'{"trial_data": []}',
    "deep": nested(100_000).encode(),
    "binary": bytes(range(256)),
}  # fmt: skip


@pytest.mark.parametrize("what", RECORDS)
def test_a_damaged_record_of_tune_is_refused_before_ray_starts(tmp_path, what):
    from rllib_remix.running.record.check import check_record

    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "experiment_state-2026-01-01_00-00-00.json").write_bytes(RECORDS[what])
    before = listing(tmp_path)
    with limited(), pytest.raises(ValueError, match="experiment_state"):
        check_record(str(tmp_path), "run")
    assert listing(tmp_path) == before


# Examples

NAMES = (
    "",
    "no/such",
    "../setup",
    "/etc/passwd",
    "a\0b",
    "x" * 10_000,
    "\x1b[31m",
    "demo/",
    "demo.yaml.yaml",
    "*",
    "$HOME",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("verb", ["get", "run"])
def test_an_unknown_example_is_refused(refused, name, verb):
    assert "example" in refused("example", verb, name)


@pytest.mark.parametrize(
    "out", ["", ".", "a\0b", "missing/x.yaml", "x" * 300, "file", "file/x.yaml", "~nobody_there/x.yaml"]
)
def test_an_example_that_cannot_be_written_is_refused(refused, tmp_path, out):
    (tmp_path / "file").write_text("x")
    refused("example", "get", "demo", "--out", out)
    assert (tmp_path / "file").read_text() == "x"


def test_a_filter_that_finds_nothing_is_refused(refused):
    for text in ("no such thing", "\0", "\x1b[31m", "x" * 10_000):
        refused("example", "list", "--filter", text)
