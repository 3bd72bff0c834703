"""The OpenAI dialect: `client.videos` of the official SDK works against /v1."""
