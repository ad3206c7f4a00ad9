"""Files of meters to observations.

folder         finds out what a folder holds, and reads it
table          a CSV file, plain or compressed, as columns
citylearn      a folder of the CityLearn 2022 challenge
meter_csv      our CSV: time,meter,import_wh,export_wh
greenbutton    Green Button (ESPI) XML
grid           readings at any times onto a grid of slots
cleaning       what cannot be true is marked and taken as missing
"""
