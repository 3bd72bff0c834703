"""Measurements of the project's own claims; nothing here is part of the installed package."""
