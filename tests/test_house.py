"""What holds of the house as a whole: no circles, rooms that know only rooms below them, and sizes that can be read.

What does not hold yet is listed by name and size: nothing may join a list, and what is mended must leave it.
"""

from __future__ import annotations

import ast
import functools
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import distilled_pruning
import pytest

PACKAGE = Path(distilled_pruning.__file__).parent
NAME = PACKAGE.name
MODULE_LINES, FUNCTION_LINES, PARAMETERS = 330, 70, 9
# From the ground up; those of one line do not know each other either.
ROOMS = (
    "jobs display",
    "engine",
    "parameters",
    "results",
    "judging",
    "sections",
    "campaign repeat",
    "book",
    "commands",
)


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@functools.cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imported(name: str) -> set[str]:
    """What a module imports of this package: at its top, for types alone, or late within a function."""
    found: set[str] = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.ImportFrom):
            base = name.split(".") if MODULES[name].name == "__init__.py" else name.split(".")[:-1]
            above = base[: len(base) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            found |= {within if (within := f"{module}.{alias.name}") in MODULES else module for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {other for other in found if other in MODULES and other != name}


IMPORTS = {name: imported(name) for name in MODULES}


def circles() -> set[frozenset[str]]:
    """Sets of modules that all lead to each other (Tarjan)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found = set()

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in IMPORTS[name]:
            if other not in order:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            members = list(itertools.takewhile(lambda other: other != name, iter(stack.pop, None)))
            if members:
                found.add(frozenset(short(other) for other in (*members, name)))

    for name in MODULES:
        if name not in order:
            visit(name)
    return found


def short(name: str) -> str:
    return name.removeprefix(f"{NAME}.").removeprefix("study.")


def test_no_circle_of_imports() -> None:
    assert circles() == set()


def test_a_circle_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(IMPORTS, f"{NAME}.errors", {f"{NAME}.training.recipe"})
    assert any({"errors", "training.recipe"} <= found for found in circles())


def room_of(name: str) -> str:
    parts = name.split(".")
    return parts[2] if parts[1:2] == ["study"] and len(parts) > 2 else ""


def climbing() -> set[tuple[str, str]]:
    """Pairs of modules of which the first knows one of a room that is not below its own."""
    floor = {room: number for number, rooms in enumerate(ROOMS) for room in rooms.split()}
    pairs = ((name, other) for name, others in IMPORTS.items() for other in others)
    rooms = ((name, other, room_of(name), room_of(other)) for name, other in pairs)
    return {
        (short(name), short(other))
        for name, other, here, there in rooms
        if here and there and here != there and floor[there] >= floor[here]
    }


def test_every_room_has_its_floor() -> None:
    assert {room_of(name) for name in MODULES} - {""} == {room for rooms in ROOMS for room in rooms.split()}


def test_a_room_knows_only_rooms_below_it() -> None:
    assert climbing() == set()


def test_study_has_at_most_nine_floors() -> None:
    assert len(ROOMS) <= 9


def test_the_library_knows_nothing_of_the_study() -> None:
    """But for the ways in: the command, its completion, and the reading of results."""
    doors = {f"{NAME}.{door}" for door in ("cli", "completion", "results", "__main__")}
    numerics = {name for name in MODULES if not name.startswith(f"{NAME}.study")} - doors
    known = {(name, other) for name in numerics for other in IMPORTS[name] if other.startswith(f"{NAME}.study")}
    assert not known


def test_loading_the_library_loads_none_of_the_study() -> None:
    doors = ("cli", "completion", "results", "__main__")
    names = [name for name in MODULES if not name.startswith(f"{NAME}.study") and name.split(".")[-1] not in doors]
    code = f"import importlib, sys\nfor name in {names!r}: importlib.import_module(name)\n"
    assert loaded(code + f"print([name for name in sys.modules if name.startswith({NAME + '.study'!r})])") == "[]"


def test_help_loads_neither_library_nor_study() -> None:
    """What the command itself is made of, and nothing that computes or knows a notebook."""
    own = {"cli", "completion", "errors", "exits", "signals", "usage", "disk", "places"}
    code = f"""import sys, contextlib, io
from distilled_pruning import cli
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    cli.main(["--help"])
print(sorted(name for name in sys.modules if name.startswith({NAME + "."!r})))
"""
    names = {name.removeprefix(f"{NAME}.") for name in ast.literal_eval(loaded(code))}
    assert names <= own


def loaded(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for name in MODULES:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{short(name)}.{node.name}", node


def width(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    names = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def over(sizes: Iterable[tuple[str, int]], most: int) -> dict[str, int]:
    return {name: size for name, size in sizes if size > most}


def module_lines() -> dict[str, int]:
    sizes = ((short(name), len(path.read_text(encoding="utf-8").splitlines())) for name, path in MODULES.items())
    return over(sizes, MODULE_LINES)


def function_lines() -> dict[str, int]:
    return over(((name, (node.end_lineno or 0) - node.lineno + 1) for name, node in functions()), FUNCTION_LINES)


def parameters() -> dict[str, int]:
    return over(((name, width(node)) for name, node in functions()), PARAMETERS)


# As they are: none may grow, and what is brought within the bounds leaves the list.
LONG_MODULES: dict[str, int] = {}
LONG_FUNCTIONS = {}
WIDE_FUNCTIONS = {
    "book.build.build": 10,
}
SIZES = pytest.mark.parametrize(
    ("measured", "known"),
    [(module_lines, LONG_MODULES), (function_lines, LONG_FUNCTIONS), (parameters, WIDE_FUNCTIONS)],
    ids=["lines of a module", "lines of a function", "parameters"],
)


@SIZES
def test_nothing_grows_out_of_its_bounds(measured: Callable[[], dict[str, int]], known: dict[str, int]) -> None:
    found = measured()
    assert {name: size for name, size in found.items() if size > known.get(name, 0)} == {}
    assert not known.keys() - found.keys(), "these are within the bounds now: strike them from the list"


JOURNEY = """
import contextlib, importlib, io, json, pkgutil, sys
import distilled_pruning
for module in pkgutil.walk_packages(distilled_pruning.__path__, "distilled_pruning."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
root, files = distilled_pruning.__path__[0], set()
def enter(frame, event, argument):
    if event == "call" and frame.f_code.co_filename.startswith(root):
        files.add(frame.f_code.co_filename[len(root) + 1:])
{before}
sys.setprofile(enter)
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    {journey}
sys.setprofile(None)
print(json.dumps(sorted(files)))
"""
SMALL = {
    "seeds": 1, "levels": 1, "measured_levels": "0,1", "epochs": 1, "inner_steps": 5, "sets": 1, "width": 4,
    "inner_learning_rate": 0.1, "replicates": 2, "ipc": 1, "methods": "dense,imp",
}  # fmt: skip


def entered(journey: str, before: str, folder: Path) -> list[str]:
    """Files of the package that a journey enters, its imports left out."""
    code = JOURNEY.format(journey=journey, before=before)
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    return json.loads(found.stdout.splitlines()[-1])  # type: ignore[no-any-return]


def run_fig3(folder: Path) -> list[str]:
    pairs = [word for name, value in SMALL.items() for word in ("-p", name, str(value))]
    words = ["run", "fig3", *pairs, "--jobs", "1", "--device", "cpu", "--store", str(folder / "store")]
    return entered(f"assert cli.main({words!r}) == 0", "from distilled_pruning import cli", folder)


def ask_claims(folder: Path) -> list[str]:
    before = f"""import os
os.environ["DISTILLED_PRUNING_STORE"] = {str(folder / "store")!r}
from distilled_pruning.study.book import notebook
page = notebook.start("s4-stability", {{}})
"""
    return entered("page.claims()", before, folder)


@pytest.mark.slow
@pytest.mark.parametrize(("make", "known"), [(run_fig3, 60), (ask_claims, 42)], ids=["run fig3", "claims"])
def test_no_journey_grows_longer(make: Callable[[Path], list[str]], known: int, tmp_path: Path) -> None:
    files = make(tmp_path)
    assert len(files) <= known, files
