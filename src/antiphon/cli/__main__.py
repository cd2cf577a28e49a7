"""`python -m antiphon.cli`: the same as `antiphon`."""

from . import main

main()
