"""What learns and decides for people: forecasts from what meters have recorded.

observation           what is known of homes: frozen values on one grid of slots
input/                files of meters to observations: CityLearn 2022, our CSV, Green Button
forecast/             features, quantile models, simple forecasts, their combination, backtests
detection/            a score per meter and week, with reasons
pictures/             what people would look at
commands/             the command line `blockenergy agent`

Decisions are pure: values in, values out. Only input/ and commands/ read and write files. The
libraries are in the extra `agents`; nothing else of the project imports this package.
"""
