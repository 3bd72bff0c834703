"""Backends execute plans: the port in base.py, one implementation per way of running a model."""
