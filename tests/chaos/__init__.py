"""Faults of the network, the disk, the clocks and the process, each against the whole road: docs/design/faults.md."""
