"""Where generations run: a port and its pools of workers. Start at base.py."""
