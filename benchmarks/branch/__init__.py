"""Conversations with a planted decisive turn: is it found, and with how many simulations?"""
