"""Clips joined into one, frame-exact and in sync; knows nothing of where clips come from.

Import from the modules: `nouns` (what is asked), `parse`, `judge`, `plan` (what will be done,
pure), `run` (`write_stitch`). Everything streams: memory does not grow with the clips' length.
"""
