"""skylogin: Skygear v1's login with custom token, as a server of its own."""

__version__ = "0.1.0"
