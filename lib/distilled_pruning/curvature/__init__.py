"""Exact second derivatives of a network's loss along single weights; :mod:`distilled_pruning.hessian` is the face.

The modules, from the ground up: ``graph`` reads a network into steps whose derivatives are known, or says which one
is not; ``tape`` runs a batch of images through the steps; ``gauss_newton`` squares the logits' derivatives;
``tangents`` carries directions forward and bends them at the normalisation layers; ``structured`` puts the two
together; ``loop`` is the double backward for everything else; ``krylov`` has the trace and the top eigenvalues.
"""
