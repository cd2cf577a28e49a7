"""Batches over files: where rows come from, what is asked for each, and where the answers go.

    source (rows of columns) → plan (row → request) → batch → plan (answer → record) → sink

Each part can be used alone; `antiphon batch` puts them together.
"""
