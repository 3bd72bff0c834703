"""The HTTP service: dialects that translate requests and views over one set of use cases."""
