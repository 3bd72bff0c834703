"""The built-in model's world and how it is trained: drawn clips, captions, sounds, and the fitting of each part.

It knows nothing of the engine that later runs the model.
"""
