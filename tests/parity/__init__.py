"""The same small weights in Lightricks' own classes and in ours: what comes out has to be the same.

Needs their packages, which are no dependency of this project (their licence is not ours):
LTX_REFERENCE names the folders that hold `ltx_core`, `ltx_pipelines` (1.2.0), `ltx_video` and what
they import (einops, OpenImageIO, torchaudio, of which nothing is called), with the system's path
separator between. Without it, these tests are skipped.
"""
