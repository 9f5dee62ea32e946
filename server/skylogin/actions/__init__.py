"""Skygear's actions, from payload to result; knows no HTTP."""
