"""Measures Alur beside what the same machine can do at best, in one run: `make bench`.

`stage` sets up, `load` asks over HTTP, `floors` does the same writes by hand, `empty` answers without doing anything,
`invariants` counts what was promised, `sections` tells where a step's time goes, `report` says it all.
"""
