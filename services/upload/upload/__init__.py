"""Intake: receives files over tus 1.0, checks them, stores them in staging and announces them.

It answers for a file from its first byte until another service has heard of it: resumable on any replica, one writer
at a time, checked, receipted, and announced in the same write that makes it final. It does not answer for what
happens to a document afterwards: the move into the GED, the mails and every decision are other services'.
"""
