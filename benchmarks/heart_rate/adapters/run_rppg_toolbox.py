"""The unsupervised methods of rPPG-Toolbox (https://github.com/ubicomplab/rPPG-Toolbox).

A .pth file in its environment names the checkout. The steps are those of its configurations for
unsupervised methods: the whole clip is loaded, faces are cropped by a Haar detector on the first
frame (box 1.5 times as large) and reduced to 72 x 72; its own functions then give waveform and
rate (detrended, 0.6 to 3.3 Hz both ways, periodogram) of the 10 s before each second. It takes one
frame rate for a whole clip; it is given the true average.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np
import unsupervised_methods
from evaluation.post_process import _calculate_fft_hr, _detrend
from job import Analyse, Analysis, run
from scipy.signal import butter, filtfilt
from unsupervised_methods.methods.CHROME_DEHAAN import CHROME_DEHAAN
from unsupervised_methods.methods.GREEN import GREEN
from unsupervised_methods.methods.ICA_POH import ICA_POH
from unsupervised_methods.methods.LGI import LGI
from unsupervised_methods.methods.OMIT import OMIT
from unsupervised_methods.methods.PBV import PBV
from unsupervised_methods.methods.POS_WANG import POS_WANG

CHECKOUT = Path(unsupervised_methods.__file__).parents[1]
LARGER_BOX, SIDE = 1.5, 72
METHODS = {
    "POS": POS_WANG,
    "CHROM": CHROME_DEHAAN,
    "ICA": ICA_POH,
    "GREEN": lambda faces, rate_hz: GREEN(faces),
    "LGI": lambda faces, rate_hz: LGI(faces),
    "PBV": lambda faces, rate_hz: PBV(faces),
    "OMIT": lambda faces, rate_hz: OMIT(faces),
}

_latest: dict[str, tuple[np.ndarray, np.ndarray, tuple[float, float]]] = {}


def read_faces(clip: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the faces (time, 72, 72, 3) and the frames' times."""
    video, frames, times_s = cv2.VideoCapture(clip), [], []
    while True:
        read, frame = video.read()
        if not read:
            break
        times_s.append(video.get(cv2.CAP_PROP_POS_MSEC) / 1000.0)
        frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    whole = np.asarray(frames)
    detector = cv2.CascadeClassifier(
        str(CHECKOUT / "dataset" / "haarcascade_frontalface_default.xml")
    )
    boxes = detector.detectMultiScale(whole[0])
    height, width = whole.shape[1:3]
    if len(boxes) == 0:
        left, top, right, bottom = 0, 0, width, height
    else:
        x, y, w, h = max(boxes, key=lambda box: box[2])
        left = max(0, int(x - (LARGER_BOX - 1) / 2 * w))
        top = max(0, int(y - (LARGER_BOX - 1) / 2 * h))
        right, bottom = left + int(LARGER_BOX * w), top + int(LARGER_BOX * h)
    faces = np.zeros((len(whole), SIDE, SIDE, 3))
    for i, frame in enumerate(whole):
        crop = frame[top:bottom, left:right]
        faces[i] = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return faces, np.array(times_s)


def load(method: str) -> Analyse:
    def analyse(clip: str) -> Analysis:
        shared = (0.0, 0.0)
        if clip in _latest:
            faces, times_s, shared = _latest[clip]
        else:
            wall_s, processor_s = time.perf_counter(), time.process_time()
            faces, times_s = read_faces(clip)
            spent = (time.perf_counter() - wall_s, time.process_time() - processor_s)
            _latest.clear()
            _latest[clip] = (faces, times_s, spent)
        rate_hz = (len(times_s) - 1) / (times_s[-1] - times_s[0])
        wave = np.asarray(METHODS[method](faces, rate_hz), dtype=float).reshape(-1)
        size, ends_s = round(10 * rate_hz), []
        rates = []
        for end in range(10, int(times_s[-1] + 1.5 / rate_hz) + 1):
            last = round(end * rate_hz)
            if last <= len(wave):
                ends_s.append(end)
                rates.append(_rate_bpm(wave[last - size : last], rate_hz))
        return {
            "waveform": (times_s[: len(wave)].tolist(), wave[: len(times_s)].tolist()),
            "rates": (ends_s, rates),
            "clip_bpm": _rate_bpm(wave, rate_hz),
            "shared": shared,
        }

    return analyse


def _rate_bpm(wave: np.ndarray, rate_hz: float) -> float:
    b, a = butter(1, [0.6 / rate_hz * 2, 3.3 / rate_hz * 2], btype="bandpass")
    return float(_calculate_fft_hr(filtfilt(b, a, _detrend(wave, 100)), fs=rate_hz).item())


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    run(load, "checkout")
