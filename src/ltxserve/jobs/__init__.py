"""Durable jobs: states, rows and events, and the engine that runs them; knows no model."""
