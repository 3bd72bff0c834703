"""ltxserve: LTX video models behind one Python call, one command and one service."""

__version__ = "0.1.0"
