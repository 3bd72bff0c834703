"""Small replicas of the vendor's files: official names, types and metadata, random numbers."""
