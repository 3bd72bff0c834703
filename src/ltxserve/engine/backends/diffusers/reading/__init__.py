"""Reads the vendor's own files into diffusers' classes: layouts are data, checks are strict."""
