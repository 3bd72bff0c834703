"""The simple dialect: generate, status and result, as a video editor's client polls them."""
