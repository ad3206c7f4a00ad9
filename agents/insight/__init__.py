"""What a home's meter says about it, in sentences with money and certainty.

findings    one function for each thing that hourly data can honestly show
"""
