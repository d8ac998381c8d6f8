"""What payments asks of other services: nothing.

It hears of orders by their events, and the bank is simulated in `bank.py`.
"""
