"""Doors for people and other systems."""
