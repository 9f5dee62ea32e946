"""The aiohttp application and its life cycle."""
