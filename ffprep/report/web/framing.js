"use strict";

// How a photo lies in its frame, in pixels of the upright photo. The arithmetic is that of
// ffprep/core/geometry.py and ffprep/core/fitting.py, so that a crop is where it was dragged to.

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const edgePixel = (fraction, length) => Math.floor(fraction * length + 0.5 + 1e-9);
const rounded = (value, divisor) => Math.floor((2 * value + divisor) / (2 * divisor));

/** Return the part of a photo that its crop bounds leave. */
function boundedPart({ photo: [width, height], bounds: given }) {
  const bounds = given ?? [0, 0, 1, 1];
  const [left, right] = [edgePixel(bounds[0], width), edgePixel(bounds[2], width)];
  const [top, bottom] = [edgePixel(bounds[1], height), edgePixel(bounds[3], height)];
  return { left, top, width: right - left, height: bottom - top };
}

/** Return what a mode that covers shows of a part of a photo. */
function coveringCut(part, [frameWidth, frameHeight], [x, y]) {
  const width = clamp(rounded(part.height * frameWidth, frameHeight), 1, part.width);
  const height = clamp(rounded(part.width * frameHeight, frameWidth), 1, part.height);
  const start = (length, cut, focus) =>
    Math.ceil(clamp(length * focus - cut / 2, 0, length - cut) - 0.5);
  const left = part.left + start(part.width, width, x);
  return { left, top: part.top + start(part.height, height, y), width, height };
}

/** Return the frame that contains a part of a photo. It is larger than the part, by the bars. */
function containingFrame(part, [frameWidth, frameHeight], [x, y]) {
  const scale = Math.max(part.width / frameWidth, part.height / frameHeight);
  const [width, height] = [frameWidth * scale, frameHeight * scale];
  const left = part.left - (width - part.width) * x;
  return { left, top: part.top - (height - part.height) * y, width, height };
}

/** Return the size of an output in a mode of a fit; null if it can have none. */
function sizeIn({ size, sizes }, fit) {
  const other = sizes?.[fit ?? "contain"];
  return other === undefined ? size : other;
}

/** Return where the output lies on the photo; null if the mode does not say it. */
function frameOf(photo, { fit, focus }) {
  const size = sizeIn(photo, fit);
  if (!photo.photo || !size || !fit) return null;
  const part = boundedPart(photo);
  if (fit === "cover") return coveringCut(part, size, focus);
  if (fit === "contain") return containingFrame(part, size, focus);
  return fit === "fill" ? containingFrame(part, size, [0.5, 0.5]) : part;
}

/** Return the part of the photo that is seen in a frame. */
function keptPart(photo, { fit }, frame) {
  return fit === "cover" ? frame : boundedPart(photo);
}

/** Return how far the frame, or the photo in its frame, can be moved across and down. */
function roomToMove(photo, framing) {
  const frame = frameOf(photo, framing);
  if (!frame || !framing.movable) return [0, 0];
  const part = boundedPart(photo);
  return [Math.abs(part.width - frame.width), Math.abs(part.height - frame.height)];
}

/** Return how far it is moved, from the left and from the top. */
function offsetOf(photo, framing) {
  const [part, frame] = [boundedPart(photo), frameOf(photo, framing)];
  return [Math.abs(frame.left - part.left), Math.abs(frame.top - part.top)];
}

/** Return the focus that moves it that far. */
function focusAt(photo, framing, offset) {
  const [part, frame] = [boundedPart(photo), frameOf(photo, framing)];
  const room = roomToMove(photo, framing);
  const covers = framing.fit === "cover";
  return [part.width, part.height].map((length, axis) => {
    if (room[axis] < 0.5) return 0.5;
    const moved = clamp(offset[axis], 0, room[axis]);
    if (!covers) return Number((moved / room[axis]).toFixed(4));
    const cut = axis === 0 ? frame.width : frame.height;
    // Two digits more than the pixels have: far less than half a pixel is rounded away.
    return Number(((Math.round(moved) + cut / 2) / length).toFixed(String(length).length + 2));
  });
}

/** Return the smallest rectangle around some others. */
function around(rectangles) {
  const left = Math.min(...rectangles.map((each) => each.left));
  const top = Math.min(...rectangles.map((each) => each.top));
  const right = Math.max(...rectangles.map((each) => each.left + each.width));
  const bottom = Math.max(...rectangles.map((each) => each.top + each.height));
  return { left, top, width: right - left, height: bottom - top };
}
