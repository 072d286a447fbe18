// A photo and its output on one stage: the output lies where its part of the photo is.

const STAGE_RATIO = 4 / 3;

/** Make a stage for a photo. `show` draws a framing; `split` is where the output begins, 0 to 1. */
function makeStage(photo) {
  const before = picture(photo.before, `${visible(baseName(photo))}, the photo`);
  const after = picture(photo.after, `${visible(baseName(photo))}, the output`);
  const kept = make("div", { className: "kept" });
  const original = make("div", { className: "original" }, before, kept);
  const scene = make("div", { className: "scene" }, original, after);
  const stage = { element: make("div", { className: "stage" }, scene), scene, before, after };
  stage.show = (framing) => {
    stage.view = placeAll(photo, framing, { scene, original, kept, after });
  };
  stage.split = (share) => {
    const { left, width } = stage.view;
    const hidden = clamp((share - left) / width, 0, 1) * 100;
    after.style.clipPath = `inset(0 0 0 ${hidden}%)`;
  };
  return stage;
}

/** Make an image of a thumbnail, which comes when the whole file has been read. */
function picture(line, alt) {
  if (line === null) return make("span", { className: "nothing" });
  const image = make("img", { alt, decoding: "async" });
  thumbnails.then((lines) => {
    image.src = `data:image/jpeg;base64,${lines[line]}`;
  });
  return image;
}

/** Place the elements of a stage. Returns where the output is, as shares of the stage's width. */
function placeAll(photo, framing, { scene, original, kept, after }) {
  const frame = frameOf(photo, framing);
  scene.classList.toggle("loose", !frame);
  kept.hidden = !frame;
  if (!frame) return { left: 0, width: 1 };
  const [width, height] = photo.photo;
  const whole = { left: 0, top: 0, width, height };
  const all = around([whole, frame]);
  const sceneWidth = Math.min(1, all.width / all.height / STAGE_RATIO);
  scene.style.width = `${sceneWidth * 100}%`;
  scene.style.aspectRatio = `${all.width} / ${all.height}`;
  placeIn(all, whole, original);
  placeIn(whole, keptPart(photo, framing, frame), kept);
  placeIn(all, frame, after);
  const left = (1 - sceneWidth) / 2 + (sceneWidth * (frame.left - all.left)) / all.width;
  return { left, width: (sceneWidth * frame.width) / all.width, all };
}

function placeIn(around, { left, top, width, height }, element) {
  element.style.left = `${((left - around.left) / around.width) * 100}%`;
  element.style.top = `${((top - around.top) / around.height) * 100}%`;
  element.style.width = `${(width / around.width) * 100}%`;
  element.style.height = `${(height / around.height) * 100}%`;
}

/** Return a framing: a mode, its fit, whether the focus moves anything, and the focus. */
function framingIn(name, focus) {
  const mode = modes.get(name);
  const fit = mode?.fit ?? null;
  const movable = fit === "contain" || (fit === "cover" && mode.cuts_at_focus);
  return { mode: name, fit, movable, focus };
}

/** Return how a photo was framed. */
const framingOf = (photo) => framingIn(photo.mode, photo.focus ?? [0.5, 0.5]);
