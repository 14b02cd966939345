"""What others' tools read of this copy agrees with what is there."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from distilled_pruning.study.book import description
from distilled_pruning.study.parameters import notebooks
from distilled_pruning.study.parameters.presets import bases
from distilled_pruning.study.results.recorded import Recorded
from distilled_pruning.study.sections.registry import EXPERIMENTS

ROOT = notebooks.home()
RESULTS = ROOT / "results"
AGAIN = re.compile(r": distilled-pruning repeat (\S+) -f (\S+)$")


@pytest.fixture(scope="module")
def crate() -> dict[str, Any]:
    return dict(json.loads((ROOT / description.CRATE).read_text(encoding="utf-8")))


@pytest.mark.thorough
def test_what_is_committed_is_what_would_be_written(tmp_path: Path) -> None:
    """After a merge of recorded results: `distilled-pruning describe`."""
    for name in (description.CRATE, description.CHECK, description.PICTURE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(RESULTS, tmp_path / "results", dirs_exist_ok=True)
    assert description.describe(tmp_path) == [], "run distilled-pruning describe, and commit what it writes"
    (tmp_path / description.CHECK).unlink()
    assert description.describe(tmp_path) == [tmp_path / description.CHECK]


def test_every_recorded_file_is_described_with_its_content(crate: dict[str, Any]) -> None:
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    parts = {part["@id"] for part in entities["./"]["hasPart"]}
    folders = tuple(name for name in parts if name.endswith("/"))
    for path in (path for path in RESULTS.rglob("*") if path.is_file()):
        name = path.relative_to(RESULTS).as_posix()
        if name == "ro-crate-metadata.json" or name.startswith(folders):
            continue
        if name.startswith("papers/"):
            continue  # other people's numbers, under their own terms
        content = path.read_bytes()
        assert name in parts, name
        assert entities[name]["sha256"] == hashlib.sha256(content).hexdigest(), name
        assert entities[name]["contentSize"] == len(content)
    assert all((RESULTS / name).exists() for name in parts)


def test_the_crate_holds_together(crate: dict[str, Any]) -> None:
    """What RO-Crate 1.1 asks for: a descriptor, a root, and no reference to nowhere."""
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    assert crate["@context"] == "https://w3id.org/ro/crate/1.1/context"
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    assert entities["./"]["@type"] == "Dataset" and {"name", "description", "license"} <= set(entities["./"])

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [value["@id"]] if set(value) == {"@id"} else [r for item in value.values() for r in references(item)]
        return [r for item in value for r in references(item)] if isinstance(value, list) else []

    named = {reference for entity in crate["@graph"] for reference in references(entity)}
    assert named - set(entities) == {description._CRATE_PROFILE}
    made = {entity["result"]["@id"] for entity in crate["@graph"] if entity["@type"] == "CreateAction"}
    assert made == {name for name in entities if name.startswith("frames/")}


def test_the_manifest_lists_every_figure_and_table() -> None:
    content = yaml.safe_load((ROOT / description.CHECK).read_text(encoding="utf-8"))
    files = {entry["file"]: entry["comment"] for entry in content["manifest"]}
    assert content["version"].startswith("https://codecheck.org.uk/spec/config/1.0")
    assert len(files) == len(content["manifest"])
    shown = " ".join(comment for name, comment in files.items() if name.endswith(".html"))
    assert all(f"({name})" in shown for name in EXPERIMENTS)
    frames = {f"results/frames/{record.frame[0]}" for record in Recorded(RESULTS).records() if record.frame}
    assert {name for name in files if name.startswith("results/")} == frames
    pages = {f"_build/html/notebooks/{name}.html" for name in notebooks.notebooks()}
    assert {name for name in files if name.startswith("_build")} == pages
    for figure, preset in {found.groups() for comment in files.values() if (found := AGAIN.search(comment))}:
        assert preset in bases(EXPERIMENTS[figure].notebook)
