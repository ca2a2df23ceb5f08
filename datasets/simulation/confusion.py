"""How people confuse the emotions of CREMA-D: votes counted by intended and perceived emotion.

Counts of ``processedResults/tabulatedVotes.csv`` (Cao et al., IEEE Transactions on Affective
Computing 5(4), 2014; https://github.com/CheyneyComputerScience/CREMA-D): rows are the intended
emotion, which stands in the name of the file, columns the vote. Voice votes are the rows of that
file whose id begins with 1, face votes those whose id begins with 2.
"""

from __future__ import annotations

import numpy as np

EMOTIONS = ("anger", "disgust", "fear", "happy", "neutral", "sad")

CLIPS = np.array([1271, 1271, 1271, 1271, 1087, 1271])
"""Clips of each emotion in the corpus, 7,442 in all: its class prior."""

VOICE_VOTES = np.array(
    [
        [6289, 2496, 602, 225, 2080, 130],
        [1403, 3319, 1065, 319, 4369, 1117],
        [745, 736, 3726, 345, 4446, 1611],
        [809, 869, 942, 3341, 5198, 381],
        [396, 602, 514, 207, 7807, 714],
        [221, 829, 1363, 153, 6252, 2947],
    ]
)

FACE_VOTES = np.array(
    [
        [6933, 2341, 555, 344, 1729, 301],
        [984, 6641, 1253, 155, 717, 2463],
        [1100, 1249, 5329, 186, 2628, 1682],
        [106, 165, 113, 10829, 1058, 83],
        [466, 811, 427, 444, 7500, 839],
        [416, 1221, 1472, 194, 4996, 3924],
    ]
)
