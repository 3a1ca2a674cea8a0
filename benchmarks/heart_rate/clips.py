"""Longer clips out of short ones, without compressing again."""

from __future__ import annotations

from pathlib import Path

import av


def repeated(source: Path, duration_s: float, out: Path) -> Path:
    """Write a video that shows the source again and again, its packets copied, and return it."""
    with av.open(str(out), "w") as written:
        track, start, last, step = None, 0, 0, 1
        while True:
            with av.open(str(source)) as read:
                stream = read.streams.video[0]
                if track is None:
                    track = written.add_stream_from_template(stream)
                    track.time_base = stream.time_base
                for packet in read.demux(stream):
                    if packet.dts is None:
                        continue
                    packet.pts += start
                    packet.dts += start
                    last, step = max(last, packet.pts), packet.duration or step
                    if packet.pts * stream.time_base >= duration_s and packet.is_keyframe:
                        return out
                    packet.stream = track
                    written.mux(packet)
            start = last + step
            if start * stream.time_base >= duration_s:
                return out


def frames(clip: Path) -> int:
    """Return how many frames a video has."""
    with av.open(str(clip)) as read:
        return sum(packet.size > 0 for packet in read.demux(read.streams.video[0]))
