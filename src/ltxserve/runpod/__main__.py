"""`python -m ltxserve.runpod`: start the worker; see startup."""

import sys

from ltxserve.runpod.startup import main

if __name__ == "__main__":
    sys.exit(main())
