"""Skygear's actions, from payload to result, independent of HTTP."""
