"""What the service costs: enqueueing, starting, telling, and its share of a job's time."""
