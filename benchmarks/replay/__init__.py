"""Are replays the recorded runs?"""
