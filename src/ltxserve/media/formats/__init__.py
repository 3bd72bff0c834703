"""One file per output format; `media.encode` is the only caller."""
