"""`rllib doctor`: what it says of machines that lack something."""

import json
import shutil
import subprocess
import sys
from collections import namedtuple
from types import SimpleNamespace

import pytest
import torch

from rllib_remix import diagnosis

Disk = namedtuple("Disk", "total used free")


def checks(rllib, *options) -> tuple[int, dict[str, dict]]:
    result = rllib("doctor", "--json", *options)
    report = json.loads(result.stdout)
    assert report["works"] is (result.exit_code == 0)
    return result.exit_code, {check["item"]: check for check in report["checks"]}


def test_here_everything_that_is_required_works(rllib):
    code, found = checks(rllib)
    assert code == 0, found
    assert found["torch"]["state"] == found["kernels"]["state"] == "ok"


def test_the_text_fits_80_columns_but_paths_and_commands_stay_whole(rllib):
    result = rllib("doctor")
    assert result.exit_code == 0, result.output
    assert "Everything that is required works." in result.stdout
    lines = [line for line in result.stdout.splitlines() if line.strip() != diagnosis.FAST_PRODUCTS]
    assert all(len(line) <= 80 or max(map(len, line.split())) > 50 for line in lines)


def test_a_broken_package_and_an_untested_ray_are_problems_with_a_command(rllib, monkeypatch):
    load, version = diagnosis.importlib.import_module, diagnosis.importlib.metadata.version

    def broken(name, *package):
        if name == "numba":
            raise OSError("libllvm.so: cannot open")
        return load(name, *package)

    monkeypatch.setattr(diagnosis.importlib, "import_module", broken)
    monkeypatch.setattr(
        diagnosis.importlib.metadata, "version", lambda name: "2.9.0" if name == "ray" else version(name)
    )
    code, found = checks(rllib)
    assert code == 1
    assert found["numba"]["state"] == "problem"
    assert "libllvm.so" in found["numba"]["text"]
    assert found["ray"]["command"] == "pip install 'ray[rllib]==2.60.*'"


def test_full_and_missing_disks(rllib, monkeypatch, tmp_path):
    monkeypatch.setattr(diagnosis.shutil, "disk_usage", lambda _: Disk(2**30, 2**30 - 1000, 1000))
    code, found = checks(rllib, "--storage-path", tmp_path / "not" / "there" / "yet")
    assert code == 1
    assert found["results"]["state"] == "problem"
    assert str(tmp_path / "not/there/yet") in found["results"]["text"]
    assert "--shm-size" in found["object store"]["command"]


def test_optional_parts_that_are_missing_are_no_problem(rllib, monkeypatch):
    monkeypatch.setattr(diagnosis.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(diagnosis, "_requirements", lambda *_: ["no-such-package"])
    code, found = checks(rllib)
    assert code == 0
    assert found["optuna"] == {
        "item": "optuna",
        "state": "optional",
        "text": "not installed; for searches with Optuna",
        "command": "pip install 'rllib_remix[tune]'",
    }
    assert "no-such-package" in found["job server"]["text"]


def test_the_job_servers_packages_are_those_that_ray_names():
    names = diagnosis._requirements("ray", "default")
    assert "aiohttp_cors" in [name.replace("-", "_") for name in names]
    assert "numpy" not in names


@pytest.mark.parametrize(("limit", "cpus"), [("max 100000", 4.0), ("150000 100000", 1.5)])
def test_a_containers_share_of_the_cpus_counts(monkeypatch, limit, cpus):
    monkeypatch.setattr(diagnosis.os, "sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.setattr(diagnosis, "_read", lambda path: limit)
    assert diagnosis._cpus() == cpus


AMD = "vendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 avx512f"


@pytest.mark.parametrize(
    ("cpu", "intel", "state"),
    [
        (AMD, None, "optional"),  # MKL as it comes
        (AMD, 0, "optional"),  # a PyTorch that shows its MKL to all
        (AMD, 1, "ok"),
        (AMD.replace(" avx512f", ""), None, "ok"),
        (AMD.replace("AuthenticAMD", "GenuineIntel"), None, "ok"),
        ("", None, "ok"),  # no Linux
    ],
)
def test_a_processor_whose_avx512_mkl_leaves_unused_is_named_with_the_remedy(monkeypatch, cpu, intel, state):
    loaded = SimpleNamespace() if intel is None else SimpleNamespace(mkl_serv_intel_cpu_true=lambda: intel)
    monkeypatch.setattr(diagnosis, "_read", lambda path: cpu)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(diagnosis.ctypes, "CDLL", lambda name: loaded)
    found = diagnosis._matrix_products()
    assert found.state == state
    assert found.command == (diagnosis.FAST_PRODUCTS if state == "optional" else None)


@pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc, with which the remedy compiles")
def test_the_remedy_for_products_does_what_it_says(tmp_path):
    ask = "import ctypes; print(ctypes.CDLL(None).mkl_serv_intel_cpu_true())"
    script = f'{diagnosis.FAST_PRODUCTS} && exec "$0" -c "{ask}"'
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", script, sys.executable], env=environment, capture_output=True, text=True
    )
    assert done.stdout == "1\n", done.stderr
