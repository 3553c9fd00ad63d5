import os
import tempfile

# Before anything reads it: Ray and RLlib write below the home folder, and tests must not touch the user's.
_HOME = tempfile.TemporaryDirectory(prefix="rllib_remix_tests_")
os.environ["HOME"] = _HOME.name
os.environ["RAY_AIR_NEW_OUTPUT"] = "0"

import logging  # noqa: E402

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

torch.set_num_threads(1)
settings.register_profile("rllib_remix", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("rllib_remix")


@pytest.fixture(scope="session")
def ray_session():
    """One local Ray for all tests of the process that need it, with room for two workers and two learners."""
    import ray

    ray.init(
        num_cpus=6,  # a bookkeeping figure: the tests run one small thing at a time
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=300 * 2**20,
    )
    yield
    ray.shutdown()
