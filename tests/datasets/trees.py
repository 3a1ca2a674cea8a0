"""Tiny copies of public data sets, with their real layouts and file formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import scipy.io
from datasets.coded_trees import CODED_TREES
from datasets.empatica import write_empatica
from datasets.flow_trees import write_megc2019_flow
from datasets.media import picture, pictures, wave, write_avi
from datasets.own_trees import OWN_GIVEN, OWN_TREES
from datasets.stressid_trees import write_stressid, write_stressid_features


def write_ubfc_rppg_1(root: Path) -> None:
    """Two seconds of video from 0 s, rows of ms, bpm, %, pulse about every 16.1 ms."""
    for name, video in (
        ("5-gt", "vid.avi"),
        ("12-gt", "vid-12.avi"),
        ("after-exercise", "vid.avi"),
    ):
        write_avi(root / name / video, pictures(58), 28.67)
        ms = np.round(np.arange(124) * 16.1).astype(int)
        rows = [f"{t},{72 + (t > 1000)},97,{40 + 20 * wave(t / 1000):.0f}" for t in ms]
        (root / name / "gtdump.xmp").write_text("\n".join(rows) + "\n")


def write_ubfc_rppg_2(root: Path) -> None:
    """One value a frame; scientific notation in columns, as the set has it."""
    for name in ("subject1", "subject10", "subject3"):
        write_avi(root / name / "vid.avi", pictures(40), 29.5)
        times_s = np.arange(40) / 29.5 + 0.01
        lines = (wave(times_s), np.full(40, 91.0), times_s)
        text = "\n".join("   ".join(f"{value: .7e}" for value in line) for line in lines)
        (root / name / "ground_truth.txt").write_text(text + "\n")


def write_ubfc_phys(root: Path) -> None:
    for n in (1, 2):
        folder = root / f"s{n}"
        for task in ("T1", "T2", "T3"):
            write_avi(folder / f"vid_s{n}_{task}.avi", pictures(35), 35)
            values = wave(np.arange(64 * 3) / 64)
            (folder / f"bvp_s{n}_{task}.csv").write_text("".join(f"{v:.2f}\n" for v in values))
            (folder / f"eda_s{n}_{task}.csv").write_text("0.51\n0.52\n" * 6)
        (folder / f"info_s{n}.txt").write_text(f"s{n}\nf\n{'test' if n == 1 else 'ctrl'}\n")


PURE_START_NS = 1392643993642815000


def write_pure(root: Path) -> None:
    """Images 33.34 ms apart but for a gap; the oximeter begins 4 ms later, at about 59 Hz."""
    offsets_ns = [33_340_000 * i + (250_000_000 if i >= 20 else 0) for i in range(40)]
    for name in ("01-01", "01-05", "02-03"):
        images = root / name / name
        images.mkdir(parents=True)
        for offset, image in zip(offsets_ns, pictures(40), strict=True):
            write_image(images / f"Image{PURE_START_NS + offset}.png", image)
        (images / "Thumbs.db").write_bytes(b"stray")
        packages = []
        for i in range(90):
            ns = 4_000_000 + 16_900_000 * i
            level = round(float(50 + 30 * wave(ns / 1e9)))
            value = {"waveform": level, "pulseRate": 72, "o2saturation": 97, "probeError": i == 3}
            packages.append({"Timestamp": PURE_START_NS + ns, "Value": value, "FrameID": ""})
        frames = [{"Timestamp": PURE_START_NS + ns, "FrameID": "/CameraFrame"} for ns in offsets_ns]
        content = json.dumps({"/FullPackage": packages, "/Image": frames})
        (root / name / f"{name}.json").write_text(content)
    (root / "06-02" / "06-02").mkdir(parents=True)  # empty in the set as it is handed out


def write_cohface(root: Path) -> None:
    for n in (1, 12):
        for session in range(4):
            folder = root / str(n) / str(session)
            write_avi(folder / "data.avi", pictures(20), 20)
            times_s = np.arange(256) / 256
            with h5py.File(folder / "data.hdf5", "w") as file:
                file["pulse"], file["time"] = wave(times_s), times_s
                file["respiration"] = wave(times_s / 4)
                file.attrs["sample-rate-hz"] = 256
                file.attrs["illumination"] = np.bytes_("lamp" if session < 2 else "natural")
    for protocol, sessions in (("all", range(4)), ("clean", range(2)), ("natural", range(2, 4))):
        folder = root / "protocols" / protocol
        folder.mkdir(parents=True)
        for subset, people in (("all", (1, 12)), ("train", (1,)), ("dev", ()), ("test", (12,))):
            stems = [f"{n}/{session}/data" for n in people for session in sessions]
            (folder / f"{subset}.txt").write_text("".join(f"{stem}\n" for stem in stems))


def write_mmpd(root: Path) -> None:
    """Both ways in which the set's files are stored: floats compressed, and not."""
    video = np.stack([picture(60 + 4 * i, 32, 24) for i in range(15)])
    for n, (kind, compressed) in {1: ("float64", True), 12: ("float32", False)}.items():
        for k, motion in ((0, "Stationary"), (3, "Watching Videos")):
            path = root / f"subject{n}" / f"p{n}_{k}.mat"
            path.parent.mkdir(parents=True, exist_ok=True)
            content = {
                "video": (video / 255).astype(kind),
                "GT_ppg": wave(np.arange(15) / 30)[None],
                "light": "LED-low",
                "motion": motion,
                "exercise": "False",
                "skin_color": np.array([[3 if n == 1 else 6]]),
                "gender": "male",
                "glasser": "True",
                "hair_cover": "False",
                "makeup": "False",
            }
            scipy.io.savemat(path, content, do_compression=compressed)


def write_scamps(root: Path) -> None:
    """As MATLAB 7.3 stores it: axes reversed, signals as columns."""
    root.mkdir(parents=True, exist_ok=True)
    video = np.stack(pictures(15)) / 255
    for name in ("P000001", "P000002"):
        with h5py.File(root / f"{name}.mat", "w", userblock_size=512) as file:
            file.create_dataset("RawFrames", data=video.T, chunks=(3, 32, 24, 4))
            file["Xsub"] = video[:, :, 4:28].T
            file["d_ppg"] = wave(np.arange(15) / 30)[None]
            file["d_br"] = wave(np.arange(15) / 120)[None]
            file["au12"] = np.linspace(0, 1, 15)[None]


def write_ibvp(root: Path) -> None:
    for name in ("p01_a", "p01_d", "p08_b"):
        images = root / name / f"{name}_rgb"
        images.mkdir(parents=True)
        for i, image in enumerate(pictures(12)):
            write_image(images / f"{i + 1}.bmp", image)
        (root / name / f"{name}_t").mkdir()
        rows = ["BVP,SQPhysMD,SQ1,SQ2,Perfusion_Value"]
        rows += [
            f"{v:.5f},1,1,{0 if i == 2 else 1},4.2" for i, v in enumerate(wave(np.arange(12) / 30))
        ]
        (root / name / f"{name}_bvp.csv").write_text("\n".join(rows) + "\n")


def write_vipl_hr(root: Path) -> None:
    """Containers of 25 frames/s; frames taken at 16 (source 1) and 30 (the others) a second."""
    for person in ("p1", "p10"):
        for scene, source in (("v1", 1), ("v1", 2), ("v1", 3), ("v1", 4), ("v7", 1)):
            folder = root / person / scene / f"source{source}"
            rate_hz = {1: 16, 2: 30, 3: 30, 4: 30}[source]
            write_avi(folder / "video.avi", pictures(2 * rate_hz + 1), 25)
            times_ms = [round(1000 * i / rate_hz) for i in range(2 * rate_hz + 1)]
            if source != 2:
                (folder / "time.txt").write_text("".join(f"{ms}\n" for ms in times_ms))
            values = 50 + 30 * wave(np.arange(120) / 60)
            (folder / "wave.csv").write_text("Wave\n" + "".join(f"{v:.0f}\n" for v in values))
            (folder / "gt_HR.csv").write_text("HR\n72\n255\n")
            (folder / "gt_SpO2.csv").write_text("SpO2\n97\n127\n")


def write_image(path: Path, image: Any) -> None:
    coded = cv2.imencode(path.suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(coded.tobytes())


def write_stress_predict(root: Path) -> None:
    """Forty seconds of two people; the second's thermometer is missing."""
    lines = ["subject\tonset\tduration\ttrial_type"]
    for name in ("S02", "S10"):
        write_empatica(root / name, 40.0)
        lines += [f"{name}\t1.0\t19.0\trest", f"{name}\t21.0\t18.5\tstress"]
    (root / "S10" / "TEMP.csv").unlink()
    (root / "segments.tsv").write_text("\n".join(lines) + "\n")


def write_welltory(root: Path) -> None:
    """Three seconds of a red finger, a row about every 33 ms, and five intervals."""
    for subject, channels in (
        ("subject_02", (230.0, 0.0, 0.0)),
        ("subject_01", (124.0, 20.0, 17.0)),
    ):
        folder = root / subject
        folder.mkdir(parents=True)
        ms = np.round(np.arange(90) * 33.4).astype(int)
        level = 1.0 - 0.01 * wave(ms / 1000.0)
        rows = [
            ",".join([str(m), *(f"{np.round(c * v, 3):g}" for c in channels)])
            for m, v in zip(ms, level, strict=True)
        ]
        (folder / "PPG.csv").write_text("time,R,G,B\n" + "\n".join(rows) + "\n", "utf-8")
        (folder / "RR.txt").write_text("833 829 840 3100 835", "utf-8")


TREES: dict[str, Callable[[Path], None]] = {
    **CODED_TREES,
    **OWN_TREES,
    "cohface": write_cohface,
    "ibvp": write_ibvp,
    "megc2019_flow": write_megc2019_flow,
    "mmpd": write_mmpd,
    "pure": write_pure,
    "scamps": write_scamps,
    "stress_predict": write_stress_predict,
    "stressid": write_stressid,
    "stressid_features": write_stressid_features,
    "ubfc_phys": write_ubfc_phys,
    "ubfc_rppg_1": write_ubfc_rppg_1,
    "ubfc_rppg_2": write_ubfc_rppg_2,
    "vipl_hr": write_vipl_hr,
    "welltory": write_welltory,
}
"""By the name of a data set's config, what writes its tiny copy under a root."""

GIVEN: dict[str, dict[str, Any]] = {
    **OWN_GIVEN,
    "dfme": {"frame_rates_hz": {"1*": 500.0, "*": 200.0}},
}
"""What a config leaves to its user, because the data set does not say it."""
