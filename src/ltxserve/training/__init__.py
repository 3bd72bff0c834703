"""Training: the built-in tiny model (and later LoRAs). It knows no jobs, no money and no HTTP."""
