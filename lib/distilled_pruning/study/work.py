"""How each kind of job is done: the table from kinds to makers and probes."""

from __future__ import annotations

import functools

from ..errors import InputError
from . import makers, probes
from .attempt import Context
from .entry import Result
from .instruments import Connect, Evaluate, HessianDiagonal, Landscape, MaskStatistics, Robustness, Spectrum
from .jobs import Job
from .kinds import Distill, Prune, Train


@functools.singledispatch
def perform(job: Job, context: Context) -> Result:
    """Do a job and return its result."""
    raise InputError(f"no way is known to do a job of kind {job.kind!r}")


perform.register(Distill, makers.distill)
perform.register(Train, makers.train)
perform.register(Prune, makers.prune)
perform.register(Evaluate, probes.evaluate)
perform.register(Connect, probes.connect)
perform.register(HessianDiagonal, probes.hessian_diagonal)
perform.register(Spectrum, probes.spectrum)
perform.register(Landscape, probes.plane)
perform.register(Robustness, probes.robust)
perform.register(MaskStatistics, probes.mask_statistics)
