"""Storms: a service whose processes are killed and stopped at random while it works."""
