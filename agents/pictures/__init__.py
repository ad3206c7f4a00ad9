"""Pictures of what agents did, drawn with matplotlib.

style     colours and the figure that all share
plans     a week of plans against prices
roc       how many attacked weeks are found at how many false alarms
bands     a week of forecasts against what came
"""
