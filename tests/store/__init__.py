"""Tests of the store on every database."""
