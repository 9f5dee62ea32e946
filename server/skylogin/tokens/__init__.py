"""Custom tokens in, access tokens out."""
