"""What the prose pages are made of: templates, the evidence of a claim, the picture, the cards, scales and compute."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import Any

import pytest
from distilled_pruning.errors import InputError
from distilled_pruning.study.book import editions, evidence, hero, pages, previews, regime, templates, values
from distilled_pruning.study.display import Picture
from distilled_pruning.study.judging import ledger
from distilled_pruning.study.parameters.notebooks import home
from distilled_pruning.study.parameters.presets import resolve
from distilled_pruning.study.results.recorded import Recorded
from PIL import Image
from test_figures import written


def said(verdict: str, *settings: tuple[str, float, Any, str], **more: Any) -> dict[str, Any]:
    """A judgement as ``check --json`` prints it."""
    items = [
        {"setting": name, "value": 100 * value, "n": 5, "verdict": found, "primary": True}
        | {"interval": bounds and [100 * bound for bound in bounds]}
        for name, value, bounds, found in settings
    ]
    found = {"findings": [{**item, "unit": "points"} for item in items], "verdict": verdict, "n": 5, "scale": "live"}
    return {**found, "data": "digits", "failed": [], "unsure": [], "word": verdict, "exploratory": False, **more}


RUN = said("reproduced", ("59 %", -0.01, [-0.02, 0.001], "reproduced"), ("87 %", 0.02, None, "undecided"))
KEPT = said("contradicted", ("59 %", 0.06, None, "contradicted"), n=3, scale="reduced", data="cifar10")
ROW: dict[str, Any] = {
    "id": "syn-stable-conv",
    "paper": "arXiv:2503.17905",
    "where": "section 4, Fig. 3",
    "statement": "Subnetworks found with *distilled* data | <are> stable.",
    "paper_value": "about 0",
    "rule": "error rise below 2 points",
    "recorded": None,
    "this_run": RUN,
    **RUN,
}
OURS = {**ROW, "id": "control-short-loop", "paper": "this companion", "where": "controls"}


def turned(row: dict[str, Any], verdict: str) -> dict[str, Any]:
    """The same row with another verdict of this run."""
    return {**row, "verdict": verdict, "this_run": None if verdict == "not run" else {**RUN, "verdict": verdict}}


@pytest.fixture(scope="module")
def base() -> dict[str, Any]:
    """Every value, of the recorded results alone."""
    rows = ledger.judge([]).rows()
    return values.gather([], {}, rows, rows)


def scorecard(base: dict[str, Any], *rows: dict[str, Any]) -> str:
    """The scorecard of some rows."""
    found = list(evidence.gather(rows).values())
    named = {"papers": [i for i in found if not i.ours], "questions": [i for i in found if i.ours]}
    return templates.write(home(), "scorecard.md", {**base, **named})


# Templates


def test_a_name_that_nothing_stands_for_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    page = tmp_path / "book/page.md"
    for text, message in (
        ("{{ answr }}", "'answr' is undefined.*choose one of answer"),
        ("{% for %}", r"book/page\.md, line 1"),
        ('{% include "nowhere.md" %}', r"book/nowhere\.md, which does not exist"),
        ("{{ '%d' % answer }}", "cannot be written"),
    ):
        page.write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=message):
            templates.write(tmp_path, "page.md", {"answer": "x"})
    page.write_text("[a]{#b .c} {{ answer | plain }}\n<!--# not shown #-->", encoding="utf-8")
    assert templates.write(tmp_path, "page.md", {"answer": "a|b"}) == "[a]{#b .c} a\\|b\n"


def test_values_are_written_for_reading() -> None:
    """Dashes for nothing, three digits, true minus signs, no markup left live."""
    assert pages.show(None) == pages.show("") == pages.show(float("nan")) == "–"
    assert pages.show(-0.012345) == "−0.0123"
    assert pages.show([-0.5, 2]) == "[−0.5, 2]"
    assert pages.show("a|b*c") == r"a\|b\*c"


# Evidence


def test_the_best_evidence_decides_and_this_run_stands_beside() -> None:
    (found,) = evidence.gather([{**ROW, "recorded": KEPT}]).values()
    assert (found.best.verdict, found.best.kind, found.best.scale, found.best.n) == ("contradicted", "no", "reduced", 3)
    assert found.live is not None and found.live.verdict == "reproduced" and found.differs
    (alone,) = evidence.gather([ROW]).values()
    assert alone.best.verdict == "reproduced" and alone.live is None and not alone.differs
    assert alone.best.settings == ("✓ 59 %: −1.0 points [−2.0, 0.1]", "? 87 %: +2.0 points")
    (waiting,) = evidence.gather([{**turned(ROW, "not run"), "recorded": KEPT}]).values()
    assert waiting.best.verdict == "contradicted" and waiting.live is None


def test_our_questions_have_words_of_their_own() -> None:
    pairs = {"reproduced": "supported", "mixed": "mixed", "contradicted": "refuted", "undecided": "open"}
    for paper, question in {**pairs, "not run": "not run"}.items():
        papers, ours = evidence.gather([turned(ROW, paper), turned(OURS, question)]).values()
        assert (papers.best.verdict, ours.best.verdict) == (paper, question) and papers.best.kind == ours.best.kind


def test_verdicts_are_counted_apart_and_add_up(base: dict[str, Any]) -> None:
    for group in (base["papers"], base["questions"]):
        counts = evidence.count(group)
        assert sum(n for _, _, n in counts) == len(group) and all(n for _, _, n in counts)
    assert not any(item.ours for item in base["papers"])
    assert len(base["papers"]) + len(base["questions"]) == len(base["claims"])
    assert not {word for word, _, _ in evidence.count(base["papers"])} & {"supported", "refuted", "open"}


# Scorecard


def test_a_row_has_verdict_evidence_scale_rule_and_place(base: dict[str, Any]) -> None:
    text = scorecard(base, {**ROW, "recorded": KEPT}, OURS)
    row = text[text.index('id="claim-syn-stable-conv"') - 200 : text.index('id="claim-control-short-loop"')]
    assert "*distilled* data | &lt;are&gt; stable" in row and "2025 paper, section 4, Fig. 3" in row
    assert "✗ 59 %: +6.0 points" in row and "reduced, n&nbsp;=&nbsp;3" in row and "error rise below 2 points" in row
    assert row.index("contradicted</span>") < row.index("this run ≠") < row.index("reproduced</span>")
    assert 'class="claim is-no is-differing"' in row
    assert text.index("The papers’ 1 claims") < text.index("Our 1 questions")


def test_rows_keep_their_order_whatever_ran(base: dict[str, Any]) -> None:
    rows = [{**ROW, "id": name} for name in ("hess-std", "match-imp", "one-basin")]
    ran = [turned(row, verdict) for row, verdict in zip(rows, ("not run", "reproduced", "partly"), strict=True)]
    order = [re.findall(r'id="claim-([a-z-]+)"', scorecard(base, *some)) for some in (rows, ran)]
    assert order[0] == order[1] == ["hess-std", "match-imp", "one-basin"]


def test_every_kind_of_verdict_has_its_filter(base: dict[str, Any]) -> None:
    css = (home() / "book/assets/book.css").read_text(encoding="utf-8")
    text = scorecard(base, ROW)
    for kind in {*evidence.KINDS.values(), evidence.OPEN}:
        assert f'id="f-{kind}"' in text and f"#f-{kind}:checked) tr.claim:not(.is-{kind})" in css


# The picture


def test_the_picture_shows_what_is_recorded(base: dict[str, Any]) -> None:
    found = base["hero"]
    assert [dot.method for dot in found.dots][:2] == ["dense", "imp"]
    frame = Recorded(home() / "results").table("barriers", "reduced")
    dense = frame[(frame["model"] == "convnet3") & (frame["dataset"] == "cifar10") & (frame["method"] == "dense")]
    rises = dense.groupby("init")["error_rise"].mean()
    assert found.dots[0].mean == pytest.approx(100 * rises.mean())
    assert all(dot.text in found.alt and dot.name in found.alt for dot in found.dots)
    wide, narrow = (hero.draw(found.dots, on_phone) for on_phone in (False, True))
    for figure in (wide, narrow):
        assert all(dot.text in written(figure) for dot in found.dots)
    assert wide.get_figwidth() > 2 * 3.6 > narrow.get_figwidth() - 0.2


def test_nothing_of_the_picture_is_cut_off_or_covered(base: dict[str, Any]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for on_phone in (False, True):
        figure = hero.draw(base["hero"].dots, on_phone)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        whole = figure.bbox
        boxes = [text.get_window_extent() for text in figure.axes[0].texts]
        assert all(box.x0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1 for box in boxes)
        assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])


def test_the_same_results_give_the_same_picture(base: dict[str, Any], tmp_path: Path) -> None:
    assert hero.files(base["hero"]) == hero.files(base["hero"])
    assert all(content.startswith(b"<?xml") for content in hero.files(base["hero"]).values())
    assert hero.find(tmp_path) is None


def test_the_welcome_page_stands_without_a_picture(base: dict[str, Any]) -> None:
    text = templates.write(home(), "welcome.md", {**base, "hero": None, "scales": []})
    assert "<figure" not in text and "No result from real images" in text


# Cards


def test_a_card_has_the_first_picture_and_its_label() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (1400, 700), "red").save(buffer, "png")
    png = {"data": {"image/png": base64.b64encode(buffer.getvalue()).decode()}}
    html = {
        "data": {"text/html": ["<div>", Picture(b"<svg/>", "seen", 10, name="fig-x", narrow=b"<g/>")._repr_html_()]}
    }
    cells = [
        {"cell_type": "markdown", "source": ["# A title\n", "text"], "metadata": {}},
        {"cell_type": "code", "source": "", "metadata": {}, "outputs": [{"name": "stdout", "text": "x"}]},
        {"cell_type": "code", "source": "", "metadata": {}, "outputs": [png]},
    ]
    found = previews.of_page("one", {"cells": cells})
    assert (found.title, found.label, found.file) == ("A title", "", "one.png")
    assert Image.open(io.BytesIO(found.picture)).size == (640, 320)
    drawn = previews.of_page("one", {"cells": [*cells[:2], {**cells[2], "outputs": [html]}]})
    assert drawn == previews.Preview("A title", "fig-x", f"pages/{editions.file_name(b'<svg/>', 'svg')}", b"<svg/>")
    assert previews.of_page("one", {"cells": cells[:2]}) == previews.Preview("A title")


# Scales and compute


def test_the_compute_is_that_of_all_recorded_results() -> None:
    found = regime.spent(home() / "results")
    folder = Recorded(home() / "results")
    assert found.results == len(list(folder)) and sum(found.devices.values()) == pytest.approx(found.hours)
    largest = max(record.seconds for record in folder.records()) / 3600
    together = sum(record.seconds for record in folder.records()) / 3600
    assert largest < found.hours < together, "figures share results"


def test_scales_stand_side_by_side(base: dict[str, Any]) -> None:
    rows = {row[0]: row[1:] for row in regime.table(home() / "results", base["hero"].record.parameters, None)}
    assert rows["Network"][0] == "ConvNet-3 of width 128" and rows["Steps of one round, IMP"][0] == "234\u202f600"
    assert rows["Accuracy of training on that set"][0] == "67.5 %"
    assert f"width {base['hero'].record.parameters['width']}" in rows["Network"][1]
    assert {row[2] for row in rows.values()} == {"–"}
    here = regime.table(home() / "results", None, resolve(regime.PAGE))
    assert {row[2] for row in here} == {"–"} and {row[0]: row[3] for row in here}["Training"].startswith("10 epochs")


def test_the_findings_show_every_scale(base: dict[str, Any]) -> None:
    text = templates.write(home(), "findings.md", base)
    shown = text.index('<figure class="evidence" id="scale">')
    assert shown < text.index("## The papers’ main claims") and "ResNet-18, width 8, 2 epochs at 0.03" in text
    assert any(item.name == "draw_scale" for item in base["drawing"]), "its code can be read"
