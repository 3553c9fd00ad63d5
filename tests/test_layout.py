"""`scripts/layout.py` on a small package that is made up for it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import layout
from structure import sources
from structure.folders import layout_of
from structure.imports import circles, floors, import_statements, imports_of

# tools ← plan ← house; house/door.py and house/wall.py go in a circle, through a function.
HOUSE = {
    "__init__.py": '"""A package that is made up."""\n',
    "tools.py": "import ast\n",
    "plan/__init__.py": '"""What is to be built.\n\nMore about it.\n"""\n\nSCALE = 10\n',
    "plan/lines.py": "from made_up import tools\n\nLENGTH = 1\n",
    "plan/rooms.py": "import made_up.plan.lines\nfrom made_up.plan import SCALE, lines\n",
    "house/__init__.py": "",
    "house/door.py": "from made_up.plan.rooms import Room\nfrom made_up.house import wall\n",
    "house/wall.py": "def build():\n    from made_up.house.door import Door\n",
    "house/roof/__init__.py": '"""What keeps the rain out."""\n',
    "house/roof/tile.py": "from made_up.house.wall import build\n",
}


def test_a_name_of_a_folder_is_a_module_where_there_is_one_and_else_means_its_init_file():
    imports = imports_of(HOUSE, "made_up")
    assert imports["plan/rooms.py"] == {"plan/lines.py", "plan/__init__.py"}
    assert imports["plan/lines.py"] == {"tools.py"}
    assert imports["tools.py"] == set()


def test_imports_are_found_wherever_they_stand():
    source = (
        "import a.b as c\ndef f():\n    from made_up.plan import lines\n"
        "if TYPE_CHECKING:\n    from made_up import tools\n"
    )
    assert import_statements(source) == {("a.b", ""), ("made_up.plan", "lines"), ("made_up", "tools")}


def test_a_relative_import_is_refused_with_its_line():
    with pytest.raises(ValueError, match="line 2: relative import"):
        import_statements("import ast\nfrom . import lines\n")


def test_files_that_import_each_other_are_a_circle_also_within_functions():
    assert circles(imports_of(HOUSE, "made_up")) == [["house/door.py", "house/wall.py"]]


def test_a_circle_is_found_through_any_number_of_files():
    ring = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set(), "e": {"a"}, "f": {"g"}, "g": {"f"}}
    assert circles(ring) == [["a", "b", "c"], ["f", "g"]]


def test_a_file_stands_one_floor_above_the_highest_that_it_imports_and_a_circle_shares_a_floor():
    height = floors(imports_of(HOUSE, "made_up"))
    assert height == {
        "__init__.py": 1, "tools.py": 1, "plan/__init__.py": 1, "house/__init__.py": 1, "house/roof/__init__.py": 1,
        "plan/lines.py": 2, "plan/rooms.py": 3, "house/door.py": 4, "house/wall.py": 4, "house/roof/tile.py": 5,
    }  # fmt: skip


def test_each_folder_has_its_sentence_and_its_own_files_and_lines():
    folders = {folder.path: folder for folder in layout_of(HOUSE, "made_up").folders}
    assert list(folders) == ["", "house", "house/roof", "plan"]
    assert folders["plan"].sentence == "What is to be built."
    assert folders["house"].sentence == ""
    assert (folders["plan"].files, folders["plan"].lines) == (2, 5)
    assert (folders["house"].files, folders[""].files) == (2, 1)
    assert (folders["house"].floors, folders["plan"].floors) == (1, 2)


def test_neighbours_in_a_folder_are_a_circle_only_if_a_folder_is_among_them():
    assert layout_of(HOUSE, "made_up").folder_circles == []
    through_the_roof = HOUSE | {"house/wall.py": "def build():\n    from made_up.house.roof import tile\n"}
    assert layout_of(through_the_roof, "made_up").folder_circles == [["house/roof", "house/wall.py"]]
    back_to_the_plan = HOUSE | {"tools.py": "import made_up.house.door\n"}
    assert layout_of(back_to_the_plan, "made_up").folder_circles == [["house", "plan", "tools.py"]]


def test_long_files_and_full_folders_are_named():
    many = {f"plan/line_{n}.py": "" for n in range(14)}  # and lines.py and rooms.py
    found = layout_of(HOUSE | many | {"tools.py": "\n" * 401, "plan/lines.py": "\n" * 400}, "made_up")
    assert found.long_files == {"tools.py": 401}
    assert found.full_folders == {"plan": 16}


def test_what_is_printed_has_the_tree_the_totals_the_floors_and_what_is_wrong():
    text = layout.as_text(layout_of(HOUSE, "made_up"))
    assert "    roof/      1      1       1  What keeps the rain out." in text.splitlines()
    assert "10 files" in text
    assert "5 floors; circles of imports: 1 between files, 0 between folders" in text
    assert "  4  house 2" in text.splitlines()
    assert text.endswith("Circles between files\n  house/door.py ↔ house/wall.py")


def test_the_map_has_the_folders_and_their_sentences_alone():
    assert layout.map_of(layout_of(HOUSE, "made_up")).splitlines() == [
        "made_up/   A package that is made up.",
        "  house/",
        "    roof/  What keeps the rain out.",
        "  plan/    What is to be built.",
    ]


@pytest.fixture
def repository(tmp_path):
    """A repository whose first commit has the made-up package, with another file in the work tree since."""

    def git(*arguments):
        person = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
        subprocess.run(["git", *person, *arguments], cwd=tmp_path, check=True, capture_output=True)

    for path, text in HOUSE.items():
        file = tmp_path / "made_up" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    git("init")
    git("add", "made_up")
    git("commit", "-m", "The house")
    (tmp_path / "made_up" / "garden.py").write_text("import made_up.house.door\n")
    return tmp_path


def test_a_revision_is_read_as_it_was_and_the_folder_as_it_is(repository):
    assert sources.from_revision(repository / "made_up", "HEAD") == HOUSE
    assert set(sources.from_folder(repository / "made_up")) == {*HOUSE, "garden.py"}
    assert (repository / "made_up" / "garden.py").exists()


def test_the_command_prints_json_and_refuses_a_revision_that_is_not_there(repository, monkeypatch, capsys):
    monkeypatch.setattr(layout, "PACKAGE", repository / "made_up")
    monkeypatch.setattr(sys, "argv", ["layout.py", "--at", "HEAD", "--json"])
    assert layout.main() == 0
    assert json.loads(capsys.readouterr().out)["floors"][-1] == ["house/roof/tile.py"]
    monkeypatch.setattr(sys, "argv", ["layout.py", "--at", "no_such_revision"])
    assert layout.main() == 2
    assert "no_such_revision" in capsys.readouterr().err
