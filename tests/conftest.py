"""What tests of several pages need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from distilled_pruning.study.book import exhibits


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What cells display; whatever is recorded in the sources, here nothing is."""
    import IPython.display

    monkeypatch.setattr(exhibits, "find", lambda names: None)
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw, metadata: found.append({**data, **metadata}))
    yield found
