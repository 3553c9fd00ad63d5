"""docs/settings.md is made of the settings themselves."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import settings_page

from rllib_remix.algorithms.table import ALGORITHMS, get_algorithm_config
from rllib_remix.learning.weighting import SCHEMES


def test_the_page_is_up_to_date():
    written = settings_page.PAGE.read_text(encoding="utf-8")
    assert written == settings_page.page(), "run scripts/settings_page.py"


def test_the_page_has_every_setting_algorithm_and_weighting():
    page = settings_page.page()
    names = [entry.name for name in ALGORITHMS for entry in get_algorithm_config(name).own_settings()]
    names += [name for scheme in SCHEMES.values() for name in scheme.settings()]
    for name in {*names, *ALGORITHMS}:
        assert f"| `{name}` |" in page
