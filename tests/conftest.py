import os
import tempfile

# Before anything reads it: Ray and RLlib write below the home folder, and tests must not touch the user's.
_HOME = tempfile.TemporaryDirectory(prefix="rllib_remix_tests_")
os.environ["HOME"] = _HOME.name
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 (Ray has it so): its workers shall not wait for other tests

import gc  # noqa: E402
import inspect  # noqa: E402
import logging  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

pytest_plugins = ["algorithm_fixtures", "command_fixtures"]

torch.set_num_threads(1)


def stack_without_source(context: int = 0) -> list[inspect.FrameInfo]:
    """As inspect.stack(0), but for looking for the file of every function's source."""
    frame, infos = sys._getframe(1), []
    while frame is not None:
        code = frame.f_code
        infos.append(inspect.FrameInfo(frame, code.co_filename, frame.f_lineno, code.co_name, None, None))
        frame = frame.f_back
    return infos


# RLlib asks for the stack in every part of a connector, to see the arguments of one frame; below pytest, it is deep.
inspect.stack = stack_without_source
settings.register_profile("rllib_remix", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("few", deadline=None, derandomize=True, max_examples=10)
settings.load_profile("rllib_remix")

# One step of each: what nearly all tests of the environments call.
COMPILE = """
import numpy as np
from rllib_remix.envs.registry import make_team_env

for name, config in (("predator_prey", {}), ("smac_sim", {"map_name": "3m"})):
    env = make_team_env(name, config, num_envs=1)
    env.step(env.reset(seed=0).avail_actions.argmax(-1))
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    """Before processes share the work: the kernels are compiled once, and the others find them on disk."""
    subprocess.run([sys.executable, "-c", COMPILE], check=False)  # a fault in it is for the tests to find


def pytest_collection_modifyitems(items):
    """Files with slow tests first: at the end, processes that share the work then wait for a short file at most."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish():
    # pytest hangs its handlers on every logger that passes nothing on, six times a test. Torch has 50 of these, each
    # with a handler as its parent's.
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("torch.") and isinstance(logger, logging.Logger) and not logger.propagate:
            logger.handlers.clear()
            logger.propagate = True
    # What is imported and collected stays until the end: nobody needs to look through it for garbage, nor so often.
    gc.freeze()
    gc.set_threshold(10_000)


@pytest.fixture(scope="session")
def ray_session():
    """One local Ray for all tests of the process that need it, with room for two workers and two learners."""
    import fork_server
    import forked
    import ray

    forked.server()
    fork_server.forked_workers()
    ray.init(
        address="local",  # never one that another test, or another process of this run, has started
        num_cpus=6,  # a bookkeeping figure: the tests run one small thing at a time
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=300 * 2**20,
    )
    yield
    ray.shutdown()


@pytest.fixture(autouse=True)
def rays_own_store():
    """A process has one client of Ray's store. A cluster that a test starts takes it over and ends it: `ray_session` gets
    its own back, else what later tests register would not be found in its workers."""
    store = sys.modules.get("ray.experimental.internal_kv")
    client = store and store.global_gcs_client
    yield
    if client is not None:
        store._initialize_internal_kv(client)


@pytest.fixture
def time_zone(monkeypatch):
    """Sets the process's time zone."""

    def change(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield change
    monkeypatch.undo()
    time.tzset()
