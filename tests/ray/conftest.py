"""Who submits and pays in tests of services on Ray."""

from tests.payers import front, payer

__all__ = ["front", "payer"]
