"""Figures that are computed once and written down."""
