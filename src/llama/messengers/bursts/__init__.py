"""What messengers of gamma-ray bursts have in common, itself no messenger: the record of a list (`record`, the first
thing to read), the product that makes it, fields of notices, and which events a notice is news for.
"""
