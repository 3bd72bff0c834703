"""What the engine costs beside the libraries it stands on."""
