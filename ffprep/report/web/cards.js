// The photos: a card for each, with filters and an order.

const STEP = 48;
/** By source, what draws the cards of a photo again. */
const redraw = new Map();
/** The photos that the filters leave, in their order. */
let found = photos;

function makeCard(photo) {
  const card = make("li", { className: `card ${photo.status}` });
  const stage = makeStage(photo);
  const line = make("div", { className: "line" });
  const slider = makeSlider(photo, (share) => {
    stage.split(share);
    line.style.left = `${share * 100}%`;
  });
  if (slider) stage.element.append(line, slider);
  if (photo.before === null && photo.after === null) stage.element.append(noPicture(photo));
  const change = make("p", { className: "note" });
  const draw = () => {
    const edit = edits.get(photo.source);
    stage.show(edit ?? framingOf(photo));
    stage.after.hidden = Boolean(edit);
    if (slider) slider.hidden = line.hidden = Boolean(edit);
    change.textContent = edit ? `Changed: ${editText(edit)}. It has to be saved.` : "";
    slider?.dispatchEvent(new Event("input"));
  };
  const heading = make("h3", {}, nameOf(baseName(photo)));
  card.append(stage.element, heading, factsOf(photo), change, ...notesOf(photo));
  if (canEdit(photo)) card.append(editButton(photo));
  redraw.set(photo.source, [...(redraw.get(photo.source) ?? []), draw]);
  draw();
  return card;
}

/** Make the slider between photo and output; null if one of the two is missing. */
function makeSlider(photo, show) {
  if (photo.before === null || photo.after === null) return null;
  const label = `Photo and output of ${visible(baseName(photo))}`;
  const slider = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": label });
  slider.addEventListener("input", () => {
    slider.setAttribute("aria-valuetext", `the photo up to ${slider.value} %, then the output`);
    show(slider.value / 100);
  });
  return slider;
}

function noPicture(photo) {
  const why = photo.status === "failed" ? "not converted" : "no thumbnail";
  return make("p", { className: "quiet empty" }, why);
}

function factsOf(photo) {
  const sizes = [photo.photo, photo.size].filter(Boolean).map(sizeText).join(" → ");
  const facts = [sizes, photo.mode];
  if (photo.lost) facts.push(`${percent(photo.lost)} cut`);
  if (photo.factor !== null) facts.push(times(photo.factor));
  const folder = make("span", { className: "folder" }, nameOf(photo.folder || "."));
  return make("p", { className: "quiet" }, folder, facts.filter(Boolean).join(" · "));
}

function notesOf(photo) {
  const failure = photo.kind ? [["failure", `${photo.kind}: ${photo.message}`]] : [];
  const warnings = photo.warnings.map(([kind, words]) => [
    "warning",
    words ? `${kind}: ${words}` : kind,
  ]);
  return [...failure, ...warnings].map(([name, words]) =>
    make("p", { className: name }, nameOf(words)),
  );
}

function editButton(photo) {
  const label = `Correct ${visible(baseName(photo))}`;
  const button = make("button", { type: "button", "aria-label": label }, "Correct");
  button.addEventListener("click", () => openEditor(photo));
  return button;
}

// Filters

const COMPARE = {
  name: (a, b) => a.source.localeCompare(b.source),
  cut: (a, b) => (b.lost ?? -1) - (a.lost ?? -1),
  factor: (a, b) => (b.factor ?? -1) - (a.factor ?? -1),
  report: (a, b) => (a.status !== "failed") - (b.status !== "failed"),
};

function isFound(photo) {
  const [name, folder, kind] = ["name", "folder", "kind"].map((id) => byId(id).value);
  const [cut, factor] = ["cut", "factor"].map((id) => Number(byId(id).value));
  return (
    photo.source.toLowerCase().includes(name.toLowerCase()) &&
    (folder === "any" || `in:${photo.folder}` === folder) &&
    isOfKind(photo, kind) &&
    (photo.lost ?? 0) > cut &&
    (photo.factor ?? 0) > factor
  );
}

function isOfKind(photo, wanted) {
  const [what, kind] = wanted.split(":");
  if (what === "any") return true;
  if (what === "changed") return edits.has(photo.source);
  if (what === "failed") return photo.status === "failed" && (!kind || photo.kind === kind);
  return photo.warnings.some((warning) => !kind || warning[0] === kind);
}

function showPhotos() {
  found = photos.filter(isFound).sort(COMPARE[byId("order").value]);
  byId("found").textContent =
    `${count(found.length, "picture")} of ${photos.length.toLocaleString("en")}`;
  redraw.clear();
  const { more, showMore } = showInSteps(byId("cards"), found, makeCard, STEP, "picture");
  nearEnd.disconnect();
  nearEnd.observe(more);
  nearEnd.showMore = showMore;
}

const nearEnd = new IntersectionObserver(
  (entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    const { target } = entries[0];
    nearEnd.showMore();
    nearEnd.unobserve(target);
    if (target.isConnected) nearEnd.observe(target);
  },
  { rootMargin: "1200px" },
);

function fillFilters() {
  const folders = [...new Set(photos.map((photo) => photo.folder))].sort();
  fillChoice("folder", [
    ["any", "all"],
    ...folders.map((name) => [`in:${name}`, visible(name || ".")]),
  ]);
  const kinds = [
    ["any", "all"],
    ["failed", "failed"],
    ["warned", "with a warning"],
    ["changed", "changed here"],
  ];
  for (const kind of Object.keys(content.failed_by_kind))
    kinds.push([`failed:${kind}`, `failed: ${kind}`]);
  for (const kind of Object.keys(content.warned_by_kind))
    kinds.push([`warned:${kind}`, `warning: ${kind}`]);
  fillChoice("kind", kinds);
  byId("filters").addEventListener("input", showPhotos);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
}

function fillChoice(id, choices) {
  byId(id).append(...choices.map(([value, words]) => make("option", { value }, words)));
}

/** Show only the photos of a kind, and go to them. */
function showKind(kind) {
  byId("filters").reset();
  byId("kind").value = kind;
  showPhotos();
  byId("photos").focus();
}

function showSample() {
  const { sample } = content;
  byId("sample").hidden = !sample;
  if (!sample) return;
  const numbers = `${sample.shown.toLocaleString("en")} of ${count(sample.of, "picture")}`;
  byId("sample").textContent =
    `This report shows ${numbers}: what failed, what is cut or enlarged much, and a sample of ` +
    "the rest. Counts and charts are of all.";
}
