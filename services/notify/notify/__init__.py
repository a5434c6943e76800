"""E-mail alerts: who is told of a deposit, a publication or a return, and that each is told once.

It gathers the documents of one deposit into one digest and sends one mail to each recipient. It never sends a file,
decides nothing about documents, and keeps no address: those are read from the directory when a mail goes out.
"""
