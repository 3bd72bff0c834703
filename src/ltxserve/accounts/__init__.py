"""Who asks: accounts with their limits, and the API keys that speak for them; knows no money."""
