import sys

import pytest

from rllib_remix.learning.weighting import SCHEMES


@pytest.fixture(autouse=True)
def registered_weightings_are_forgotten():
    """What studies register by importing `studies/weightings.py` is not there for other tests of this process."""
    before = set(SCHEMES)
    yield
    for name in set(SCHEMES) - before:
        del SCHEMES[name]
    sys.modules.pop("rllib_remix.studies.weightings", None)
