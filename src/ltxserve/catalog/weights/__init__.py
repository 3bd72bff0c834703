"""The weights of the catalog's rows on this machine: found, pulled, checked, removed.

Knows files and the hub; knows nothing of what is inside a model.
"""
