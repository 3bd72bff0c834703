"""Finds the objects of each frame as what does not have the background's colours.

It names no shapes and no motions; `follow` only says which blob is which from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.tiny_eval.palette import Bytes, Floats, distances, palette, to_lab

Mask = NDArray[np.bool_]

SPREAD = 9.0  # Lab distance at which a pixel's vote for a background is halved
NEAR = (13.0, 26.0)  # how near to a background's colours pixels must be to teach its model
TAUGHT = 60  # percent of the pixels that should teach it, within these bounds
SOFTNESS = 3.5  # Lab standard deviation that compression and noise may add
SALIENT = 3.3  # standard deviations from the background at which a pixel is an object's
EDGE = 0.6  # share of an object's contrast at which a soft edge is cut
SMALLEST = 0.0012  # share of the frame below which a blob is noise
SECOND_COLOR = 0.15  # share of the object pixels that make a colour a second object's
SECOND_OBJECT = 0.12  # area of the largest object that makes a blob a second one
PRESENT = 0.5  # share of frames in which an object must be seen


@dataclass(frozen=True)
class Blob:
    """One object in one frame: index of the frame, mask (h, w), box (left, top, right, bottom)."""

    frame: int
    mask: Mask
    box: tuple[int, int, int, int]
    area: int
    center: tuple[float, float]

    @property
    def clipped(self) -> tuple[bool, bool, bool, bool]:
        """Whether the blob runs into the left, top, right and bottom edge of the frame."""
        height, width = self.mask.shape
        left, top, right, bottom = self.box
        return left <= 1, top <= 1, right >= width - 1, bottom >= height - 1


@dataclass(frozen=True)
class Track:
    """One object through the clip: its blobs in order of frames; frames may be missing."""

    blobs: tuple[Blob, ...]

    @property
    def area(self) -> float:
        """Total of the blobs' areas in pixels."""
        return float(sum(blob.area for blob in self.blobs))


@dataclass(frozen=True)
class Segments:
    """A clip taken apart: its background's name, object pixels (n, h, w), objects by size."""

    background: str
    foreground: Mask
    tracks: tuple[Track, ...]


def background_name(labs: list[Floats]) -> str:
    """The background whose colours explain most pixels of the clip."""
    known = palette()
    pixels = np.concatenate([lab[2::5, 2::5].reshape(-1, 3) for lab in labs])
    votes = []
    for texture in known.textures:
        nearest = distances(pixels, texture).min(1)
        votes.append(float((1.0 / (1.0 + (nearest / SPREAD) ** 2)).mean()))
    return known.backgrounds[int(np.argmax(votes))]


def _whitening(labs: list[Floats], background: str) -> tuple[Floats, Floats]:
    """Mean and whitening matrix of the clip's background pixels in Lab."""
    known = palette()
    texture = known.textures[known.backgrounds.index(background)]
    pixels = np.concatenate([lab[1::4, 1::4].reshape(-1, 3) for lab in labs])
    far = distances(pixels, texture).min(1)
    near = pixels[far < np.clip(np.percentile(far, TAUGHT), *NEAR)]
    if len(near) < 50:
        near = np.repeat(texture, 10, axis=0)
    covariance = np.cov(near.T) + SOFTNESS**2 * np.eye(3)
    return near.mean(0), np.linalg.cholesky(np.linalg.inv(covariance)).astype(np.float32)


def _fill(mask: Mask) -> list[Blob]:
    """Connected parts of a mask with their holes filled, too small ones left out (frame = 0)."""
    height, width = mask.shape
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    blobs = []
    for contour in contours:
        if cv2.contourArea(contour) < SMALLEST * height * width:
            continue
        filled = np.zeros((height, width), np.uint8)
        cv2.drawContours(filled, [contour], -1, 1, cv2.FILLED)
        left, top, wide, tall = cv2.boundingRect(contour)
        moments = cv2.moments(filled, binaryImage=True)
        center = (moments["m10"] / moments["m00"], moments["m01"] / moments["m00"])
        box = (left, top, left + wide, top + tall)
        blobs.append(Blob(0, filled.astype(bool), box, int(moments["m00"]), center))
    return sorted(blobs, key=lambda blob: -blob.area)


def _unlikeness(lab: Floats, mean: Floats, whitening: Floats) -> Floats:
    """Standard deviations of each pixel from the background, shape (h, w)."""
    whitened = (lab.reshape(-1, 3) - mean) @ whitening
    return np.sqrt(np.einsum("ij,ij->i", whitened, whitened)).reshape(lab.shape[:2])


def _tidy(mask: Mask) -> Mask:
    kernel = np.ones((3, 3), np.uint8)
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    return np.asarray(cv2.morphologyEx(closed, cv2.MORPH_OPEN, kernel)).astype(bool)


def _sharpened(blob: Blob, unlike: Floats) -> Blob:
    """The blob cut at about half its contrast, where the edge of a blurred object really is."""
    # The median, not the middle: of small objects the darker edge is most of what is seen.
    level = EDGE * float(np.median(unlike[blob.mask]))
    if level <= SALIENT:
        return blob
    parts = _fill(_tidy(blob.mask & (unlike > level)))
    return parts[0] if parts else blob


def _dominant_colors(labs: list[Floats], masks: list[Mask]) -> list[int]:
    """Colours of the objects: one, or two where both take a good share of the object pixels."""
    known = palette()
    inner = [
        lab[cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) > 0]
        for lab, mask in zip(labs, masks, strict=True)
    ]
    pixels = np.concatenate(inner)[::7]
    if not len(pixels):
        return []
    both = np.concatenate([known.bodies, known.rims])
    found = distances(pixels, both).argmin(1)
    counts = np.bincount(found[found < len(known.colors)], minlength=len(known.colors))
    order = np.argsort(-counts)[:2]
    return [int(color) for color in order if counts[color] >= SECOND_COLOR * counts.sum()]


def _parts(lab: Floats, mask: Mask, colors: list[int]) -> list[Blob]:
    """Blobs of a frame; where there are two object colours, touching objects are kept apart."""
    if len(colors) < 2 or not mask.any():
        return _fill(mask)
    known = palette()
    points = np.concatenate([known.bodies[colors], known.rims[colors]])
    label = np.full(mask.shape, -1)
    label[mask] = distances(lab[mask], points).argmin(1) % len(colors)
    kernel = np.ones((3, 3), np.uint8)
    blobs = []
    for index in range(len(colors)):
        own = cv2.morphologyEx((label == index).astype(np.uint8), cv2.MORPH_OPEN, kernel)
        blobs += _fill(np.asarray(own).astype(bool))
    return sorted(blobs, key=lambda blob: -blob.area)


def _closeness(track: list[Blob], blob: Blob, lab_of: dict[int, Floats]) -> float:
    """How unlike a track's last blob this one is: distance in place (frame widths) and colour."""
    last = track[-1]
    place = np.hypot(last.center[0] - blob.center[0], last.center[1] - blob.center[1])
    color = np.linalg.norm(lab_of[id(last)] - lab_of[id(blob)])
    return float(place / blob.mask.shape[1] + color / 60.0)


def follow(frames: list[list[Blob]], labs: list[Floats]) -> tuple[Track, ...]:
    """Links the blobs of successive frames into tracks, the largest object first, at most two."""
    tracks: list[list[Blob]] = []
    tint: dict[int, Floats] = {}
    for blobs, lab in zip(frames, labs, strict=True):
        tint.update({id(blob): np.median(lab[blob.mask], axis=0) for blob in blobs})
        free = list(range(len(tracks)))
        for blob in blobs[:3]:
            ranked = sorted((_closeness(tracks[index], blob, tint), index) for index in free)
            if ranked and ranked[0][0] < 0.5:
                tracks[ranked[0][1]].append(blob)
                free.remove(ranked[0][1])
            else:
                tracks.append([blob])
    long = [Track(tuple(track)) for track in tracks if len(track) >= PRESENT * len(frames)]
    long.sort(key=lambda track: -track.area)
    return tuple(track for track in long[:2] if track.area >= SECOND_OBJECT * long[0].area)


def segment(frames: Bytes) -> Segments:
    """Takes a clip apart; frames uint8 (n, h, w, 3), best at about 256 pixels."""
    labs = [to_lab(cv2.medianBlur(frame, 3)) for frame in frames]
    background = background_name(labs)
    mean, whitening = _whitening(labs, background)
    unlike = [_unlikeness(lab, mean, whitening) for lab in labs]
    masks = [_tidy(far > SALIENT) for far in unlike]
    colors = _dominant_colors(labs, masks)
    blobs = []
    for index, (lab, mask) in enumerate(zip(labs, masks, strict=True)):
        sharp = (_sharpened(blob, unlike[index]) for blob in _parts(lab, mask, colors))
        blobs.append([replace(blob, frame=index) for blob in sharp])
    return Segments(background, np.stack(masks), follow(blobs, labs))
