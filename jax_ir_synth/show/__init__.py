"""Rows to look at: printed in the terminal, or as a page to browse many of them."""
