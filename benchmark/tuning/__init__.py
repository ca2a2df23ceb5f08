"""Tuning: an equal budget for every method, an objective on the validation part alone.

``space`` says what may be tried, ``withheld`` keeps the test part away, ``trial`` trains epoch by
epoch, ``studies`` holds the trials in Optuna's storage, ``worker`` runs one trial in a process of
its own, ``tune`` drives the workers, ``result`` writes what was found.
"""
