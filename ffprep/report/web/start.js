// The buttons, and the first drawing.

const THEMES = ["system", "light", "dark"];

function nextTheme() {
  const { dataset } = document.documentElement;
  dataset.theme = THEMES[(THEMES.indexOf(dataset.theme ?? "system") + 1) % THEMES.length];
  byId("theme").textContent = `Theme: ${dataset.theme}`;
}

const ON_CLICK = {
  theme: nextTheme,
  close: () => byId("editor").close(),
  previous: () => showInEditor(neighbour(-1)),
  following: () => showInEditor(neighbour(1)),
  undo: () => {
    undoChange(current.photo.source);
    showInEditor(current.photo);
    current.frame.focus();
  },
  "undo-all": () => [...edits.keys()].forEach(undoChange),
  "save-tables": saveTables,
  "save-sidecars": saveSidecars,
};

for (const [id, act] of Object.entries(ON_CLICK)) byId(id).addEventListener("click", act);
["across", "down"].forEach((id, axis) => {
  byId(id).addEventListener("input", (event) => {
    const offset = offsetOf(current.photo, current.framing);
    offset[axis] = Number(event.target.value);
    moveTo(offset);
  });
});
byId("changed-photos").parentElement.addEventListener("toggle", listChanges);
// Corrections that were not saved are lost with the page.
addEventListener("beforeunload", (event) => {
  if (edits.size && !byId("next").textContent) event.preventDefault();
});

showSummary();
showFailures();
showWarnings();
showCharts();
showSample();
fillFilters();
showPhotos();
