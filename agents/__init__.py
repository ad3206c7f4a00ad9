"""What learns and decides for people: forecasts from what meters have recorded, plans and trades.

trading/              how a home trades: pure, and without any library beside Python's own
chain_view            what an agent reads of the chain, and the messages that place its orders
observation           what is known of homes: frozen values on one grid of slots
input/                files of meters to observations: CityLearn 2022, our CSV, Green Button
forecast/             features, quantile models, simple forecasts, their combination, backtests
planning/             batteries as a linear program over quantiles, and the scores of CityLearn 2022
detection/            a score per meter and week, with reasons
insight/              what a home's meter says about it, in sentences with money
lifecycle/            models on disk: trained, tested, promoted, watched, rolled back
fleet/                forecasts of all meters of a distributor, block by block
pictures/             what people would look at
commands/             the command line `blockenergy agent`

Decisions are pure: values in, values out. Only input/ and commands/ read and write files. All but
trading/ and what uses it needs the libraries of the extra `agents`. The homes of the demonstration
and of simulated years are these agents too.
"""
