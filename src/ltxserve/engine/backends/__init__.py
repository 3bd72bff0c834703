"""Backends execute plans: the port in base.py, and one implementation per way of running a model."""
