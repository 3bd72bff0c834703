"""Use cases: where jobs, credits, files and the engine meet; knows no HTTP and no command line."""
