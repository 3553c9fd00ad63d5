"""`scripts/gpu_check`: what it compares, writes and refuses, on the CPU."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from gpu import cases, command, comparing, report, timing
from gpu.comparing import Difference
from gpu.end_to_end import Rate

from rllib_remix.algorithms.table import ALGORITHMS

ROOT = Path(__file__).parents[2]
QMIX = cases.Case("QMIX", "QMIX", {})
MACHINE = {
    "device": "cpu",
    "cpu": "a CPU",
    "cores": 2,
    "commit": "abc",
    "dirty": True,
    "with_ray": False,
    "torch": "2",
}


@pytest.mark.battery  # a process
def test_it_runs_on_a_cpu_without_ray(tmp_path):
    out = tmp_path / "found.json"
    options = [
        "--device",
        "cpu",
        "--small",
        "--without-ray",
        "--algorithms",
        "QMIX",
        "--timed",
        "ReMIX",
        "--out",
        out,
    ]
    done = subprocess.run(
        [ROOT / "scripts" / "gpu_check", *options],
        env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(out.read_text())
    assert {each["case"] for each in found["differences"]} == {
        "QMIX",
        "QMIX, own parameters",
        "QMIX, pieces, own parameters",
        "QMIX, preset papers",
    }
    assert [(each["algorithm"], each["batch"], each["precision"]) for each in found["updates"]] == [
        ("ReMIX", 4, "float32"),
        ("ReMIX", 4, "bfloat16"),
    ]
    assert [each["how"] for each in found["end_to_end"]] == ["one thread plays"] * 2
    assert all(each["env_steps"] >= 200 and each["updates"] for each in found["end_to_end"])
    assert found["machine"]["with_ray"] is False
    assert found["machine"]["device"] == "cpu"
    assert "| QMIX, preset papers | 3 |" in out.with_suffix(".md").read_text()


def test_every_algorithm_is_compared():
    assert [case.name for case in cases.all_cases()][: len(ALGORITHMS)] == list(ALGORITHMS)


@pytest.fixture(scope="module")
def batches():
    return [cases.ragged_episodes(3, 8, seed=seed) for seed in range(3)]


def test_the_way_of_gpus_gives_the_same_on_a_cpu(batches):
    found = comparing.compare(QMIX, batches, on_gpu=False)
    assert [(each.updates, each.kind) for each in found] == [
        (updates, kind) for updates in (1, 3) for kind in ("values", "loss", "gradients", "weights")
    ]
    assert not any(each.is_too_large for each in found)
    assert any(each.size > 0 for each in found)  # It is another way.


def test_networks_that_compute_something_else_are_found(batches, monkeypatch):
    same = comparing.library_gru_outputs
    monkeypatch.setattr(comparing, "library_gru_outputs", lambda *given: 1.001 * same(*given))
    found = comparing.compare(QMIX, batches, on_gpu=False)
    assert {each.kind for each in found if each.is_too_large} == {"values", "loss", "gradients", "weights"}


def size(seen, expected, kind="gradients"):
    seen, expected = ({"it": torch.tensor(each)} for each in (seen, expected))
    return comparing._greatest(QMIX, 1, kind, seen, expected).size


def test_differences_are_relative_to_the_greatest_number_and_those_of_weights_to_the_mean_square():
    assert size([4.0, 1.5], [4.0, 1.0]) == 0.125  # 0.5 / 4
    assert size([3.0, 4.5], [3.0, 4.0], "weights") == pytest.approx(0.1)  # √(0.25 / 2) / √(25 / 2)
    assert size([1, 2, 3, 4], [1, 2, 3, 5]) == 0.25  # of integers the share
    assert size([0.0], [0.0]) == 0


def test_what_is_not_finite_must_be_so_on_both():
    assert size([-math.inf, 1.0], [-math.inf, 1.0]) == 0
    assert size([math.inf, 1.0], [-math.inf, 1.0]) == math.inf
    assert size([math.nan, 1.0], [0.0, 1.0]) == math.inf
    assert size([math.nan, 1.0], [math.nan, 1.0]) == math.inf  # nothing to be glad of


def test_a_tensor_that_is_missing_or_of_another_kind_differs():
    one, other = {"a": torch.ones(2)}, {"a": torch.ones(2), "b": torch.ones(1)}
    assert comparing._greatest(QMIX, 1, "values", one, other).size == math.inf
    assert comparing._greatest(QMIX, 1, "values", other, one).size == math.inf
    assert size([1, 2], [1.0, 2.0]) == math.inf


def test_one_batch_of_three_may_differ_by_rounding(monkeypatch):
    sizes = iter([1e-6, 0.5, 1e-7, 0.5, math.nan, 1e-7])

    def compared(*given, **others):
        return [Difference("QMIX", 1, "loss", "loss", next(sizes))]

    monkeypatch.setattr(comparing, "compare_on", compared)
    (first,), (second,) = (comparing.compare(QMIX, [None] * 3, on_gpu=False) for _ in range(2))
    assert (first.size, first.is_too_large) == (1e-6, False)
    assert (second.size, second.is_too_large) == (0.5, True)
    assert not Difference("QMIX", 1, "loss", "loss", 1e-4).is_too_large
    assert Difference("QMIX", 1, "loss", "loss", math.nan).is_too_large


def some_findings(**parts):
    found = report.Findings(MACHINE, {})
    found.differences = [
        Difference("QMIX", 1, kind, "it", 1e-6) for kind in ("values", "loss", "gradients", "weights")
    ]
    found.times = [
        timing.Times("ReMIX", 128, "tf32", [30.0, 50.0, 31.0], 2.5),
        timing.Times("ReMIX", 512, "float32", [], failure="does not fit"),
    ]
    found.rates = [Rate("one thread plays", "ReMIX", 128, "tf32", 3000, 2, 0.5)]
    for name, value in parts.items():
        setattr(found, name, value)
    return found


def test_the_tables_say_what_was_found_beside_the_goals(tmp_path):
    found = some_findings()
    found.write(tmp_path / "found.json")
    text = (tmp_path / "found.md").read_text()
    assert "a CPU; torch 2; 2 CPU cores; commit abc with changes." in text
    assert "| QMIX | 1 | 1.0e-06 | 1.0e-06 | 1.0e-06 | 1.0e-06 | same |" in text
    assert "| ReMIX | 128 | tf32 | 31.0 | 30.0 … 50.0 | 2.50 GiB | below 40 ms |" in text
    assert "| ReMIX | 512 | float32 | does not fit | | | |" in text
    assert "| ReMIX | 128 | tf32 | one thread plays | 3,000 | 2 | 6,000 | above 15,000 |" in text
    assert found.is_good


def test_what_differs_or_failed_is_named_and_the_json_can_be_read(tmp_path):
    differences = some_findings().differences
    differences[2] = Difference(
        "QMIX", 1, "gradients", "agent.head.bias", math.inf, (math.inf, math.nan, 0.0)
    )
    found = some_findings(differences=differences, failures={"COMA": "RuntimeError: a device"})
    found.write(tmp_path / "found.json")
    text = (tmp_path / "found.md").read_text()
    assert "| differs in gradients: agent.head.bias |" in text
    assert "- COMA: RuntimeError: a device" in text
    read = json.loads((tmp_path / "found.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert read["differences"][2]["size"] == "inf"
    assert not found.is_good
    assert not some_findings(failures={"tests": "1 failed"}).is_good
    assert not some_findings(differences=differences).is_good


def test_tf32_is_as_before_afterwards():
    flags = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [each.allow_tf32 for each in flags]
    for allowed in (True, False):
        with timing.tf32(allowed):
            assert [each.allow_tf32 for each in flags] == [allowed, allowed]
    assert [each.allow_tf32 for each in flags] == before


def test_the_command_knows_the_precisions():
    assert tuple(timing.PRECISIONS) == command.PRECISIONS


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((), "sees no CUDA GPU here; allowed: cpu"),
        (("--device", "cpu", "--repeats", "0"), "--repeats: 0 is not allowed"),
        (("--device", "cpu", "--batches", "32", "0"), "--batches: 0 is not allowed"),
        (("--device", "cpu", "--timed", "QMX"), "'QMX' is no algorithm"),
        (("--device", "cpu", "--precisions", "float16"), "'float16' is no precision; allowed: float32, tf32"),
        (("--device", "cpu", "--out", "nowhere/x.json"), "there is no folder 'nowhere'"),
    ],
)
def test_a_command_that_makes_no_sense_is_refused(given, message, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        command.parse(given)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_python_without_what_is_needed_is_told_how_to_get_it(capsys, monkeypatch):
    monkeypatch.setattr(command, "NEEDED", ("torch", "no_such_package"))
    with pytest.raises(SystemExit):
        command.parse(["--device", "cpu"])
    assert "pip install no_such_package" in capsys.readouterr().err
