"""Figures of the controls: what they draw, that nothing is clipped, that collapsed tickets are marked."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import matplotlib.text
import numpy as np
import pandas as pd
import pytest
from distilled_pruning.study import control_tables, figures
from distilled_pruning.study.display import png
from distilled_pruning.study.figures.ladders import with_rows
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

STAMP = "custom: live, ipc 2 · dataset digits, image_size 16, model convnet3, width 16, learning_rate 0.3, epochs 30"
MAIN = {"dense": 0.5, "imp": 0.3, "distilled": 0.1, "real-short": 0.0}
REST = {"magnitude": 0.8, "shuffled": 0.9, "synflow": 0.7}
RATES = {"imp": (0.3,), "distilled": (0.3, 0.1), "real-short": (0.3, 0.1)}


def named(method: str, rate: float, level: int, init: int, model: str = "convnet3") -> dict[str, Any]:
    """Columns that name a ticket."""
    setting = "" if not rate else "equal rate" if rate == 0.3 else "gentle rate"
    labels = {"dataset": "digits", "model": model, "method": method, "setting": setting, "rate": rate}
    return {**labels, "level": level, "sparsity": 1 - 0.8**level, "init": init, "pair": "0-1", "key": "k"}


def measured(barrier: float, init: int) -> dict[str, Any]:
    """Columns that a line has, from its barrier."""
    found = {"barrier": barrier + 0.02 * init, "maximum": barrier, "error_rise": barrier / 4 + 0.001 * init}
    found |= {"end_loss": 0.2 - 0.1 * barrier + 0.01 * init, "end_accuracy": 0.98, "accuracy": 0.97 + 0.001 * init}
    return {**found, "distance": 2.0, "survivors": 724, "inner_accuracy": 0.9, "collapsed": False}


def controls(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Tickets of main and other methods, as the experiment gives them."""
    rows = []
    for model in models:
        for method, barrier in {**MAIN, **REST}.items():
            for rate in RATES.get(method, (0.0,)):
                for init in range(seeds if method in MAIN else 1):
                    for level in (0,) if method == "dense" else (4, 9):
                        far = 1.0 + rate + 0.01 * init if method in RATES else float("nan")
                        line = named(method, rate, level, init, model) | measured(barrier, init) | {"travelled": far}
                        rows.append(line | {"collapsed": method == "synflow"})
    return pd.DataFrame(rows)


def dose(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Tickets over steps and rates."""
    return pd.DataFrame(
        [
            named(method, rate, 9, init, model)
            | measured(0.1 * rate, init)
            | {"steps": steps, "travelled": 0.1 * steps**0.5 * rate}
            for model in models
            for method in ("distilled", "random-real", "real-short")
            for rate in (0.3, 0.1)
            for steps in (40, 300, 1350)
            for init in range(seeds)
        ]
    )


def kinship(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """Comparisons of every two of four masks."""
    masks = [("imp", 0.3), ("distilled", 0.3), ("distilled", 0.1), ("magnitude", 0.0)]
    return pd.DataFrame(
        [
            named(*a, 9, init, model) | {"other": b[0], "other_rate": b[1], "layered_ratio": 1.0 + 0.1 * (i + j)}
            for model in models
            for i, a in enumerate(masks)
            for j, b in enumerate(masks[:i])
            for init in range(seeds)
        ]
    )


def protocols(seeds: int = 3, models: tuple[str, ...] = ("convnet3",)) -> pd.DataFrame:
    """The same tickets measured in two ways."""
    return pd.DataFrame(
        [
            named(method, rate, 9, init, model) | measured(MAIN[method], init) | {"protocol": way}
            for model in models
            for method, rate in (("imp", 0.3), ("distilled", 0.3))
            for way in ("as here", "unmasked")
            for init in range(seeds)
        ]
    )


Frame = Callable[..., pd.DataFrame]
DRAWN: dict[str, tuple[Frame, Callable[..., Figure]]] = {
    "controls": (controls, figures.controls),
    "equal_loss": (controls, figures.equal_loss),
    "dose": (dose, figures.dose),
    "kinship": (kinship, figures.kinship),
    "protocols": (protocols, figures.protocols),
}


def written(figure: Figure) -> str:
    """Everything a figure says, line breaks aside."""
    found = figure.findobj(matplotlib.text.Text)
    said = [text.get_text() for text in found if text.get_visible()]  # type: ignore[attr-defined]
    return " ".join(" ".join(said).split())


def fits(figure: Figure) -> bool:
    """Whether nothing that is drawn reaches over the figure's edge."""
    drawn = figure.get_tightbbox(FigureCanvasAgg(figure).get_renderer())
    width, height = figure.get_size_inches()
    return bool(drawn.x0 > -0.01 and drawn.y0 > -0.01 and drawn.x1 < width + 0.01 and drawn.y1 < height + 0.01)


@pytest.mark.parametrize(
    ("name", "models"),
    [*((name, ("convnet3",)) for name in DRAWN), *((name, ("convnet3", "resnet10")) for name in ("controls", "dose"))],
)
def test_figures_are_stamped_legible_and_not_blank(name: str, models: tuple[str, ...]) -> None:
    frame, draw = DRAWN[name]
    figure = draw(frame(models=models), STAMP)
    picture = np.asarray(Image.open(io.BytesIO(png(figure))).convert("RGB"))
    assert (picture == 255).all(axis=2).mean() < 0.97, "blank"
    assert STAMP in written(figure) and "3 initialisations" in written(figure)
    assert fits(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_a_figure_without_results_says_so(name: str) -> None:
    frame, draw = DRAWN[name]
    assert "Nothing has been computed" in written(draw(frame().iloc[:0], STAMP))


@pytest.mark.parametrize("name", DRAWN)
def test_one_initialisation_gives_a_figure_without_interval(name: str) -> None:
    frame, draw = DRAWN[name]
    said = written(draw(frame(seeds=1), STAMP))
    assert "1 initialisation" in said and "95 %" not in said


def test_rows_on_fewer_initialisations_are_said_to_be() -> None:
    assert "n = 3 initialisations where there is a bar, else 1" in written(figures.controls(controls(), STAMP))


def test_a_rung_shows_the_mean_of_what_did_not_collapse() -> None:
    frame = controls()
    frame.loc[(frame["method"] == "imp") & (frame["init"] == 2), "collapsed"] = True
    ax = figures.controls(frame, STAMP).axes[0]
    rung = list(with_rows(frame)[1]).index("IMP")
    big = [
        line
        for line in ax.lines
        if line.get_marker() == "o" and abs(float(np.asarray(line.get_ydata())[0]) - rung) < 0.5
    ]
    assert [float(np.asarray(line.get_xdata())[0]) for line in big] == pytest.approx([0.31, 0.31])
    crosses = [line for line in ax.lines if line.get_marker() == "x" and len(np.asarray(line.get_xdata()))]
    assert len(crosses) == 4  # two levels of SynFlow, two of IMP


def test_only_pairs_trained_alike_are_joined_by_a_solid_line() -> None:
    frame = controls()
    frame.loc[frame["method"] == "distilled", "end_loss"] = 1.0
    frame.loc[frame["method"] == "real-short", "end_loss"] = 0.1
    ax = figures.equal_loss(frame, STAMP).axes[0]
    joined = {
        line.get_linestyle()
        for line in ax.lines
        if max(np.asarray(line.get_xdata())) == 1.0 and line.get_linestyle() != "None"
    }
    assert joined - {"-"} == {":"}
    solid = [line for line in ax.lines if line.get_linestyle() == "-" and min(np.asarray(line.get_xdata())) == 0.1]
    assert len(solid) == 6


def test_collapsed_tickets_are_not_compared_at_equal_loss() -> None:
    assert "SynFlow" not in written(figures.equal_loss(controls(), STAMP))


def test_the_same_frame_gives_the_same_bytes() -> None:
    assert png(figures.controls(controls(), STAMP)) == png(figures.controls(controls(), STAMP))


def test_tables_have_every_number_with_its_interval_and_n() -> None:
    table = control_tables.controls(controls())
    (row,) = (row for row in table.rows if row[0] == "IMP" and row[1] == "9")
    assert row[3] == "0.320 [0.270, 0.370]" and row[-1] == "3"  # .30, .32, .34; t(.975, 2) = 4.303
    assert any("SynFlow (collapsed)" in row[0] for row in table.rows)
    assert "724 to 724 at level 9" in table.note
    assert all("Magnitude" not in row[0] for row in control_tables.loops(controls()).rows)
    assert len(control_tables.dose(dose()).rows) == 3 * 2 * 3
    assert [row[0] for row in control_tables.protocols(protocols()).rows][:2] == ["IMP: as here", "IMP: unmasked"]
    for make in (control_tables.controls, control_tables.loops, control_tables.dose, control_tables.protocols):
        assert "Nothing has been computed" in make(controls().iloc[:0]).note
