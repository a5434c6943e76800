"""Moves documents from staging into the GED, locks there what was taken in charge, and erases what was withdrawn.

It answers for the one checked copy in the GED and for the absence of any copy after a withdrawal. It does not decide
what is taken or withdrawn (the catalog does), and it serves no bytes to anybody.
"""
