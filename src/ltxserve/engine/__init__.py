"""Turns requests into clips: the plan is pure and light, the engine and its backends are heavy."""
