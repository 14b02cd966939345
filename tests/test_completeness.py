"""Nothing exists in code that no page shows, and no page names what code does not know.

The lists come from the code itself: claims, experiments, drawing functions, parameters, notebooks, generated parts.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from distilled_pruning import study
from distilled_pruning.study import sections
from distilled_pruning.study.book import notebook, templates, values
from distilled_pruning.study.judging import claims, judgement, ledger
from distilled_pruning.study.parameters.fields import FIELDS
from distilled_pruning.study.parameters.notebooks import list_pages, notebooks, notebooks_of, source
from distilled_pruning.study.parameters.presets import LIVE, PRESETS, Parameters, bases, preset
from distilled_pruning.study.sections import figures
from distilled_pruning.study.sections.registry import EXPERIMENTS, of_notebook

ROOT = Path(__file__).parent.parent
NOTEBOOKS = notebooks()
PROSE = sorted((ROOT / "book").glob("*.md"))
READERS = ("frame", "quote", "total", "show")
NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
NOT_PROSE = (
    re.compile(r"\$\$.*?\$\$|\$[^$]*\$", re.DOTALL),  # formulas
    re.compile(r"\{[a-z:-]+\}`[^`]*`"),  # roles: glued numbers, references, citations
    re.compile(r"`[^`]*`"),  # code
    re.compile(r"{%.*?%}|{{.*?}}", re.DOTALL),  # of templates
    re.compile(r"https?://[^\s)]*"),
)
LEVEL_OF_CONFIDENCE = "95 %"
NAMES_WITH_NUMBERS = re.compile(r"(?:ConvNet|ResNet|CIFAR|ImageNet|Fig\.|Figure|Figures|section|level|IMP|ICLR) ?-?\d+")


def cells(name: str, kind: str) -> list[Any]:
    """Cells of a notebook of one kind."""
    return [cell for cell in nbformat.read(source(name), as_version=4).cells if cell.cell_type == kind]


def code(name: str) -> str:
    """All code of a notebook."""
    return "\n".join(cell.source for cell in cells(name, "code"))


def calls(name: str) -> Iterator[ast.Call]:
    """All calls in a notebook."""
    for cell in cells(name, "code"):
        yield from (node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call))


def asked(name: str) -> set[str]:
    """Experiments that a notebook reads, by the name it gives to its page."""
    found = set()
    for call in calls(name):
        reader = call.func
        if isinstance(reader, ast.Attribute) and reader.attr in READERS and ast.unparse(reader.value) == "page":
            found |= {argument.value for argument in call.args if isinstance(argument, ast.Constant)}
    return found


# Claims


def test_every_claim_is_measured_and_judged_on_a_page_of_the_book() -> None:
    shown = set(notebooks_of(ROOT))
    for claim in claims.claims():
        assert claim.frames, f"{claim.id} reads no results"
        assert set(claim.frames) <= EXPERIMENTS.keys(), f"{claim.id} reads frames that nobody makes"
        assert {EXPERIMENTS[name].notebook for name in claim.frames} & shown, f"no page judges {claim.id}"


def test_a_claim_names_the_frames_that_it_reads() -> None:
    """It reads no other: a frame asked for and not named would leave the claim off the page that shows it."""

    class Asked(dict[str, Any]):
        def get(self, name: str, default: Any = None) -> Any:
            asked.add(name)
            return default

        def __getitem__(self, name: str) -> Any:
            asked.add(name)
            raise KeyError(name)

    for claim in claims.claims():
        asked: set[str] = set()
        claim.measure(Asked())
        assert asked and asked <= set(claim.frames), f"{claim.id} reads {asked - set(claim.frames)}"


@pytest.mark.thorough
def test_every_claim_has_its_row_on_the_scorecard() -> None:
    rows = [judgement.row(found) for found in judgement.judge({}, "live")]
    text = templates.write(ROOT, "scorecard.md", values.gather([], {}, rows, rows))
    assert all(text.count(f'id="claim-{claim.id}"') == 1 and claim.rule for claim in claims.claims())


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_page_shows_its_claims(name: str) -> None:
    assert bool(ledger.claims_of({item.name for item in of_notebook(name)})) == ("page.claims(" in code(name))


# Experiments and figures


def test_every_experiment_belongs_to_a_page_and_every_page_to_the_book() -> None:
    assert {experiment.notebook for experiment in EXPERIMENTS.values()} == set(NOTEBOOKS)
    assert sorted(notebooks_of(ROOT)) == NOTEBOOKS
    assert {f"book/{path.stem}" for path in PROSE} | {f"notebooks/{name}" for name in NOTEBOOKS} == set(
        list_pages(ROOT)
    )


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_page_reads_its_own_experiments_and_all_of_them(name: str) -> None:
    assert asked(name) == {experiment.name for experiment in of_notebook(name)}


TABULATED = {"cost", "orders"}


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_data_behind_every_experiment_can_be_had(experiment: str) -> None:
    """Every figure offers its data; the one that is only tabulated is downloaded with another."""
    call = r"page\.(?:show|evidence)\(\s+figures\.\w+,((?:\s+\"[a-z0-9-]+\",)+)"
    shown = re.findall(call, code(EXPERIMENTS[experiment].notebook))
    offered = {name for names in shown for name in re.findall(r'"([a-z0-9-]+)"', names)}
    assert experiment in offered | TABULATED


FIGURES = {name for name, _ in inspect.getmembers(figures, inspect.isfunction)}


def drawn(name: str) -> set[str]:
    """Figures that a notebook draws."""
    return set(re.findall(r"\bfigures\.([a-z0-9_]+)\b", code(name)))


def test_every_figure_is_on_a_page_and_every_page_draws_what_there_is() -> None:
    on_pages = set().union(*map(drawn, NOTEBOOKS))
    on_pages |= {name for page in PROSE for name in re.findall(r"`figures\.(\w+) <code-", page.read_text("utf-8"))}
    assert on_pages == FIGURES


def test_every_drawing_function_is_exported() -> None:
    """A function from a frame and a stamp to a figure is one that a page can show, or part of one."""
    for found in pkgutil.walk_packages(sections.__path__, f"{sections.__name__}."):
        if found.name.endswith(".style"):
            continue
        module = importlib.import_module(found.name)
        functions = {
            name: function
            for name, function in inspect.getmembers(module, inspect.isfunction)
            if function.__module__ == module.__name__
        }
        shown = "".join(inspect.getsource(function) for name, function in functions.items() if name in FIGURES)
        for name, function in functions.items():
            signature = inspect.signature(function)
            draws = "Figure" in str(signature.return_annotation) and "stamp" in signature.parameters
            assert not draws or name in FIGURES or f"{name}(" in shown, f"no page shows {module.__name__}.{name}"


# Parameters


def test_every_parameter_is_declared_by_a_page() -> None:
    assert {name for page in NOTEBOOKS for name in bases(page)[LIVE]} == set(FIELDS)


def read_from_parameters() -> dict[str, str]:
    """Names that code reads from parameters, each with the module that does."""
    members = set(dir(Parameters)) | {"notebook", "bases"}
    found = {}
    for path in Path(str(study.__path__[0])).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("parameters", "self.parameters", "p"):
                if node.attr not in members:
                    found[node.attr] = path.stem
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                holder = ast.unparse(node.func.value)
                if isinstance(node.args[0], ast.Constant) and (holder.endswith("parameters") or holder == "p"):
                    found[str(node.args[0].value)] = path.stem
    return found


def test_code_reads_only_parameters_that_a_page_can_set() -> None:
    """The reverse: a parameter that code reads and no page declares could never be changed."""
    read = read_from_parameters()
    assert len(read) > 20
    assert not {f"{name} in {module}.py" for name, module in read.items() if name not in FIELDS}


@pytest.mark.parametrize("scale", PRESETS)
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_page_has_its_scales(name: str, scale: str) -> None:
    path = preset(source(name), scale)
    assert path.is_file(), f"{name} cannot be run at {scale} scale"
    assert scale in bases(name)


def test_no_preset_is_without_its_page() -> None:
    assert {path.stem for path in (ROOT / "notebooks/presets").rglob("*.yaml")} <= set(NOTEBOOKS)


# Numbers and outputs


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_no_number_is_typed_where_numbers_are_glued(name: str) -> None:
    """Paragraphs that report a run hold no number of their own: it would stay when the run changes."""
    for cell in cells(name, "markdown"):
        for paragraph in cell.source.split("\n\n"):
            if "{glue:text}" not in paragraph:
                continue
            for pattern in NOT_PROSE:
                paragraph = pattern.sub("", paragraph)
            paragraph = NAMES_WITH_NUMBERS.sub("", paragraph.replace(LEVEL_OF_CONFIDENCE, ""))
            assert not NUMBER.findall(paragraph), f"{name}, {cell.id}: typed beside glued numbers in {paragraph[:80]!r}"


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.stem)
def test_prose_types_no_measured_number(path: Path) -> None:
    """What was measured reaches prose through generated parts; decimals elsewhere are the papers' or versions'."""
    if path.stem == "deviations":
        return  # states what the papers print
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    for pattern in NOT_PROSE:
        text = pattern.sub("", text)
    text = re.sub(r"Python \d\.\d+|\d+\.0\.0\.1:\d+", "", text)
    assert not re.findall(r"\d+\.\d+", text)


def test_the_stated_threshold_is_the_one_that_judges() -> None:
    from distilled_pruning.study.judging.verdicts import INSTABILITY_THRESHOLD

    stated = re.compile(rf"(?:below|less than) {100 * INSTABILITY_THRESHOLD:.0f} points")
    for path in (ROOT / "book/scorecard.md", ROOT / "book/glossary.md", source("s4-stability")):
        assert stated.search(path.read_text(encoding="utf-8")), path.name


@pytest.mark.thorough
def test_every_value_is_asked_for_and_every_effect_is_of_a_claim() -> None:
    pages = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "book").rglob("*.md")}
    text = "\n".join(pages.values())
    made = values.gather([], {}, [], [])
    assert not [name for name in made if not re.search(rf"[{{(\s]{name}\b", text)]
    named = set(re.findall(r'{{ effect\("([^"]+)"\) }}', pages["deviations.md"]))
    assert named and named <= {claim.id for claim in claims.claims()}
    measured = set(re.findall(r'{{ measured\("([^"]+)"\) }}', pages["deviations.md"]))
    assert measured == set(made["effects"])
    assert set(re.findall(r"{{ speed\.(\w+) }}", pages["how-fast.md"])) == set(made["speed"])


def test_no_output_is_committed() -> None:
    """Executed notebooks, built pages, stores and caches stay out of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        tracked = [str(path.relative_to(ROOT)) for path in (ROOT / "notebooks").rglob("*.ipynb")]
    else:
        tracked = [name for name in listed.stdout.split("\0") if name]
    made = ("_build/", ".store/", ".venv/", "__pycache__/", ".ipynb_checkpoints/")
    assert not [name for name in tracked if any(folder in f"/{name}" for folder in made)]
    for name in tracked:
        if name.endswith(".ipynb"):
            assert name.startswith("notebooks/"), f"{name} is not a page"
            content = json.loads((ROOT / name).read_text(encoding="utf-8"))
            cells_with_code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
            assert not [cell for cell in cells_with_code if cell["outputs"] or cell["execution_count"] is not None]


def test_pages_offer_what_notebooks_call() -> None:
    """A method of the page that no notebook uses is a feature nobody sees."""
    public = {name for name, _ in inspect.getmembers(notebook.Page, inspect.isfunction) if not name.startswith("_")}
    used = {
        call.func.attr
        for name in NOTEBOOKS
        for call in calls(name)
        if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value) == "page"
    }
    assert public == used & public, f"no notebook calls {public - used}"
