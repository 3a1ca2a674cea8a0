"""Which of MediaPipe's 478 face landmarks lie where.

'Left' and 'right' are the subject's own sides: the subject's right eye is on the image's left.
Polygons are ordered around their edge.
"""

from __future__ import annotations

__all__ = [
    "EYE_CORNERS",
    "FACE_OVAL",
    "FOREHEAD",
    "LANDMARKS",
    "LEFT_BROW",
    "LEFT_CHEEK",
    "LEFT_EYE",
    "LEFT_IRIS",
    "LIPS_INNER",
    "LIPS_OUTER",
    "NOSE_BRIDGE",
    "RIGHT_BROW",
    "RIGHT_CHEEK",
    "RIGHT_EYE",
    "RIGHT_IRIS",
    "STABLE",
]

LANDMARKS = 478

RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
RIGHT_IRIS = (468, 469, 470, 471, 472)  # centre, then around it
LEFT_IRIS = (473, 474, 475, 476, 477)
RIGHT_BROW = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
LEFT_BROW = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291,
              409, 270, 269, 267, 0, 37, 39, 40, 185)  # fmt: skip
LIPS_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308,
              415, 310, 311, 312, 13, 82, 81, 80, 191)  # fmt: skip
FACE_OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400,
             377, 152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67,
             109)  # fmt: skip

FOREHEAD = (107, 66, 69, 109, 10, 338, 299, 296, 336, 9)
RIGHT_CHEEK = (118, 119, 100, 126, 209, 49, 129, 203, 205, 50)
LEFT_CHEEK = (347, 348, 329, 355, 429, 279, 358, 423, 425, 280)

EYE_CORNERS = (33, 133, 362, 263)
"""Outer and inner corner of the right eye, inner and outer corner of the left."""
NOSE_BRIDGE = (168, 6, 197, 195)
STABLE = EYE_CORNERS + NOSE_BRIDGE
"""Points that expressions hardly move: what alignment stands on."""
