"""What the pages name is there: links and anchors, files and folders, functions, tests; and their Python can be compiled."""

import ast
import re
import sys
from pathlib import Path

import pytest

import rllib_remix

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

import layout
from structure.folders import layout_of
from structure.imports import import_statements
from structure.sources import from_folder

ROOT = Path(__file__).parent.parent
FOLDERS = ("", "docs/", "docs/api/", "docs/weightings/")
PAGES = sorted(page for folder in FOLDERS for page in ROOT.glob(f"{folder}*.md"))
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
CODE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+)\)")
# `units`: a_test, another_test
TEST = re.compile(r"`([\w/]+?)(?:\.py)?`:\s+(\w+_\w+_\w+(?:,\s+\w+_\w+_\w+)*)")


def text_of(page):
    return page.read_text(encoding="utf-8")


def anchors(page):
    """The anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ +(.*)$", CODE.sub("", text_of(page)), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


def dead_links(page):
    """The links of a page within the repository that lead nowhere."""
    dead = []
    for link in LINK.findall(CODE.sub("", text_of(page))):
        path, _, anchor = link.partition("#")
        if re.match(r"\w+:", path):
            continue  # somewhere in the internet
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_no_link_is_dead(page):
    assert dead_links(page) == []


def test_every_page_is_linked_from_another_and_from_the_readme_step_by_step():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        paths = {link.partition("#")[0] for link in LINK.findall(text_of(page))}
        targets = {(page.parent / path).resolve() for path in paths if path.endswith(".md")}
        waiting.extend(targets - reached)
    assert set(PAGES) <= reached


def test_a_dead_link_and_a_dead_anchor_are_found(tmp_path):
    (tmp_path / "other.md").write_text("# A `name`, and more\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](other.md#a-name-and-more) [b](#here) [c](https://example.org/x) [d](gone.md) [e](other.md#gone) [f](#gone)\n"
        "## Here\n```bash\n# gone\n[g](gone.md)\n```\n"
    )
    assert dead_links(page) == ["gone.md", "other.md#gone", "#gone"]


def words_in_code(page):
    """What stands in code on a page, in lines and in blocks."""
    code = [
        *re.findall(r"`([^`\n]+)`", CODE.sub("", text_of(page))),
        *(text for _, text in CODE.findall(text_of(page))),
    ]
    return {word.strip("'\",:;()") for text in code for word in text.split()}


def place(path):
    """A file or folder that a page names: `scripts/demo` of the repository, `models/mixers.py` of the package."""
    return next((at for at in (ROOT / path, ROOT / "rllib_remix" / path) if at.exists()), None)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_files_and_folders_that_are_named_exist(page):
    roots = ("rllib_remix/", "scripts/", "tests/", "tuned_examples/", "docs/")
    paths = {word.split(":")[0] for word in words_in_code(page) if re.fullmatch(r"[\w./-]+(:[\w.]+)?", word)}
    named = {path for path in paths if path.startswith(roots) or re.fullmatch(r"\w+/[\w/]+\.py", path)}
    assert [path for path in sorted(named) if not place(path)] == []


def defined(path):
    """Every name that a file defines: of functions, classes, their methods and attributes, and of its constants."""
    found = set()

    def collect(body, prefix):
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
                if isinstance(node, ast.ClassDef):
                    collect(node.body, f"{prefix}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
                found.update(
                    ast.literal_eval(node.value)
                )  # what a folder offers is loaded when it is touched
            found.update(prefix + target.id for target in targets if isinstance(target, ast.Name))

    collect(ast.parse(path.read_text(encoding="utf-8")).body, "")
    return found


def is_importable(name):
    """Whether `rllib_remix.name` is there: a module, or what one offers; nothing is loaded."""
    path, _, last = name.replace(".", "/").rpartition("/")
    if place(f"rllib_remix/{name.replace('.', '/')}.py") or place(
        f"rllib_remix/{name.replace('.', '/')}/__init__.py"
    ):
        return True
    if not path:
        return last in rllib_remix.__all__
    module = place(f"rllib_remix/{path}.py") or place(f"rllib_remix/{path}/__init__.py")
    return module is not None and last in defined(module)


def imported(page):
    """What the Python examples of a page import from the package."""
    code = "\n".join(text for language, text in CODE.findall(text_of(page)) if language == "python")
    for module, name in import_statements(code):
        if module.split(".")[0] == "rllib_remix":
            yield f"{module}.{name}".removeprefix("rllib_remix.").rstrip(".")


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_modules_and_names_that_are_to_be_imported_exist(page):
    named = set(re.findall(r"\brllib_remix\.([\w.]*\w)", "\n".join(words_in_code(page))))
    names = named | (set(imported(page)) - {"rllib_remix"})
    assert [name for name in sorted(names) if not is_importable(name)] == []


def test_python_examples_can_be_compiled():
    examples = [
        (page, text)
        for page in PAGES
        for language, text in CODE.findall(text_of(page))
        if language == "python"
    ]
    assert len(examples) >= 6
    for page, text in examples:
        compile(text, str(page), "exec")


# The tests that docs/smac_sim.md names.


def named_tests():
    for part, names in TEST.findall(text_of(ROOT / "docs" / "smac_sim.md")):
        file = part if "/" in part else f"tests/envs/smac_sim/test_{part}"
        yield from ((f"{file}.py", f"test_{name}") for name in re.split(r",\s+", names))


def test_there_are_such_names():
    assert len(list(named_tests())) > 80


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_a_test_that_backs_a_line_is_there(file, name):
    assert f"def {name}(" in text_of(ROOT / file)


# The map in CONTRIBUTING.md.

MAP = text_of(ROOT / "CONTRIBUTING.md")
# `team/algorithm.py:TeamAlgorithm.training_step`; `learning/` is a folder, `models/mixers.py` a file, of rllib_remix
PLACE = re.compile(r"`([\w./]+\.py):([\w.]+)`")
FILE = re.compile(r"`([\w/]+(?:\.py|/))`")


@pytest.mark.parametrize("path", sorted(set(FILE.findall(MAP)) | {path for path, _ in PLACE.findall(MAP)}))
def test_a_file_that_the_map_names_is_there(path):
    assert place(path)


@pytest.mark.parametrize(("path", "name"), sorted(set(PLACE.findall(MAP))))
def test_a_function_that_the_map_names_is_there(path, name):
    assert name in defined(place(path))


def test_the_map_answers_ten_questions_and_more():
    questions = re.findall(r"^\| (?:\*\*)?[^|]*\?", MAP, flags=re.MULTILINE)
    assert len(questions) >= 10
    assert len(set(PLACE.findall(MAP))) >= 20


def test_the_tree_of_the_map_is_that_of_the_code():
    """If it is not: scripts/layout.py --map prints it."""
    (drawn,) = (text for _, text in CODE.findall(MAP) if text.startswith("rllib_remix/"))
    assert drawn == layout.map_of(layout_of(from_folder(ROOT / "rllib_remix"), "rllib_remix")) + "\n"
