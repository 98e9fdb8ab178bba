"""What a run found, for people: tables, pictures, one page.

Imports ``dah.evaluation``'s names of figures and below; nothing computes with what is here.
"""
