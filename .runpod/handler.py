"""The file that RunPod's Hub looks for; the worker itself is src/ltxserve/runpod."""

import sys

from ltxserve.runpod.startup import main

if __name__ == "__main__":
    sys.exit(main())
