"""Measures what clips of the small world show and sound like, from pixels and samples alone.

The measuring modules know names and colours of the world but none of the code that draws it.
"""
