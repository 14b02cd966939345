"""What others' tools read of this copy: its results as an RO-Crate, its figures as a CODECHECK manifest, one picture.

Written from what is recorded, by ``distilled-pruning describe`` and after every ``record``; never by hand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ... import __version__
from ..engine.entry import sha256
from ..results.recorded import EVER, FRAMES, INDEX, Record, Recorded
from ..sections.registry import EXPERIMENTS, Experiment
from ..sections.section import preset_of

CRATE = "results/ro-crate-metadata.json"
CHECK = "codecheck.yml"
PICTURE = "book/assets/hero.svg"
_CRATE_PROFILE = "https://w3id.org/ro/crate/1.1"
_CHECK_VERSION = "https://codecheck.org.uk/spec/config/1.0/"
_LICENCE = "https://spdx.org/licenses/MIT"
_PAPERS = {
    "2503.17905": (
        "Finding Stable Subnetworks at Initialization with Dataset Distillation",
        ("Luke McDermott", "Rahul Parhi"),
    ),
    "2307.03364": (
        "Distilled Pruning: Using Synthetic Data to Win the Lottery",
        ("Luke McDermott", "Daniel Cummings"),
    ),
}


def describe(root: Path) -> list[Path]:
    """Write all of it.

    Args:
        root: The copy of the book.

    Returns:
        The files that changed.

    Raises:
        InputError: What is recorded cannot be read.
    """
    import yaml

    recorded = Recorded(root / "results")
    manifest = yaml.safe_dump(_list_figures(recorded), sort_keys=False, allow_unicode=True, width=120)
    contents = {
        CRATE: json.dumps(_describe_results(recorded), indent=1, ensure_ascii=False).encode() + b"\n",
        CHECK: f"# Written by `distilled-pruning describe`.\n---\n{manifest}".encode(),
        **({PICTURE: drawn} if (drawn := _draw_picture(recorded.root)) is not None else {}),
    }
    changed = [name for name, content in contents.items() if not _is(root / name, content)]
    for name in changed:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(contents[name])
    return [root / name for name in changed]


def _is(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _draw_picture(root: Path) -> bytes | None:
    """Draw the picture of the README, that of the welcome page; ``None`` where nothing is recorded to draw it from."""
    from . import hero

    found = hero.find(root)
    return None if found is None else hero.files(found)["hero.svg"]


def _describe_results(recorded: Recorded) -> dict[str, Any]:
    """Describe the folder of recorded results as an RO-Crate 1.1: files, what made them, and from which data.

    Single results, which carry checksums of their own, go by the folder that holds them.
    """
    records = [record for record in recorded.records() if record.frame]
    files = [path for name in ("README.md", INDEX, EVER) if (path := recorded.root / name).is_file()]
    shards = sorted({path.parent for path in recorded.root.glob("??/*.json")})
    frames = {name: record for record in records for name in record.frame[:1]}
    entities = [
        *(_file(path, recorded.root, _ABOUT.get(path.name, "")) for path in files),
        *(_frame(recorded.root / FRAMES / name, recorded.root, record) for name, record in sorted(frames.items())),
        *({"@id": f"{path.name}/", "@type": "Dataset", "name": f"Results whose keys begin with {path.name}"}
          for path in shards),
    ]  # fmt: skip
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": "Recorded results of the distilled-pruning companion",
        "description": "Metrics, masks, curves and tidy frames behind the figures, each result with its own checksums.",
        "license": {"@id": _LICENCE},
        "isBasedOn": [{"@id": f"https://arxiv.org/abs/{name}"} for name in _PAPERS],
        "hasPart": [{"@id": entity["@id"]} for entity in entities],
        "mentions": [{"@id": f"#{name}"} for name in sorted(frames)],
    }
    head = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": _CRATE_PROFILE},
        "about": {"@id": "./"},
    }
    actions = [_action(name, record) for name, record in sorted(frames.items())]
    graph = [head, root, *entities, *actions, *_context(records)]
    return {"@context": f"{_CRATE_PROFILE}/context", "@graph": graph}


_ABOUT = {
    "README.md": "How the folder is laid out.",
    INDEX: "Figure, scale and parameters to the keys of their results.",
    EVER: "Every result that was ever recorded.",
}


def _file(path: Path, root: Path, about: str) -> dict[str, Any]:
    content = path.read_bytes()
    kind = {".json": "application/json", ".md": "text/markdown", ".txt": "text/plain"}[path.suffix]
    return {
        "@id": path.relative_to(root).as_posix(),
        "@type": "File",
        "description": about,
        "encodingFormat": kind,
        "contentSize": len(content),
        "sha256": sha256(content),
    }


def _frame(path: Path, root: Path, record: Record) -> dict[str, Any]:
    title = _title(record.figure)
    return _file(path, root, f"{title}, {record.scale} scale, by column.") | {
        "name": f"{record.figure}, {record.scale}"
    }


def _action(name: str, record: Record) -> dict[str, Any]:
    return {
        "@id": f"#{name}",
        "@type": "CreateAction",
        "name": f"Compute {record.figure} at {record.scale} scale ({record.seconds / 3600:.1f} hours)",
        "instrument": [{"@id": f"#{commit}"} for commit in record.code],
        "object": [{"@id": f"#{digest}"} for digest in record.data.values()],
        "result": {"@id": f"{FRAMES}/{name}"},
    }


def _context(records: list[Record]) -> Iterator[dict[str, Any]]:
    """List what the entities refer to: licence, papers, versions of the code, datasets."""
    yield {"@id": _LICENCE, "@type": "CreativeWork", "name": "MIT License"}
    for name, (title, authors) in _PAPERS.items():
        people = [{"@id": f"#{author.replace(' ', '-')}"} for author in authors]
        yield {"@id": f"https://arxiv.org/abs/{name}", "@type": "ScholarlyArticle", "name": title, "author": people}
    for author in dict.fromkeys(author for _, authors in _PAPERS.values() for author in authors):
        yield {"@id": f"#{author.replace(' ', '-')}", "@type": "Person", "name": author}
    for commit in sorted({commit for record in records for commit in record.code}):
        named = {"name": "distilled-pruning", "softwareVersion": __version__, "identifier": commit}
        yield {"@id": f"#{commit}", "@type": "SoftwareApplication", **named}
    for digest, name in sorted({digest: name for record in records for name, digest in record.data.items()}.items()):
        yield {"@id": f"#{digest}", "@type": "Dataset", "name": name, "identifier": f"sha256:{digest}"}


def _title(figure: str) -> str:
    return EXPERIMENTS[figure].title if figure in EXPERIMENTS else figure


def _list_figures(recorded: Recorded) -> dict[str, Any]:
    """List what a checker can compute again, as CODECHECK 1.0 has it: every page with its figures, every frame.

    A page's file is there after ``make book``, a frame's is kept with the sources.
    """
    pages: dict[str, list[Experiment]] = {}
    for experiment in EXPERIMENTS.values():
        pages.setdefault(experiment.notebook, []).append(experiment)
    manifest = [
        {"file": f"_build/html/notebooks/{page}.html", "comment": f"{_listed(shown)}: make book"}
        for page, shown in pages.items()
    ]
    for record in sorted(recorded.records(), key=lambda record: record.name):
        if record.frame:
            again = f"distilled-pruning repeat {record.figure} -f {preset_of(record)}"
            about = f"{_title(record.figure)}, {len(record.keys)} results at {record.scale} scale: {again}"
            manifest.append({"file": f"results/{FRAMES}/{record.frame[0]}", "comment": about})
    title, authors = _PAPERS["2503.17905"]
    return {
        "version": _CHECK_VERSION,
        "paper": {
            "title": title,
            "authors": [{"name": author} for author in authors],
            "reference": "https://arxiv.org/abs/2503.17905",
        },
        "manifest": manifest,
    }


def _listed(shown: list[Experiment]) -> str:
    return "; ".join(f"{experiment.title} ({experiment.name})" for experiment in shown)
