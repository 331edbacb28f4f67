"""Scores the IR that a model wrote: does it compute the right thing?"""
