"""How fast this machine is, and how fast the library is beside its peers."""
