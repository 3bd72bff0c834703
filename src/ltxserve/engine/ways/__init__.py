"""Ways to make a clip from a video or to a sound: what the model is given, what is delivered."""
