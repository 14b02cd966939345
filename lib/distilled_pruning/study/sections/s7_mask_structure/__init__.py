"""Section 7: what the masks of two ways share, and what lies in the weights they dispute."""
