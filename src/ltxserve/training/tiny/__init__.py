"""The built-in model's world and its training: drawn clips, captions, sounds, each part's fitting.

It knows nothing of the engine that later runs the model.
"""
