"""Runs LTX models on diffusers: loading, conditions, the denoising run, decoding in chunks."""
