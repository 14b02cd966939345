"""Results read from Python, in three calls: a figure's numbers, the verdicts on all claims, one network.

Each takes what is recorded with the sources and what this machine's store holds alike; ``evidence`` says which. In any
folder: a copy of the book is used where there is one, else what an installed wheel holds.

Examples:
    >>> from distilled_pruning import results
    >>> lines = results.frame("barriers")
    >>> sorted(lines.groupby(["method", "level"])["error_rise"].mean().index.unique("method"))[:2]
    ['dense', 'distilled']
    >>> results.claims("recorded").set_index("id").loc["dense-unstable-conv", "verdict"]
    'reproduced'
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from .errors import InputError, unknown

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from .study.engine.store import Store
    from .study.results.recorded import Recorded

__all__ = ["claims", "frame", "network"]

_BEST, _RECORDED, _RUN = "best", "recorded", "run"
_EVIDENCE = (_BEST, _RECORDED, _RUN)
_END, _START = "end", "start"


def frame(figure: str, evidence: str = _BEST, *, preset: str | None = None, **parameters: Any) -> pd.DataFrame:
    """Read the tidy frame behind a figure: one row per measurement, with the key of its result.

    Args:
        figure: Name of a figure, as ``distilled-pruning run`` takes it: ``"fig2"``, ``"fig3"``, ``"barriers"``,
            ``"hessian"`` and so on; an unknown name is answered with all of them.
        evidence: ``"recorded"``: what is kept with the sources, at the largest scale that has any. ``"run"``: what the
            store holds under the parameters. ``"best"``: recorded where there is any and no parameters are given,
            else of the run.
        preset: Scale or variant whose parameters a run has (``"reduced"``, ``"reduced/resnet18"``), or a YAML file of
            parameters; the notebook's own by default.
        **parameters: Parameters of the notebook that differ, such as ``levels=3``; ``store`` is one of them.

    Returns:
        The frame. Its ``attrs`` hold ``figure``, ``evidence`` (recorded or run) and ``scale``. Columns are those of the
        figure; losses are cross-entropies in nats, accuracies and error rises shares of 1.

    Raises:
        InputError: There is no such figure, parameter or result.

    Examples:
        >>> fig3 = frame("fig3")
        >>> fig3.attrs["evidence"], {"method", "level", "alpha", "loss"} <= set(fig3)
        ('recorded', True)
        >>> frame("figure 3")
        Traceback (most recent call last):
        ...
        distilled_pruning.errors.InputError: unknown figure 'figure 3' (did you mean 'fig3'?): choose one of ...
    """
    from . import plugins
    from .study.parameters.presets import PRESETS
    from .study.sections.registry import EXPERIMENTS

    plugins.load()
    _check(evidence, bool(preset or parameters))
    if figure not in EXPERIMENTS:
        raise unknown("figure", figure, EXPERIMENTS)
    if evidence != _RUN and not (preset or parameters):
        for scale in reversed(PRESETS):
            found = _recorded().table(figure, scale)
            if len(found):
                found.attrs = {"figure": figure, "evidence": _RECORDED, "scale": scale}
                return found
        if evidence == _RECORDED:
            raise InputError(f"nothing is recorded of {figure}: ask for evidence='run', or record a run of it")
    from .study.parameters.presets import PRESETS, resolve
    from .study.sections.section import Section

    section = Section(resolve(EXPERIMENTS[figure].notebook, parameters.items(), preset))
    found = section.frame(figure)
    if found.empty:
        next(iter(section.store), None)  # raises where the folder cannot be read
        words = ["distilled-pruning", "run", figure, *section.parameters.anywhere, "--store", str(section.store.root)]
        raise InputError(
            f"the store {section.store.root} holds no result of {figure}: compute them with `{shlex.join(words)}`"
        )
    found.attrs = {"figure": figure, "evidence": _RUN, "scale": section.parameters.scale}
    return found


def claims(evidence: str = _BEST, *notebooks: str, preset: str | None = None, **parameters: Any) -> pd.DataFrame:
    """Judge the claims of the papers, and the companion's own questions.

    Args:
        evidence: ``"recorded"``, ``"run"`` or, by default, ``"best"``: of each claim the recorded judgement where there
            is one, else that of the run.
        *notebooks: Notebooks whose claims are meant, such as ``"s4-stability"``; all by default, which must then all
            take the parameters.
        preset: As for :func:`frame`.
        **parameters: As for :func:`frame`; those that a notebook does not declare leave it as it is.

    Returns:
        A row for each claim, with ``id``, ``paper`` (the text making it), ``where``, ``statement``, ``paper_value``,
        ``value``, ``interval`` (95 %, of the mean over initialisations) and ``unit`` by setting, ``n`` initialisations,
        ``scale``, ``data``, ``verdict`` and ``evidence``, which is empty for a claim that nothing was run for.

    Raises:
        InputError: There is no such parameter or preset.

    Examples:
        >>> verdicts = claims("recorded")
        >>> bool(verdicts["id"].is_unique), set(verdicts["evidence"]) <= {"recorded", ""}
        (True, True)
    """
    import pandas as pd

    from .study.judging.ledger import judge, judge_recorded
    from .study.sections.targets import find, sections_of

    _check(evidence, bool(preset or parameters))
    if evidence == _RECORDED:
        meant = sections_of(find(notebooks)) if notebooks else []
        rows = judge_recorded(meant, everything=not notebooks).rows()
        return pd.DataFrame([_line(row, row["recorded"], _RECORDED) for row in rows])
    sections = sections_of(find(notebooks, parameters.items(), preset))
    rows = judge(sections, everything=not notebooks, recorded={} if evidence == _RUN else None).rows()
    best = [("recorded", _RECORDED) if row["recorded"] else ("this_run", _RUN) for row in rows]
    return pd.DataFrame([_line(row, row[name], found) for row, (name, found) in zip(rows, best, strict=True)])


def network(
    key: str, evidence: str = _BEST, *, at: str = _END, dataset: str | None = None, store: str | None = None
) -> nn.Module:
    """Rebuild the network behind a result.

    Args:
        key: Of a training, or of a pruning: the column ``key`` of :func:`frame`, or what ``distilled-pruning plan
            --json`` lists.
        evidence: ``"recorded"``, ``"run"`` (the store) or, by default, whichever of them has it.
        at: ``"end"``: with its trained weights. ``"start"``: as its training begins, the subnetwork at initialisation
            or at its rewinding point; a pruning's network is always at its start. Large networks' trained weights are
            not recorded, their masks are.
        dataset: Path of the images, of a network for one's own: results name those by their content alone.
        store: Folder of the run's results; the usual one by default.

    Returns:
        The network on the CPU in evaluation mode; pruned weights are exactly 0.

    Raises:
        InputError: There is no such result, it is of another kind, or its weights were not kept.

    Examples:
        >>> rows = frame("fig2", "recorded").query("method == 'imp'")
        >>> row = rows.loc[rows["level"].idxmax()]
        >>> net = network(row["key"], at="start")
        >>> weights = [w for name, w in net.named_parameters() if w.ndim > 1]
        >>> kept = sum(int((w != 0).sum()) for w in weights) / sum(w.numel() for w in weights)
        >>> bool(abs(kept - 0.8 ** row["level"]) < 1e-3)
        True
    """
    from .study.jobs import check_key

    if at not in (_END, _START):
        raise unknown("moment of a network", at, (_END, _START))
    _check(evidence, False)
    found = _Reader(evidence, store)
    spec = found.spec(check_key(key))
    if spec["kind"] not in ("train", "prune"):
        of = [value["job"] for value in spec["fields"].values() if isinstance(value, dict) and "job" in value]
        raise InputError(
            f"{key} is a result of kind {spec['kind']!r}: give the key of a training or of a pruning"
            + (f", such as {of[0]} that it is about" if of else "")
        )
    net = _initial(spec["fields"], found, dataset)
    mask = key if spec["kind"] == "prune" else spec["fields"].get("mask", {}).get("job")
    if spec["kind"] == "train" and at == _END:
        _fill(net, found.arrays(key))
    elif begin := spec["fields"].get("start"):
        _fill(net, found.arrays(begin["job"]))
    elif spec["fields"].get("rewind", "all") != "all":
        raise InputError(f"{key} begins with the biases of another training: ask for at='end'")
    if mask:
        from . import pruning

        pruning.Mask.unpack(found.arrays(mask)).apply(net)
    return net.eval()


class _Reader:
    """Reads results by key from a store, from what is recorded, or from whichever has them."""

    def __init__(self, evidence: str, store: str | None) -> None:
        from .study.engine.store import Store

        self.store: Store | None = None if evidence == _RECORDED else Store(store)
        self.recorded: Recorded | None = None if evidence == _RUN else _recorded()

    def spec(self, key: str) -> dict[str, Any]:
        """Describe a result."""
        if self.store is not None and self.store.sound(key):
            return dict(self.store.read(key)["spec"])
        if self.recorded is not None and self.recorded.path(key).exists():
            return dict(self.recorded.read(key)["spec"])
        places = [str(place.root) for place in (self.store, self.recorded) if place is not None]
        raise InputError(f"no result {key} is in {' or '.join(places)}: compute it with `distilled-pruning run {key}`")

    def arrays(self, key: str) -> dict[str, Any]:
        """Read what is large of a result."""
        for place in (self.store, self.recorded):
            if place is not None and place.has(key):
                return place.load(key).arrays
        raise InputError(
            f"the weights of {key} are not here, since large ones are not recorded: "
            f"ask for at='start', or train it again with `distilled-pruning run {key}`"
        )


def _check(evidence: str, changed: bool) -> None:
    """Raise :class:`InputError` for an unknown kind of evidence, or for recorded results under other parameters."""
    if evidence not in _EVIDENCE:
        raise unknown("evidence", evidence, _EVIDENCE)
    if evidence == _RECORDED and changed:
        raise InputError("recorded results have the parameters they were recorded with: leave out preset and others")


def _recorded() -> Recorded:
    """Give the folder of recorded results."""
    from .study.parameters.notebooks import home
    from .study.results.recorded import Recorded

    return Recorded(home() / "results")


def _line(row: dict[str, Any], judged: dict[str, Any] | None, evidence: str) -> dict[str, Any]:
    """Write one claim with one judgement on it."""
    from .study.judging.verdicts import NOT_RUN

    about = {name: row[name] for name in ("id", "paper", "where", "statement", "paper_value")}
    found = judged or {"verdict": NOT_RUN, "n": 0}
    said = {name: found.get(name) for name in ("n", "scale", "data", "verdict")}
    settings = [item for item in found.get("findings", ()) if item["primary"] and item["n"]]
    by_setting = {
        "value": {item["setting"]: item["value"] for item in settings},
        "interval": {item["setting"]: item["interval"] for item in settings},
        "unit": {item["setting"]: item["unit"] for item in settings},
    }
    return {**about, **by_setting, **said, "evidence": "" if found["verdict"] == NOT_RUN else evidence}


def _initial(fields: dict[str, Any], found: _Reader, dataset: str | None) -> nn.Module:
    """Build the network that a training or a pruning names, at initialisation."""
    from .models import networks
    from .study.jobs import Data, Network
    from .study.jobs.inputs import build_network

    named = fields.get("data") or fields["source"]
    if "job" in named:
        named = found.spec(named["job"])["fields"]["data"]
    name = named.get("name", dataset)
    if name is None:
        raise InputError("this network is for images of one's own: name their file or folder with dataset=")
    options = {option: value for option, value in named.items() if option not in ("name", "digest")}
    data = Data(name, **options)
    if "name" not in named and data.digest != named["digest"]:
        raise InputError(f"{name} does not hold the images that this network is for: name those")
    images = networks.Images(data.called, data.pixels, data.info.channels, len(data.info.classes))
    made = dict(fields["network"])
    code = made.pop("code", None)
    if code is not None and networks.digest(made["model"]) != code:
        raise InputError(
            f"the file of {made['model']} has changed since this result was computed: restore it as it was"
        )
    return build_network(Network(**made), images)


def _fill(net: nn.Module, arrays: dict[str, Any]) -> None:
    """Put stored weights into a network."""
    from .study.jobs.inputs import to_tensors

    net.load_state_dict(to_tensors(arrays))
