// Framing corrected by eye: the dialog of a photo, and the list of what was changed.

/** By source, the framing that a photo shall have. It applies to all pictures of the photo. */
const edits = new Map();
/** The photo in the dialog, its stage, its framing. */
let current = null;

/** Whether another framing of a photo can be chosen, and would do something. */
function canEdit(photo) {
  if (photo.status === "failed" && !["cut", "upscale"].includes(photo.kind)) return false;
  const parts = [photo.photo, photo.size, photo.path, photo.mode];
  return parts.every(Boolean) && photo.before !== null && isUnicode(photo.path);
}

function editText({ mode, movable, focus }) {
  return movable ? `mode ${mode}, focus ${focus.join(",")}` : `mode ${mode}`;
}

function openEditor(photo) {
  showInEditor(photo);
  if (!byId("editor").open) byId("editor").showModal();
}

function showInEditor(photo) {
  const stage = makeStage({ ...photo, after: null });
  const frame = make("div", { className: "frame", tabIndex: 0, role: "group" });
  frame.setAttribute("aria-label", "Frame: the arrow keys move it");
  stage.scene.append(frame);
  current = { photo, stage, frame, framing: edits.get(photo.source) ?? framingOf(photo) };
  byId("editor-title").replaceChildren(nameOf(baseName(photo)));
  byId("editor-stage").replaceChildren(stage.element);
  byId("override").textContent = overrideNote(photo);
  makeDraggable(stage.scene, frame);
  stage.before.addEventListener("load", drawEditor);
  fillModes(photo);
  drawEditor();
}

/** Say which framing of its own the photo has, which what is saved here replaces. */
function overrideNote({ override }) {
  if (!override) return "";
  const { origin, is_sidecar: isSidecar, ...values } = override;
  const words = Object.entries(values).filter(([, value]) => value !== null);
  const had = words
    .map(([key, value]) => `${key.replace("_", "-")} = ${tomlString(value)}`)
    .join(", ");
  const advice = isSidecar
    ? "A sidecar saved here replaces it. A table does not, because a sidecar wins."
    : "Replace that table by the one saved here. A sidecar wins over it.";
  return `${visible(origin)} frames this photo already: ${visible(had)}. ${advice}`;
}

function fillModes(photo) {
  const offered = modes.has(photo.mode)
    ? [...modes.values()]
    : [{ name: photo.mode }, ...modes.values()];
  const possible = offered.filter(({ name, fit }) => name === photo.mode || sizeIn(photo, fit));
  const choices = possible.map(({ name, summary }) => {
    const radio = make("input", { type: "radio", name: "mode", value: name });
    radio.checked = name === current.framing.mode;
    radio.addEventListener("change", () => chooseMode(name));
    return make("label", {}, radio, make("strong", {}, name), summary ? ` ${summary}` : "");
  });
  byId("modes").replaceChildren(byId("modes").firstElementChild, ...choices);
}

function chooseMode(name) {
  const was = framingOf(current.photo);
  applyFraming(name === was.mode ? was : framingIn(name, [0.5, 0.5]));
}

function applyFraming(framing) {
  const { photo } = current;
  current.framing = framing;
  const place = (each) => JSON.stringify([each.mode, frameOf(photo, each)]);
  if (place(framing) === place(framingOf(photo))) edits.delete(photo.source);
  else edits.set(photo.source, { ...framing, photo });
  drawEditor();
  showChange(photo.source);
}

function drawEditor() {
  const { photo, stage, frame, framing } = current;
  const box = frameOf(photo, framing);
  stage.show(framing);
  frame.hidden = !box;
  if (box) placeIn(stage.view.all, box, frame);
  showPlace(photo, framing);
  byId("undo").disabled = !edits.has(photo.source);
  byId("previous").disabled = !neighbour(-1);
  byId("following").disabled = !neighbour(1);
  drawPreview(photo, framing, box, stage.before);
}

function showPlace(photo, framing) {
  const room = roomToMove(photo, framing);
  const offset = room.some(Boolean) ? offsetOf(photo, framing) : [0, 0];
  ["across", "down"].forEach((id, axis) => {
    const slider = byId(id);
    slider.max = Math.round(room[axis]);
    slider.value = Math.round(offset[axis]);
    slider.disabled = room[axis] < 0.5;
    slider.setAttribute("aria-valuetext", `${slider.value} of ${slider.max} pixels`);
  });
  byId("place").hidden = !room.some((length) => length >= 0.5);
  const size = sizeIn(photo, framing.fit);
  byId("position").textContent =
    `${sizeText(photo.photo)} → ${sizeText(size)} · ${editText(framing)}`;
}

function moveTo(offset) {
  const { photo, framing } = current;
  if (!roomToMove(photo, framing).some((length) => length >= 0.5)) return;
  applyFraming({ ...framing, focus: focusAt(photo, framing, offset) });
}

/** Drag the frame over the photo; or, if the frame is larger, the photo in it. */
function makeDraggable(scene, frame) {
  let start = null;
  scene.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    frame.focus({ preventScroll: true });
    scene.setPointerCapture(event.pointerId);
    const scale = current.stage.view.all.width / scene.getBoundingClientRect().width;
    start = {
      at: [event.clientX, event.clientY],
      offset: offsetOf(current.photo, current.framing),
      scale,
    };
  });
  scene.addEventListener("pointermove", (event) => {
    if (!start) return;
    const moved = [event.clientX, event.clientY].map((place, axis) => place - start.at[axis]);
    moveTo(start.offset.map((offset, axis) => offset + moved[axis] * start.scale));
  });
  for (const end of ["pointerup", "pointercancel"])
    scene.addEventListener(end, () => (start = null));
  frame.addEventListener("keydown", moveByKey);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function moveByKey(event) {
  const direction = ARROWS[event.key];
  if (!direction || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  const { photo, framing } = current;
  const step = event.shiftKey ? 1 : Math.max(1, Math.round(Math.max(...photo.photo) / 100));
  moveTo(offsetOf(photo, framing).map((offset, axis) => offset + direction[axis] * step));
}

/** Return the photo before or after this one that can be corrected; undefined if there is none. */
function neighbour(direction) {
  const index = found.indexOf(current.photo);
  const rest =
    direction > 0 ? found.slice(index + 1) : found.slice(0, Math.max(index, 0)).reverse();
  return rest.find(canEdit);
}

// The preview

function drawPreview(photo, framing, frame, image) {
  const canvas = byId("preview").firstElementChild;
  byId("preview").hidden = !frame;
  if (!frame || !image.complete || !image.naturalWidth) return;
  const size = sizeIn(photo, framing.fit);
  const scale = 320 / Math.max(...size);
  [canvas.width, canvas.height] = size.map((length) => Math.max(1, Math.round(length * scale)));
  canvas.setAttribute("aria-label", `Preview of ${visible(baseName(photo))}: ${editText(framing)}`);
  const context = canvas.getContext("2d");
  context.fillStyle = "black";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (framing.mode === "blur") {
    context.filter = "blur(6px)";
    drawPart(context, photo, image, coveringCut(boundedPart(photo), size, [0.5, 0.5]));
    context.filter = "none";
  }
  const part = keptPart(photo, framing, frame);
  drawPart(context, photo, image, part, framing.fit === "contain" ? frame : part);
}

/** Draw a part of the photo where it lies in a frame, which fills the canvas. */
function drawPart(context, photo, image, part, frame = part) {
  const { width, height } = context.canvas;
  const scale = image.naturalWidth / photo.photo[0];
  const across = width / frame.width;
  const down = height / frame.height;
  const from = [part.left, part.top, part.width, part.height].map((length) => length * scale);
  const to = [(part.left - frame.left) * across, (part.top - frame.top) * down];
  context.drawImage(image, ...from, ...to, part.width * across, part.height * down);
}

// What was changed

/** Draw everything that shows the change of a photo. */
function showChange(source) {
  for (const draw of redraw.get(source) ?? []) draw();
  byId("changes").hidden = !edits.size;
  byId("changed").textContent = `${count(edits.size, "photo")} changed`;
  byId("next").textContent = "";
  listChanges();
  byId("save-sidecars").hidden = ![...edits.values()].every(({ photo }) => photo.sidecar);
}

function listChanges() {
  const list = byId("changed-photos");
  if (list.parentElement.open) list.replaceChildren(...[...edits.values()].map(changeItem));
}

function changeItem(edit) {
  const { photo } = edit;
  const undo = make("button", { type: "button" }, "Undo");
  undo.setAttribute("aria-label", `Undo ${visible(baseName(photo))}`);
  undo.addEventListener("click", () => undoChange(photo.source));
  return make("li", {}, nameOf(photo.source), `: ${editText(edit)} `, undo);
}

function undoChange(source) {
  edits.delete(source);
  showChange(source);
}

function saveTables() {
  const changed = [...edits.values()];
  download("ffprep.toml", tablesText(changed));
  const replaced = changed.filter(({ photo }) => photo.override && !photo.override.is_sidecar);
  const sidecars = changed.filter(({ photo }) => photo.override?.is_sidecar);
  const config = content.asked.config;
  const place = config
    ? `Add the tables of the saved file to ${visible(config)}`
    : `Put the saved ffprep.toml in ${visible(content.tables_folder)}, ` +
      "or add its tables to the one that is there";
  const notes = [
    replaced.length ? `, in place of those of ${names(replaced)}` : "",
    ". ",
    sidecars.length ? `Remove the sidecars of ${names(sidecars)}, which win over tables. ` : "",
    config
      ? againCommand("")
      : againCommand(`--config ${shellWord(`${content.tables_folder}/ffprep.toml`)}`),
  ];
  byId("next").textContent = place + notes.join("");
}

function saveSidecars() {
  const changed = [...edits.values()];
  download("sidecars.zip", sidecarsZip(changed));
  const replaced = changed.filter(({ photo }) => photo.override?.is_sidecar);
  const notes = replaced.length ? ` It replaces the sidecars of ${names(replaced)}.` : "";
  byId("next").textContent =
    `Unpack the saved zip in ${visible(content.sidecars_root)}, so that each sidecar is beside ` +
    `its photo.${notes} ${againCommand("")}`;
}

const names = (changed) => changed.map(({ photo }) => visible(baseName(photo))).join(", ");

function againCommand(option) {
  const { command } = content.asked;
  // The end of a command may be arguments, after a --.
  const again = command?.replace(/^ffprep convert\b/, (start) => `${start} ${option}`.trim());
  if (command) return `Then run: ${visible(again)}`;
  return `Then run the same command again${option ? `, with ${option}` : ""}.`;
}

function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
