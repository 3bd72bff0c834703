"""The RunPod dialect: the official SDK's Endpoint client works against /runpod/v2."""
