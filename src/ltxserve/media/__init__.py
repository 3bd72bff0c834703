"""Video, pictures and sound between files and arrays; knows nothing of models or requests.

Import from the modules: `encode` (write_video), `decode` (read_image, read_video, read_sound),
`probe`, `frames`, `thumbnail`, `sound`, `metadata`, `rates`.
"""
