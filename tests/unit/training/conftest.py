"""One thread each for OpenCV and torch, so that test workers do not fight over cores."""

import cv2
import torch

cv2.setNumThreads(1)
torch.set_num_threads(1)
