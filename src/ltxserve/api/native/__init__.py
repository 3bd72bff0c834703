"""The native dialect: everything a request can say, problem details for what goes wrong."""
