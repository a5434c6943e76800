"""What is where and in which state.

Answers for: the list of documents (made from events alone), the decisions on them (taken, returned, withdrawn),
their bytes for those who may see them, sign-in and sessions, the directory, live hints, and the portal's pages. Not
for: receiving files (upload), moving and erasing them (ged-mover), or writing mails (notify).
"""
