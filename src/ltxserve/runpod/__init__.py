"""The RunPod Serverless worker: the engine behind RunPod's queue. `python -m ltxserve.runpod`."""
