"""Recordings of simulations, whatever their format, as four tables."""
