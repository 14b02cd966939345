"""Section 4.2: the exact diagonal of the Hessian, and its largest eigenvalues."""
