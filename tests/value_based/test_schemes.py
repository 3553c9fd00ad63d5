"""Weightings are found by name and by module; whatever is no name is refused with what is allowed."""

import sys

import pytest

from rllib_remix import ReMIXConfig
from rllib_remix.errors import SettingError
from rllib_remix.learning.weighting import SCHEMES
from rllib_remix.value_based.schemes import find_scheme

MODULE = """
from rllib_remix import register_weighting
from rllib_remix.learning.weighting import uniform
import of_a_user.part

register_weighting("from_elsewhere", uniform)
"""
PART = """
from rllib_remix import register_weighting

def late(inputs):
    return None

register_weighting("late_part", late)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that registers two weightings; what it registers is forgotten."""
    folder = tmp_path / "of_a_user"
    folder.mkdir()
    (folder / "__init__.py").write_text(MODULE)
    (folder / "part.py").write_text(PART)
    (tmp_path / "of_another.py").write_text("import of_a_user")
    monkeypatch.syspath_prepend(tmp_path)
    before = dict(SCHEMES)
    yield
    for name in ("of_a_user", "of_a_user.part", "of_another"):
        sys.modules.pop(name, None)
    SCHEMES.clear()
    SCHEMES.update(before)


def refusal(name) -> str:
    with pytest.raises(SettingError) as error:
        ReMIXConfig().environment("matrix_game").training(weighting=name).validate()
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("remx", "weighting: unknown name 'remx'; did you mean 'remix'? Allowed: cw, discor, macpo, "),
        ("macpo_aprox", "weighting: unknown name 'macpo_aprox'; did you mean 'macpo_approx'?"),
        (None, "weighting: unknown name None. Allowed: cw, "),
        (["remix"], "weighting: unknown name ['remix']; did you mean 'remix'? Allowed: cw, "),
        (2.5, "weighting: unknown name 2.5. Allowed: cw, discor, "),
        ("remix.", "weighting: unknown name 'remix.'; did you mean 'remix'? Allowed: cw, "),
        (".remix", "weighting: unknown name '.remix'; did you mean 'remix'?"),
        ("a b.c", "weighting: unknown name 'a b.c'. Allowed: cw, "),
        ("x\x1b[31m.y", r"weighting: unknown name 'x\x1b[31m.y'. Allowed: cw, "),
        ("remíx", "weighting: unknown name 'remíx'; did you mean 'remix'?"),
        ("gone.late", "weighting: cannot import 'gone.late': ModuleNotFoundError: No module named 'gone'."),
    ],
)
def test_whatever_is_no_name_is_refused_with_those_that_are(name, message):
    assert refusal(name).startswith(message)


@pytest.mark.parametrize(
    "name", ["x" * 100_000 + ".y", "json." + "y" * 100_000, "x" * 100_000, "é" * 100_000]
)
def test_of_a_long_name_no_more_is_shown_than_a_line(name):
    assert len(refusal(name)) < 1000


def test_a_misspelt_name_that_is_not_ascii_is_refused_while_ray_runs_too(monkeypatch):
    from ray.tune import registry

    def key(prefix, category, name):
        name.encode("ascii")
        return b""

    monkeypatch.setattr(registry, "_make_key", key)
    monkeypatch.setattr(registry, "_internal_kv_initialized", lambda: True)
    monkeypatch.setattr(registry, "_internal_kv_get", lambda _: None)
    with pytest.raises(SettingError, match="unknown name 'remíx'; did you mean 'remix'"):
        find_scheme("remíx")


def test_a_module_gives_only_what_it_or_a_part_of_it_registers(package):
    assert find_scheme("of_a_user.late_part") is find_scheme("of_a_user.part.late_part")
    assert find_scheme("of_a_user.from_elsewhere") is SCHEMES["from_elsewhere"]
    for path, says in (
        (
            "of_another.late_part",
            "registers no weighting 'late_part'; did you mean 'late_part'? The module must call",
        ),
        ("of_a_user.part.from_elsewhere", "registers no weighting 'from_elsewhere'"),
        ("of_a_user.late_prt", "registers no weighting 'late_prt'; did you mean 'of_a_user.late_part'?"),
        ("json.remix", "registers no weighting 'remix'; did you mean 'remix'?"),
    ):
        assert refusal(path).startswith(
            f"weighting: {path!r} is not allowed: {path.rpartition('.')[0]!r} {says}"
        )


def test_a_path_is_looked_up_without_becoming_a_name(package):
    ReMIXConfig().environment("matrix_game").training(weighting="of_a_user.late_part").validate()
    assert "of_a_user.late_part" not in SCHEMES
    assert "of_a_user" not in refusal("lte_part")
