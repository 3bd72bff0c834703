"""Rules of the house as tests: each file is one rule and says how to obey it."""
