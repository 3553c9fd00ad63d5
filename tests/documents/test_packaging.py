"""What a package index and a user's pip get: the wheel, its metadata and its files, and the source distribution."""

import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest
import yaml
from packaging.requirements import Requirement
from pages.blocks import ROOT

import rllib_remix

PLACEHOLDER = "https://github.com/OWNER/rllib_remix"
COPIED = ("rllib_remix", "tuned_examples", "docs", "scripts", "tests", ".ci", ".github")
WITHOUT = shutil.ignore_patterns("__pycache__", "*.egg-info", "site", "demo_results")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with the wheel and the source distribution of this tree."""
    folder = tmp_path_factory.mktemp("built")
    tree = folder / "tree"
    tree.mkdir()
    for path in ROOT.iterdir():
        if path.name in COPIED:
            shutil.copytree(path, tree / path.name, ignore=WITHOUT)
        elif path.is_file():
            shutil.copy(path, tree)
    for kind in ("bdist_wheel", "sdist"):
        build = [sys.executable, "setup.py", "-q", kind, "--dist-dir", str(folder / "dist")]
        done = subprocess.run(build, cwd=tree, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "Unknown distribution option" not in done.stderr
    return folder / "dist"


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_string(wheel.read(name).decode())


@pytest.mark.battery  # builds both
def test_the_metadata_says_what_an_index_shows(metadata):
    assert metadata["Version"] == rllib_remix.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Author"] == "The rllib_remix project"
    assert metadata["Requires-Python"] == ">=3.10"
    assert "reinforcement-learning" in metadata["Keywords"]
    classifiers = metadata.get_all("Classifier")
    assert "Operating System :: POSIX :: Linux" in classifiers
    assert not [line for line in classifiers if "Windows" in line or "License" in line]
    for url in metadata.get_all("Project-URL"):
        assert url.split(", ")[1].startswith(PLACEHOLDER)


@pytest.mark.battery
def test_nothing_is_required_by_an_address_which_an_index_refuses(metadata):
    assert [line for line in metadata.get_all("Requires-Dist") if Requirement(line).url] == []


@pytest.mark.battery
def test_links_and_pictures_of_the_readme_lead_to_the_repository(metadata):
    text = metadata.get_payload()
    links = re.findall(r"(!?)\[[^\]]*\]\(([^()\s]+)\)", text)
    assert [link for _, link in links if not link.startswith("https://")] == []
    assert [link for mark, link in links if mark] == [
        f"{PLACEHOLDER}/raw/main/docs/results/studies/small_epsilon.png"
    ]
    assert f"({PLACEHOLDER}/blob/main/docs/algorithms.md#sources)" in text


@pytest.mark.battery
def test_the_wheel_has_the_package_its_types_its_examples_and_nothing_else(wheel):
    names = set(wheel.namelist())
    assert {name.split("/")[0] for name in names} == {
        "rllib_remix",
        f"rllib_remix-{rllib_remix.__version__}.dist-info",
    }
    sources = {str(path.relative_to(ROOT)) for path in ROOT.glob("rllib_remix/**/*.py")}
    examples = {f"rllib_remix/{path.relative_to(ROOT)}" for path in ROOT.glob("tuned_examples/**/*.yaml")}
    studies = {str(path.relative_to(ROOT)) for path in ROOT.glob("rllib_remix/studies/declared/*.yaml")}
    zoo = {str(path.relative_to(ROOT)) for path in ROOT.glob("rllib_remix/zoo/teams/*/*")}
    assert examples
    assert studies
    assert zoo
    assert sources | examples | studies | zoo | {"rllib_remix/py.typed"} == {
        name for name in names if name.startswith("rllib_remix/")
    }
    (scripts,) = (name for name in names if name.endswith("entry_points.txt"))
    assert "rllib = rllib_remix.cli.main:main" in wheel.read(scripts).decode()


@pytest.mark.battery
def test_the_source_distribution_has_what_its_tests_read(built):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    here = {
        str(each.relative_to(ROOT))
        for folder in COPIED
        for each in (ROOT / folder).rglob("*")
        if each.is_file() and not {"__pycache__", "demo_results"} & set(each.parts) and each.suffix != ".pyc"
    }
    assert here <= names
    top = {path.name for path in ROOT.iterdir() if path.is_file() and path.name not in (".git", ".coverage")}
    assert top <= names


def test_the_readme_can_be_read_in_some_minutes():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1200


def test_placeholders_of_the_repositorys_address_are_marked_and_the_same():
    marked = [
        (path.name, line)
        for path in (ROOT / "setup.py", ROOT / "mkdocs.yml", ROOT / "CITATION.cff")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "github.com/" in line
    ]
    assert [name for name, _ in marked] == ["setup.py", "mkdocs.yml", "CITATION.cff"]
    for name, line in marked:
        assert PLACEHOLDER in line, name
        assert "# PLACEHOLDER" in line, name


def test_the_citation_has_the_version_and_both_papers():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == rllib_remix.__version__
    titles = [reference["title"].partition(":")[0] for reference in citation["references"]]
    assert titles == ["ReMIX", "MAC-PO"]


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/**/*.yml")), ids=lambda path: path.name)
def test_a_workflow_or_form_can_be_read_and_depends_on_no_secret(path):
    text = path.read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    assert "secrets." not in text
    for script in re.findall(r"run: (?:\S+ )*?(scripts/\S+)", text):
        assert (ROOT / script).exists()


def test_the_workflow_tries_every_python_the_oldest_ray_the_pinned_one_and_the_lowest_versions():
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))["jobs"]
    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    pythons = jobs["suite"]["strategy"]["matrix"]["python"]
    assert pythons == re.findall(r'"Programming Language :: Python :: (3\.\d+)"', setup)
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (oldest,) = re.findall(r'"ray\[rllib\]>=([\d.]+),', setup)
    (pinned,) = re.findall(r"^ray==(\S+)$", constraints, flags=re.MULTILINE)
    tried = jobs["versions"]["strategy"]["matrix"]["of"]
    assert tried == [f"--ray {oldest}.0 --tests", f"--ray {pinned} --tests", "--lowest"]


def test_hooks_before_a_commit_are_local():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [each["repo"] for each in hooks["repos"]] == ["local"]
