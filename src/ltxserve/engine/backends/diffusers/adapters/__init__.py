"""Adapters (LoRA): read strictly, added beside the weights for one run, and taken off again."""
