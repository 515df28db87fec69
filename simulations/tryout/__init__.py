"""`hushrec-simulate try`: a page on which one is a person for a while, and sees what a release makes of it."""

from simulations.tryout.pages import make_page, serve_tryout
from simulations.tryout.visitor import Visitor

__all__ = ["Visitor", "make_page", "serve_tryout"]
