"""A score per meter and week: how likely what it reported is not what was used, and why.

weeks       series as weeks by hours
attacks     six ways to report less, or the same at a better time
features    own history, shape, and the balance of the feeder
detector    learns from the past of a folder under attacks of its own making
reasons     sentences for a score
trial       attacks the weeks that are watched, and says what was found
"""
