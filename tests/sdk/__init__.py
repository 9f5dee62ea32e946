"""The original's client SDKs, unchanged, against a server of ours."""
